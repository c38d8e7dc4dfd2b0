// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// nonRoot is the user of every image that needs no other user. It is the number that
// distroless images made common.
const nonRoot = "65532"

// A program is a Go package that becomes an image of one static binary.
type program struct {
	name         string // of the image
	module, pkg  string // directory of the module, package path in it
	path         string // of the binary in the image
	user         string // numeric, or the kubelet cannot check runAsNonRoot
	certificates bool   // whether it talks TLS to the world
}

// program compiles and packs one program.
func (w workshop) program(p program, tag string) ([]image, error) {
	folder, err := os.MkdirTemp("", "image-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	binary := filepath.Join(folder, "binary")
	version := os.Getenv("VERSION")
	if version == "" {
		version = "dev"
	}
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -X main.version="+version, "-o", binary, p.pkg)
	build.Dir = p.module
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOWORK=off")
	if err := w.runPatiently("compiling "+p.pkg, build); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	entries := []entry{{path: p.path, mode: 0o755, content: content}}
	if p.certificates {
		entries = append(entries, authorities()...)
	}
	layer, err := memoryLayer(entries)
	if err != nil {
		return nil, err
	}
	return []image{{name: p.name, tag: tag, layers: []v1.Layer{layer}, config: v1.Config{User: p.user, Entrypoint: []string{p.path}}}}, nil
}

// authorities returns this machine's certificate authorities, where Go looks for them, or
// nothing if the machine has none.
func authorities() []entry {
	const bundle = "/etc/ssl/certs/ca-certificates.crt"
	content, err := os.ReadFile(bundle)
	if err != nil {
		return nil
	}
	return []entry{
		{path: "/etc", mode: os.ModeDir | 0o755}, {path: "/etc/ssl", mode: os.ModeDir | 0o755},
		{path: "/etc/ssl/certs", mode: os.ModeDir | 0o755}, {path: bundle, mode: 0o644, content: content},
	}
}
