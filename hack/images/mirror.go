// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// debianSuites are the suites that tell Debian's own archive from other archives. All of
// them are on the same mirror.
var debianSuites = []string{"bullseye", "bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable"}

// findMirror reads this machine's Debian mirror from apt's sources.
func findMirror(apt string) (string, error) {
	files := []string{filepath.Join(apt, "sources.list")}
	for _, pattern := range []string{"*.list", "*.sources"} {
		found, err := filepath.Glob(filepath.Join(apt, "sources.list.d", pattern))
		if err != nil {
			return "", err
		}
		files = append(files, found...)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		read := mirrorInList
		if filepath.Ext(file) == ".sources" {
			read = mirrorInStanzas
		}
		if mirror := read(string(text)); mirror != "" {
			return mirror, nil
		}
	}
	return "", errors.New("apt's sources name no Debian mirror, from which the demo image could be made; the demo image needs a Debian machine")
}

// mirrorInList parses one-line entries: deb [options] URI SUITE COMPONENT...
func mirrorInList(text string) string {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) > 1 && strings.HasPrefix(fields[1], "[") {
			for len(fields) > 1 && !strings.HasSuffix(fields[1], "]") {
				fields = slices.Delete(fields, 1, 2)
			}
			fields = slices.Delete(fields, 1, min(2, len(fields)))
		}
		if len(fields) > 3 && fields[0] == "deb" && isMirror(fields[1], fields[2:3], fields[3:]) {
			return fields[1]
		}
	}
	return ""
}

// mirrorInStanzas parses deb822 stanzas; see sources.list(5).
func mirrorInStanzas(text string) string {
	for stanza := range strings.SplitSeq(text, "\n\n") {
		fields := map[string][]string{}
		for line := range strings.Lines(stanza) {
			if name, value, found := strings.Cut(line, ":"); found && !strings.HasPrefix(line, "#") {
				fields[strings.ToLower(name)] = strings.Fields(value)
			}
		}
		if !slices.Contains(fields["types"], "deb") {
			continue
		}
		for _, uri := range fields["uris"] {
			if isMirror(uri, fields["suites"], fields["components"]) {
				return uri
			}
		}
	}
	return ""
}

func isMirror(uri string, suites, components []string) bool {
	return (strings.HasPrefix(uri, "http://") || strings.HasPrefix(uri, "https://")) &&
		slices.Contains(components, "main") &&
		slices.ContainsFunc(suites, func(s string) bool { return slices.Contains(debianSuites, s) })
}
