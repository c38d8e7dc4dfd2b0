// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// contents returns the headers of a tar, in order, and the content of its files.
func contents(t *testing.T, archive []byte) ([]*tar.Header, map[string]string) {
	t.Helper()
	var headers []*tar.Header
	files := map[string]string{}
	reader := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return headers, files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, header)
		files[header.Name] = string(content)
	}
}

func TestLayersOfTheSameEntriesAreTheSame(t *testing.T) {
	entries := []entry{
		{path: "/srv", mode: fs.ModeDir | 0o755},
		{path: "/srv/a", mode: 0o644, owner: 33, content: []byte("one")},
	}
	first, err := memoryLayer(entries)
	if err != nil {
		t.Fatal(err)
	}
	second, err := memoryLayer(entries)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := memoryLayer([]entry{entries[0], {path: "/srv/a", mode: 0o600, owner: 33, content: []byte("one")}})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := first.Digest()
	b, _ := second.Digest()
	c, _ := changed.Digest()
	if a != b || a == c {
		t.Errorf("digests are %s, %s and, with another mode, %s; want two equal and one different", a, b, c)
	}
}

func TestEntriesKeepOwnersModesAndContent(t *testing.T) {
	var archive bytes.Buffer
	err := writeEntries(&archive, []entry{
		{path: "/srv", mode: fs.ModeDir | 0o755},
		{path: "/srv/run", mode: 0o755, owner: 33, content: []byte("text")},
	})
	if err != nil {
		t.Fatal(err)
	}
	headers, files := contents(t, archive.Bytes())
	if len(headers) != 2 || headers[0].Typeflag != tar.TypeDir || headers[0].Name != "srv/" {
		t.Fatalf("headers are %+v; want a folder and a file", headers)
	}
	if h := headers[1]; h.Uid != 33 || h.Gid != 33 || h.Mode != 0o755 || files[h.Name] != "text" {
		t.Errorf("the file is %+v with %q", h, files[h.Name])
	}
}

// makeTree creates a small root file system with every kind of file that needs care.
func makeTree(t *testing.T, modified time.Time) string {
	t.Helper()
	tree := t.TempDir()
	for name, content := range map[string]string{
		"usr/bin/php": "program", "usr/share/doc/php/readme": "words", "var/log/dpkg.log": "today",
		"etc/hostname": "here", "etc/passwd": "root", "dev/null": "",
	} {
		path := filepath.Join(tree, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(
		os.Link(filepath.Join(tree, "usr/bin/php"), filepath.Join(tree, "usr/bin/php8")),
		os.Symlink("php", filepath.Join(tree, "usr/bin/phar")),
		os.Chmod(filepath.Join(tree, "usr/bin/php"), fs.ModeSetuid|0o755),
		os.Chtimes(filepath.Join(tree, "etc/passwd"), modified, modified))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestTreesPackTheSameOnEveryDay(t *testing.T) {
	var today, tomorrow bytes.Buffer
	now := time.Now()
	if err := errors.Join(packTree(&today, makeTree(t, now)), packTree(&tomorrow, makeTree(t, now.Add(24*time.Hour)))); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(today.Bytes(), tomorrow.Bytes()) {
		t.Error("the same files pack to other bytes when their times differ")
	}
}

func TestTreesKeepLinksAndLoseWhatNobodyNeeds(t *testing.T) {
	var archive bytes.Buffer
	if err := packTree(&archive, makeTree(t, time.Now())); err != nil {
		t.Fatal(err)
	}
	headers, files := contents(t, archive.Bytes())
	found := map[string]*tar.Header{}
	for _, h := range headers {
		found[h.Name] = h
	}
	for _, gone := range []string{"usr/share/doc/php/", "usr/share/doc/php/readme", "var/log/dpkg.log", "etc/hostname", "dev/null"} {
		if found[gone] != nil {
			t.Errorf("%s is in the layer", gone)
		}
	}
	for _, folder := range []string{"usr/share/doc/", "var/log/", "dev/"} {
		if found[folder] == nil {
			t.Errorf("the folder %s is not in the layer", folder)
		}
	}
	if h := found["usr/bin/php8"]; h == nil || h.Typeflag != tar.TypeLink || h.Linkname != "usr/bin/php" {
		t.Errorf("the second name of php is %+v; want a link", h)
	}
	if h := found["usr/bin/phar"]; h == nil || h.Typeflag != tar.TypeSymlink || h.Linkname != "php" {
		t.Errorf("the symbolic link is %+v", h)
	}
	if h := found["usr/bin/php"]; h == nil || h.FileInfo().Mode()&fs.ModeSetuid == 0 || files["usr/bin/php"] != "program" {
		t.Errorf("the program is %+v with %q; want it whole and with its mode", h, files["usr/bin/php"])
	}
}
