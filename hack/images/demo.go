// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The application's folder in the image, and its user: Debian's www-data.
const (
	applicationHome = "/srv/app"
	applicationUser = 33
)

// demo stacks the Laravel application on Debian, as two images that differ in one file,
// so that a test can roll out a new version without a second build.
func (w workshop) demo(tag string) ([]image, error) {
	base, err := w.rootFileSystem()
	if err != nil {
		return nil, err
	}
	entries, err := applicationEntries(os.DirFS(filepath.Join(w.root, "test", "laravel")))
	if err != nil {
		return nil, err
	}
	application, err := memoryLayer(entries)
	if err != nil {
		return nil, err
	}
	var images []image
	for _, release := range []string{tag, tag + "2"} {
		version, err := memoryLayer([]entry{{path: applicationHome + "/VERSION", mode: 0o644, content: []byte(release + "\n")}})
		if err != nil {
			return nil, err
		}
		images = append(images, image{
			name: "demo", tag: release, layers: []v1.Layer{base, application, version},
			config: v1.Config{
				User: "33", WorkingDir: applicationHome, Cmd: []string{"php", "artisan", "queue:work"},
				Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp"},
			},
		})
	}
	return images, nil
}

// writable are the folders to which Laravel writes.
var writable = []string{
	"bootstrap/cache", "database", "storage", "storage/framework", "storage/framework/cache",
	"storage/framework/cache/data", "storage/framework/views", "storage/logs",
}

// applicationEntries lists the application's files as a layer. Sources belong to root,
// and the folders of writable to the application's user.
func applicationEntries(sources fs.FS) ([]entry, error) {
	entries := []entry{{path: "/srv", mode: fs.ModeDir | 0o755}}
	err := fs.WalkDir(sources, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case slices.Contains(writable, name) && name != "database":
			return fs.SkipDir // a run on this machine may have left files there
		case d.IsDir():
			entries = append(entries, entry{path: path.Join(applicationHome, name), mode: fs.ModeDir | 0o755, owner: owner(name)})
			return nil
		case path.Ext(name) == ".sqlite" || path.Ext(name) == ".md":
			return nil
		}
		content, err := fs.ReadFile(sources, name)
		mode := fs.FileMode(0o644)
		if name == "artisan" {
			mode = 0o755
		}
		entries = append(entries, entry{path: path.Join(applicationHome, name), mode: mode, content: content})
		return err
	})
	for _, name := range writable {
		if name != "database" {
			entries = append(entries, entry{path: path.Join(applicationHome, name), mode: fs.ModeDir | 0o755, owner: applicationUser})
		}
	}
	entries = append(entries, entry{path: applicationHome + "/database/database.sqlite", mode: 0o644, owner: applicationUser})
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	return entries, err
}

func owner(name string) int {
	if slices.Contains(writable, name) {
		return applicationUser
	}
	return 0
}
