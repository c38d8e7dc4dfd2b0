// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// loadImages imports tar files into the containerd namespace that the kubelet uses.
func loadImages(l layout, files []string, say reporter) error {
	if err := checkMachine(); err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("load-image needs at least one tar file")
	}
	if !running(l, "containerd") {
		return errors.New("the cluster is not up, so there is nothing to load images into; run \"up\" first")
	}
	for _, file := range files {
		started := time.Now()
		names, err := importImage(l, file)
		if err != nil {
			return err
		}
		say.step("loaded %s in %s", names, seconds(time.Since(started)))
	}
	return nil
}

// importImage imports a file and returns the names of its images.
func importImage(l layout, file string) (string, error) {
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("find the image file: %w", err)
	}
	config, err := os.ReadFile(filepath.Join(l.conf(), "containerd.toml"))
	if err != nil {
		return "", err
	}
	arguments := []string{"--address=" + l.socket(), "--namespace=k8s.io", "images", "import"}
	if strings.Contains(string(config), `snapshotter = "native"`) {
		arguments = append(arguments, "--snapshotter=native")
	}
	output, err := exec.Command("ctr", append(arguments, file)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("load image %s: %w: %s", file, err, strings.TrimSpace(string(output)))
	}
	return importedNames(string(output)), nil
}

// importedNames reads the names from ctr's lines "unpacking NAME (sha256:...)...done".
func importedNames(output string) string {
	var names []string
	for line := range strings.Lines(output) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "unpacking" {
			names = append(names, fields[1])
		}
	}
	return strings.Join(names, ", ")
}

// loadPause builds and loads the pause image, whose single process holds a pod's
// namespaces. The kubelet starts no pod without it.
func loadPause(l layout, say reporter) error {
	build := exec.Command("go", "run", "-buildvcs=false", ".", "--out="+filepath.Join(l.cache, "images"), "pause")
	build.Dir = filepath.Join(filepath.Dir(l.source), "images")
	build.Env = append(os.Environ(), "GOWORK=off")
	var notes strings.Builder
	build.Stderr = &notes
	output, err := build.Output()
	if err != nil {
		return fmt.Errorf("build the pause image: %w: %s", err, notes.String())
	}
	err = waitFor(l, "containerd answers", startPatience, []string{"containerd"}, func() error { return socketAnswers(l.socket()) })
	if err != nil {
		return err
	}
	return loadImages(l, strings.Fields(string(output)), say)
}
