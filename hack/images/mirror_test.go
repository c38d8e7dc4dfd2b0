// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMirrorIsDebiansOwn(t *testing.T) {
	for name, tc := range map[string]struct {
		read func(string) string
		text string
		want string
	}{
		"one line":                 {mirrorInList, "deb http://mirror.example/debian bookworm main contrib\n", "http://mirror.example/debian"},
		"one line with options":    {mirrorInList, "deb [arch=amd64 signed-by=/k.gpg] https://mirror.example/debian stable main\n", "https://mirror.example/debian"},
		"security comes first":     {mirrorInList, "deb http://sec.example/s bookworm-security main\ndeb http://mirror.example/debian trixie main\n", "http://mirror.example/debian"},
		"only a vendor's archive":  {mirrorInList, "deb https://vendor.example/apt tool-bookworm main\n", ""},
		"commented out":            {mirrorInList, "# deb http://mirror.example/debian bookworm main\n", ""},
		"sources of sources only":  {mirrorInList, "deb-src http://mirror.example/debian bookworm main\n", ""},
		"a CD":                     {mirrorInList, "deb cdrom:[Debian]/ bookworm main\n", ""},
		"stanza":                   {mirrorInStanzas, "Types: deb\n# a comment\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n", "http://mirror.example/debian"},
		"stanza of security first": {mirrorInStanzas, "Types: deb\nURIs: http://sec.example/s\nSuites: bookworm-security\nComponents: main\n\nTypes: deb deb-src\nURIs: http://mirror.example/debian\nSuites: trixie\nComponents: main\n", "http://mirror.example/debian"},
		"stanza of a vendor's":     {mirrorInStanzas, "Types: deb\nURIs: https://vendor.example/node\nSuites: nodistro\nComponents: main\n", ""},
		"stanza with a local copy": {mirrorInStanzas, "Types: deb\nURIs: file:/copy http://mirror.example/debian\nSuites: sid\nComponents: main\n", "http://mirror.example/debian"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.read(tc.text); got != tc.want {
				t.Errorf("mirror = %q; want %q", got, tc.want)
			}
		})
	}
}

func TestFindMirrorLooksIntoEveryFile(t *testing.T) {
	apt := t.TempDir()
	folder := filepath.Join(apt, "sources.list.d")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if mirror, err := findMirror(apt); err == nil {
		t.Errorf("findMirror() without sources = %q; want an error", mirror)
	}
	for name, text := range map[string]string{
		"vendor.list":    "deb https://vendor.example/apt tool main\n",
		"debian.sources": "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if mirror, err := findMirror(apt); err != nil || mirror != "http://mirror.example/debian" {
		t.Errorf("findMirror() = %q, %v", mirror, err)
	}
}
