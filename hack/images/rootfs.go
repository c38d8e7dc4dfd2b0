// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const suite = "bookworm"

// demoPackages are the packages that a Laravel worker needs with each database, and a
// Redis server, so that one image serves as both.
var demoPackages = []string{
	"php-cli", "php-laravel-framework", "php-mysql", "php-pgsql", "php-redis", "php-sqlite3", "redis-server",
}

// rootfsVersion is raised if the same packages must be packed differently.
const rootfsVersion = "1"

// rootfsKey names a root file system by everything that determines its content.
func rootfsKey(packages []string) string {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{rootfsVersion, suite, runtime.GOARCH}, packages...), "\n")))
	return hex.EncodeToString(sum[:])[:16]
}

// rootFileSystem returns the Debian layer from the cache. It builds the layer first if
// the cache has none.
func (w workshop) rootFileSystem() (v1.Layer, error) {
	file := filepath.Join(w.cache, "rootfs-"+rootfsKey(demoPackages)+".tar")
	if layer, err := cachedLayer(file); err == nil {
		return layer, nil
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("a Debian root file system can only be made by root; run this command as root once")
	}
	if _, err := exec.LookPath("debootstrap"); err != nil {
		return nil, errors.New("debootstrap is missing; hack/cluster up installs it, or: apt-get install debootstrap")
	}
	if err := os.MkdirAll(w.cache, 0o755); err != nil {
		return nil, err
	}
	tree, err := os.MkdirTemp(w.cache, "rootfs-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tree)
	if err := w.debootstrap(tree); err != nil {
		return nil, err
	}
	return packLayer(file, tree)
}

// debootstrap fills the tree with Debian. Its mounts are in a separate namespace, so that
// none remains, however it ends.
func (w workshop) debootstrap(tree string) error {
	mirror, err := findMirror("/etc/apt")
	if err != nil {
		return err
	}
	w.step("installing Debian %s with PHP, Laravel and Redis for the demo image: about a minute, and only this once", suite)
	install := exec.Command("unshare", "--mount", "--propagation", "private",
		"debootstrap", "--variant=minbase", "--include="+strings.Join(demoPackages, ","), suite, tree, mirror)
	install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	return w.runPatiently("installing Debian", install)
}

// cachedLayer opens a layer that was built earlier. Its digest is in a file beside it,
// which is written last, so that a partial layer has none.
func cachedLayer(file string) (v1.Layer, error) {
	digest, err := os.ReadFile(file + ".sha256")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(file); err != nil {
		return nil, err
	}
	hash, err := v1.NewHash("sha256:" + strings.TrimSpace(string(digest)))
	return fileLayer{file: file, digest: hash}, err
}

// packLayer writes the tree to the cache as a layer.
func packLayer(file, tree string) (v1.Layer, error) {
	partial, err := os.Create(file + ".partial")
	if err != nil {
		return nil, err
	}
	defer partial.Close()
	sum := sha256.New()
	if err := packTree(io.MultiWriter(partial, sum), tree); err != nil {
		return nil, fmt.Errorf("pack the root file system: %w", err)
	}
	if err := partial.Close(); err != nil {
		return nil, err
	}
	if err := os.Rename(partial.Name(), file); err != nil {
		return nil, err
	}
	if err := os.WriteFile(file+".sha256", []byte(hex.EncodeToString(sum.Sum(nil))+"\n"), 0o644); err != nil {
		return nil, err
	}
	return cachedLayer(file)
}
