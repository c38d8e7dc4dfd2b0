// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
)

func TestNoLooseQuantityIsLeft(t *testing.T) {
	tight := 0
	for name, raw := range crdFiles(t) {
		if strings.Contains(string(raw), looseQuantity) {
			t.Errorf("%s has a quantity whose pattern admits what Go cannot read", name)
		}
		if strings.Contains(string(raw), tightQuantity) {
			tight++
		}
	}
	if tight < 2 {
		t.Errorf("%d CRDs have a quantity, want those of QueueApp and QueueWorker; has controller-gen changed its pattern?", tight)
	}
}

func TestTightQuantityAdmitsWhatPeopleWrite(t *testing.T) {
	pattern := regexp.MustCompile(tightQuantity)
	for text, want := range map[string]bool{
		"0": true, "1": true, "128Mi": true, "0.5Gi": true, ".5Gi": true, "5.Gi": true, "250m": true, "+1": true,
		"-1": true, "1e9": true, "1E9": true, "12e-3": true, "100n": true, "5u": true, "1Ei": true, "134217728": true,
		"": false, "1e1.5": false, "1e-2000000000": false, "1e100": false, "1MB": false, "much": false, "1 Mi": false,
		strings.Repeat("9", 31): false,
	} {
		if got := pattern.MatchString(text); got != want {
			t.Errorf("%q: admitted is %t, want %t", text, got, want)
		}
		if want {
			if _, err := resource.ParseQuantity(text); err != nil {
				t.Errorf("%q is admitted and cannot be read: %v", text, err)
			}
		}
	}
}
