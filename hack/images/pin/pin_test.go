// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// push pushes an image for two platforms under a tag and returns its digest.
func push(t *testing.T, reference string) string {
	t.Helper()
	index, err := random.Index(64, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(reference)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(tag, index); err != nil {
		t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// TestPinFollowsTheRegistry runs the command against a registry on this machine.
func TestPinFollowsTheRegistry(t *testing.T) {
	server := httptest.NewServer(registry.New())
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	golang, static := push(t, host+"/golang:1"), push(t, host+"/distroless/static:nonroot")
	lines := func(golang, static string) string {
		return strings.NewReplacer("GO", host+"/golang:1"+golang, "STATIC", host+"/distroless/static:nonroot"+static).Replace(
			"# FROM the beginning\nFROM --platform=$BUILDPLATFORM GO AS build\nRUN make\n\nFROM STATIC AS agent\nCOPY --from=build /a /a\nFROM build AS again\nFROM scratch\nfrom STATIC\n")
	}
	file := filepath.Join(t.TempDir(), "Dockerfile")
	pin := func(before, want, says string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := run(t.Context(), []string{file}, &out); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want || !strings.Contains(out.String(), says) {
			t.Errorf("got\n%s\nwant\n%s\nand it says %q, want %q", got, want, out.String(), says)
		}
	}
	pinned := lines("@"+golang, "@"+static)
	pin(lines("", ""), pinned, "no digest -> "+golang)
	pin(pinned, pinned, "newest digest")
	newer := push(t, host+"/distroless/static:nonroot")
	pin(pinned, lines("@"+golang, "@"+newer), static+" -> "+newer)
}

func TestCheckWantsEveryImagePinned(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("a", 64)
	tests := map[string]struct{ dockerfile, want string }{
		"all pinned":                {"FROM golang:1" + digest + " AS build\nFROM build\nFROM scratch\n", ""},
		"one is not":                {"FROM golang:1" + digest + " AS build\nFROM debian:13\n", "debian:13 has no digest; run hack/update-images.sh"},
		"a digest that is cut":      {"FROM golang:1@sha256:abc\n", "0 of 1 FROM lines are understood"},
		"a name that is an image's": {"FROM build\nFROM golang:1" + digest + " AS build\n", "build has no digest"},
	}
	for title, tc := range tests {
		t.Run(title, func(t *testing.T) {
			err := everyPinned(tc.dockerfile)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestARegistryThatDoesNotKnowTheTagChangesNothing(t *testing.T) {
	server := httptest.NewServer(registry.New())
	defer server.Close()
	file := filepath.Join(t.TempDir(), "Dockerfile")
	before := "FROM " + strings.TrimPrefix(server.URL, "http://") + "/golang:none\n"
	if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{file}, os.Stdout); err == nil || !strings.Contains(err.Error(), "golang:none") {
		t.Errorf("got %v, want an error that names the image", err)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != before {
		t.Errorf("the file is %q now (%v)", after, err)
	}
}
