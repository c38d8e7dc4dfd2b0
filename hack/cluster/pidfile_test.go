// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

func TestPidFileSurvivesARoundTrip(t *testing.T) {
	id, err := identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	read, err := parsePidFile(id.String())
	if err != nil || read != id {
		t.Errorf("parsePidFile(%q) = %v, %v; want the same identity", id.String(), read, err)
	}
	if !read.alive() {
		t.Error("this very process counts as dead")
	}
}

func TestPidFileRefusesWhatCouldNameAnotherProcess(t *testing.T) {
	for name, text := range map[string]string{
		"empty":                       "",
		"cut in the boot id":          "4711 99 abc",
		"only a pid, as others write": "4711\n",
		"init":                        "1 99 abc\n",
		"a process group":             "-4711 99 abc\n",
		"no number":                   "x 99 abc\n",
		"a negative start":            "4711 -1 abc\n",
		"two processes":               "4711 99 abc\n4712 99 abc\n",
	} {
		t.Run(name, func(t *testing.T) {
			if id, err := parsePidFile(text); !errors.Is(err, errNoPidFile) {
				t.Errorf("parsePidFile(%q) = %v, %v; want errNoPidFile", text, id, err)
			}
		})
	}
}

func TestRecycledPidIsNotAlive(t *testing.T) {
	id, err := identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]processID{
		"another start time": {pid: id.pid, start: id.start + 1, boot: id.boot},
		"another boot":       {pid: id.pid, start: id.start, boot: "earlier"},
	} {
		t.Run(name, func(t *testing.T) {
			if other.alive() {
				t.Errorf("%v counts as alive, but the process is %v", other, id)
			}
		})
	}
}

func TestParseStat(t *testing.T) {
	rest := "1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0"
	for name, tc := range map[string]struct {
		text      string
		wantState byte
		wantStart uint64
		wantError bool
	}{
		"plain name":                  {"12 (etcd) S " + fmt.Sprintf(rest, 345), 'S', 345, false},
		"name with blanks and braces": {"12 (a) b) (c) Z " + fmt.Sprintf(rest, 7), 'Z', 7, false},
		"cut short":                   {text: "12 (etcd) S 1 1", wantError: true},
		"no name":                     {text: "12 etcd S", wantError: true},
	} {
		t.Run(name, func(t *testing.T) {
			state, start, err := parseStat(tc.text)
			if (err != nil) != tc.wantError || state != tc.wantState || start != tc.wantStart {
				t.Errorf("parseStat() = %c, %d, %v; want %c, %d, error %v", state, start, err, tc.wantState, tc.wantStart, tc.wantError)
			}
		})
	}
}
