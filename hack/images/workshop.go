// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A workshop holds the locations of sources and cached parts.
type workshop struct {
	root  string // of the checkout
	cache string
	notes io.Writer
}

func newWorkshop(notes io.Writer) (workshop, error) {
	cache, err := cacheDirectory(os.Getenv)
	if err != nil {
		return workshop{}, err
	}
	root, err := findRoot()
	return workshop{root: root, cache: cache, notes: notes}, err
}

// step prints one line of progress.
func (w workshop) step(format string, arguments ...any) {
	fmt.Fprintf(w.notes, "• "+format+"\n", arguments...)
}

// build builds the images of one target of the command line.
func (w workshop) build(target, tag string) ([]image, error) {
	switch target {
	case "operator":
		return w.program(program{name: "operator", module: w.root, pkg: "./cmd/manager", path: "/manager", user: nonRoot, certificates: true}, tag)
	case "agent":
		return w.program(program{name: "agent", module: w.root, pkg: "./cmd/agent", path: "/agent", user: nonRoot}, tag)
	case "backlog":
		return w.program(program{name: "backlog", module: w.root, pkg: "./cmd/backlog", path: "/backlog", user: nonRoot, certificates: true}, tag)
	case "pause":
		return w.program(program{name: "pause", module: filepath.Join(w.root, "hack", "images"), pkg: "./pause", path: "/pause", user: nonRoot}, tag)
	case "demo":
		return w.demo(tag)
	}
	p, err := parseProgram(target)
	if err != nil {
		return nil, err
	}
	p.module = w.root
	return w.program(p, tag)
}

// parseProgram parses NAME=PACKAGE[@UID].
func parseProgram(target string) (program, error) {
	name, pkg, found := strings.Cut(target, "=")
	if !found || name == "" || pkg == "" {
		return program{}, fmt.Errorf("there is no image %q; it is operator, agent, backlog, pause, demo or NAME=PACKAGE[@UID]", target)
	}
	pkg, user, found := strings.Cut(pkg, "@")
	if !found {
		user = nonRoot
	}
	if _, err := strconv.ParseUint(user, 10, 32); err != nil {
		return program{}, fmt.Errorf("the user %q is not a number", user)
	}
	return program{name: name, pkg: pkg, path: "/" + name, user: user}, nil
}

// cacheDirectory uses QUEUEWORKER_CACHE, then XDG_CACHE_HOME, then HOME, as hack/cluster
// does.
func cacheDirectory(getenv func(string) string) (string, error) {
	if dir := getenv("QUEUEWORKER_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "queueworker"), nil
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".cache", "queueworker"), nil
	}
	return "", errors.New("no directory for cached parts of images: set QUEUEWORKER_CACHE, XDG_CACHE_HOME or HOME")
}

// findRoot walks up to the checkout's root, which it recognizes by this folder.
func findRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "hack", "images", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("hack/images is not found above %s; run this command inside the checkout", start)
		}
	}
}
