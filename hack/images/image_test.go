// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func TestArchiveHoldsEveryTagAndSharedLayersOnce(t *testing.T) {
	shared, err := memoryLayer([]entry{{path: "/large", mode: 0o644, content: bytes.Repeat([]byte("x"), 1<<20)}})
	if err != nil {
		t.Fatal(err)
	}
	var images []image
	for _, tag := range []string{"dev", "dev2"} {
		own, err := memoryLayer([]entry{{path: "/VERSION", mode: 0o644, content: []byte(tag)}})
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, image{name: "demo", tag: tag, layers: []v1.Layer{shared, own}, config: v1.Config{User: "33"}})
	}
	file := filepath.Join(t.TempDir(), "demo.tar")
	if err := write(file, images); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Size() > 1<<20+100<<10 {
		t.Errorf("the archive has %d bytes, %v; want the layer of 1 MiB once", info.Size(), err)
	}
	for _, i := range images {
		reference, err := name.NewTag(repository + i.name + ":" + i.tag)
		if err != nil {
			t.Fatal(err)
		}
		read, err := tarball.ImageFromPath(file, &reference)
		if err != nil {
			t.Fatalf("%s is not in the archive: %v", reference, err)
		}
		config, err := read.ConfigFile()
		if err != nil || config.Config.User != "33" || config.OS != "linux" || len(config.RootFS.DiffIDs) != 2 {
			t.Errorf("%s has the configuration %+v, %v", reference, config, err)
		}
	}
}

func TestRewritingAnArchiveGivesTheSameBytes(t *testing.T) {
	layer, err := memoryLayer([]entry{{path: "/a", mode: fs.FileMode(0o644), content: []byte("a")}})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	var archives [2][]byte
	for n := range archives {
		file := filepath.Join(folder, "image.tar")
		if err := write(file, []image{{name: "a", tag: "dev", layers: []v1.Layer{layer}}}); err != nil {
			t.Fatal(err)
		}
		if archives[n], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("two archives of one image differ")
	}
}

func TestParseProgram(t *testing.T) {
	for target, want := range map[string]program{
		"quiet=./test/images/quiet": {name: "quiet", pkg: "./test/images/quiet", path: "/quiet", user: "65532"},
		"root=./cmd/agent@0":        {name: "root", pkg: "./cmd/agent", path: "/root", user: "0"},
	} {
		if got, err := parseProgram(target); err != nil || got != want {
			t.Errorf("parseProgram(%s) = %+v, %v; want %+v", target, got, err, want)
		}
	}
	for _, target := range []string{"operatr", "=./a", "a=", "a=./a@me", "a=./a@-1"} {
		if got, err := parseProgram(target); err == nil {
			t.Errorf("parseProgram(%s) = %+v; want an error", target, got)
		}
	}
}

func TestRootFileSystemsAreKeptByTheirPackages(t *testing.T) {
	key := rootfsKey(demoPackages)
	if again := rootfsKey(demoPackages); again != key {
		t.Errorf("rootfsKey() = %s, then %s", key, again)
	}
	if more := rootfsKey(append([]string{"php-gd"}, demoPackages...)); more == key {
		t.Error("another list of packages has the same key")
	}
}

func TestHalfALayerIsNotCached(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rootfs.tar")
	if err := os.WriteFile(file, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := cachedLayer(file); err == nil {
		t.Error("a layer without its digest counts as whole")
	}
	layer, err := packLayer(file, makeTreeOf(t))
	if err != nil {
		t.Fatal(err)
	}
	cached, err := cachedLayer(file)
	if err != nil {
		t.Fatal(err)
	}
	made, _ := layer.Digest()
	if read, _ := cached.Digest(); read != made || !strings.HasPrefix(read.String(), "sha256:") {
		t.Errorf("the cached digest is %s; the layer was made as %s", read, made)
	}
}

func makeTreeOf(t *testing.T) string {
	t.Helper()
	tree := t.TempDir()
	if err := os.WriteFile(filepath.Join(tree, "file"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestParseAsksForWhatIsMissing(t *testing.T) {
	for _, arguments := range [][]string{{}, {"demo"}, {"--out", "/tmp"}, {"--nonsense"}} {
		var notes bytes.Buffer
		if o, err := parse(arguments, &notes); err == nil {
			t.Errorf("parse(%q) = %+v; want an error", arguments, o)
		}
	}
}
