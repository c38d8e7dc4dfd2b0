// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// Every file that a component or a configuration names must be a file that up writes
// before it starts the component.
func TestComponentsNameOnlyFilesThatUpWrites(t *testing.T) {
	l := layout{state: "/state", cache: "/cache"}
	written := map[string]bool{filepath.Join(l.pki(), "ca.crt"): true, filepath.Join(l.pki(), "ca.key"): true, filepath.Join(l.conf(), "resolv.conf"): true}
	for path := range configurations {
		written[filepath.Join(l.state, path)] = true
	}
	for file := range serverIdentities {
		written[filepath.Join(l.pki(), file+".crt")], written[filepath.Join(l.pki(), file+".key")] = true, true
	}
	for name := range kubeconfigIdentities {
		written[l.kubeconfigOf(name)] = true
	}
	files, err := render(exampleSettings())
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, content := range files {
		words = append(words, strings.FieldsFunc(string(content), func(r rune) bool { return strings.ContainsRune(" \n\"',{}[]", r) })...)
	}
	for _, c := range components(l, "/bin") {
		words = append(words, c.arguments...)
	}
	checked := 0
	for _, word := range words {
		_, path, found := strings.Cut(word, "=")
		if !found {
			path = word
		}
		if !strings.HasPrefix(path, l.pki()+"/") && !strings.HasPrefix(path, l.conf()+"/") {
			continue
		}
		checked++
		if !written[path] {
			t.Errorf("%s is named by %q, but up does not write it", path, word)
		}
	}
	if checked < 25 {
		t.Errorf("only %d names were checked; the test looks at the wrong words", checked)
	}
}

func TestComponentsSwitchNoFeatures(t *testing.T) {
	for _, c := range components(layout{state: "/state"}, "/bin") {
		for _, argument := range c.arguments {
			if strings.HasPrefix(argument, "--feature-gates") || strings.HasPrefix(argument, "--runtime-config") {
				t.Errorf("%s is started with %s; the cluster shall be as Kubernetes ships it", c.name, argument)
			}
		}
	}
}
