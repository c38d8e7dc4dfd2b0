// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sync/atomic"
	"time"
)

// binaryNames are the components in the multi-call binary. Each gets a symbolic link,
// whose name tells the binary which component to run.
var binaryNames = []string{
	"coredns", "etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy",
	"kube-scheduler", "kubectl", "kubelet",
}

// heartbeat is how often a long build reports that it is still running.
const heartbeat = 30 * time.Second

// binariesHome returns the directory of the build for the checkout's sources, whether it
// exists or not.
func binariesHome(l layout) (string, error) {
	key, err := sourceKey(os.DirFS(filepath.Join(l.source, "kube")))
	if err != nil {
		return "", fmt.Errorf("read the sources of the Kubernetes binaries: %w", err)
	}
	return filepath.Join(l.cache, "kube-"+key), nil
}

// binaries returns the directory with one link per component. It builds the binary first
// if the cache has none for these sources.
func binaries(l layout, say reporter) (string, error) {
	home, err := binariesHome(l)
	if err != nil {
		return "", err
	}
	bin := filepath.Join(home, "bin")
	if haveBinaries(bin) {
		return bin, nil
	}
	unlock, err := lockFile(home + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if haveBinaries(bin) { // another run built them in the meantime
		return bin, nil
	}
	if err := buildKube(filepath.Join(l.source, "kube"), filepath.Join(home, "kube"), say); err != nil {
		return "", err
	}
	return bin, linkBinaries(bin)
}

// sourceKey names a build by everything that determines it: the module's files and the
// platform.
func sourceKey(sources fs.FS) (string, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s/%s\n", runtime.GOOS, runtime.GOARCH)
	names, err := fs.Glob(sources, "*") // sorted
	if err != nil {
		return "", err
	}
	for _, name := range names {
		content, err := fs.ReadFile(sources, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(content), content)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

func haveBinaries(bin string) bool {
	for _, name := range binaryNames {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return false
		}
	}
	return true
}

func linkBinaries(bin string) error {
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	for _, name := range binaryNames {
		err := os.Symlink(filepath.Join("..", "kube"), filepath.Join(bin, name))
		if err != nil && !os.IsExist(err) {
			return err
		}
	}
	return nil
}

// buildKube compiles the multi-call binary and moves it into place when it is complete,
// so that a killed build leaves nothing that looks complete.
func buildKube(source, target string, say reporter) error {
	version, err := kubernetesVersion(source)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	started := time.Now()
	say.step("building Kubernetes %s, etcd and CoreDNS from their Go modules: about 10 minutes on two cores from an empty build cache, and only this once", version)
	partial := target + ".partial"
	build := exec.Command("go", "build", "-v", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X k8s.io/component-base/version.gitVersion="+version, "-o", partial, ".")
	build.Dir = source
	// Without cgo the result does not depend on an installed C compiler.
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly")
	output := &buildOutput{}
	build.Stderr = output
	stop := beat(say, started, output)
	err = build.Run()
	stop()
	if err != nil {
		return fmt.Errorf("build the Kubernetes binaries in %s: %w\n%s", source, err, output.tail())
	}
	say.step("built the Kubernetes binaries in %s", seconds(time.Since(started)))
	return os.Rename(partial, target)
}

// beat reports the progress of the build every 30 s until stopped.
func beat(say reporter, started time.Time, output *buildOutput) (stop func()) {
	done := make(chan struct{})
	ticker := time.NewTicker(heartbeat)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				say.step("still building the Kubernetes binaries: %s, %d packages compiled", seconds(time.Since(started)), output.lines.Load())
			}
		}
	}()
	return func() { ticker.Stop(); close(done) }
}

// buildOutput counts the packages that go build -v prints, one per line, and keeps the
// text for an error message.
type buildOutput struct {
	lines atomic.Int64
	text  bytes.Buffer
}

func (o *buildOutput) Write(p []byte) (int, error) {
	o.lines.Add(int64(bytes.Count(p, []byte{'\n'})))
	return o.text.Write(p)
}

// tail returns the last 2,000 bytes, where the compiler's errors are.
func (o *buildOutput) tail() []byte {
	text := o.text.Bytes()
	return text[max(0, len(text)-2000):]
}

var kubernetesRequirement = regexp.MustCompile(`(?m)^\s+k8s\.io/kubernetes (v\S+)$`)

// kubernetesVersion reads the version from the module file, which is the only place that
// states it.
func kubernetesVersion(source string) (string, error) {
	content, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return "", err
	}
	match := kubernetesRequirement.FindSubmatch(content)
	if match == nil {
		return "", fmt.Errorf("%s/go.mod requires no k8s.io/kubernetes", source)
	}
	return string(match[1]), nil
}
