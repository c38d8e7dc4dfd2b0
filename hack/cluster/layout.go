// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// The cluster's fixed addresses and names. One machine holds one cluster: the
// bridge, its subnet and the ports are the same for every state directory.
const (
	nodeName      = "queueworker"
	nodeAddress   = "10.244.0.1"
	podCIDR       = "10.244.0.0/24"
	serviceCIDR   = "10.96.0.0/16"
	apiServiceIP  = "10.96.0.1" // the first address of serviceCIDR, by Kubernetes' own rule
	clusterDomain = "cluster.local"
	bridgeName    = "qwbr0"
	networkName   = "queueworker-cluster"
	cgroupName    = "queueworker-cluster"
	apiServerPort = "16443"
	etcdPort      = "12379"
	etcdPeerPort  = "12380"
	pauseImage    = "docker.io/queueworker/pause:dev"
)

// stateVariable and cacheVariable override the location of a cluster's state and of the
// built binaries and images.
const (
	stateVariable = "QUEUEWORKER_CLUSTER_DIR"
	cacheVariable = "QUEUEWORKER_CACHE"
	defaultState  = "/var/lib/queueworker-cluster"
)

// maxStateLength keeps the longest Unix socket path below the kernel's 107 bytes.
const maxStateLength = 64

// A layout holds the locations of everything in one cluster.
type layout struct {
	state  string // removed by down
	cache  string // survives down and fresh clones
	source string // the folder hack/cluster of the checkout
}

func (l layout) pki() string        { return filepath.Join(l.state, "pki") }
func (l layout) conf() string       { return filepath.Join(l.state, "conf") }
func (l layout) cni() string        { return filepath.Join(l.state, "cni") }
func (l layout) kubelet() string    { return filepath.Join(l.state, "kubelet") }
func (l layout) containerd() string { return filepath.Join(l.state, "containerd") }
func (l layout) podLogs() string    { return filepath.Join(l.state, "log", "pods") }
func (l layout) socket() string     { return filepath.Join(l.state, "containerd.sock") }
func (l layout) kubeconfig() string { return filepath.Join(l.state, "kubeconfig") }

// kubeconfigOf returns the kubeconfig of a component. The user's own is that of admin.
func (l layout) kubeconfigOf(component string) string {
	if component == "admin" {
		return l.kubeconfig()
	}
	return filepath.Join(l.conf(), component+".kubeconfig")
}

// stamp is written when up has finished. It holds the binaries' directory.
func (l layout) stamp() string { return filepath.Join(l.state, "up") }

func (l layout) pidFile(component string) string {
	return filepath.Join(l.state, "run", component+".pid")
}

func (l layout) logFile(component string) string {
	return filepath.Join(l.state, "log", component+".log")
}

// newLayout reads the environment and finds the checkout.
func newLayout() (layout, error) {
	cache, err := cacheDirectory(os.Getenv)
	if err != nil {
		return layout{}, err
	}
	state := os.Getenv(stateVariable)
	if state == "" {
		state = defaultState
	}
	if !filepath.IsAbs(state) || filepath.Clean(state) == "/" {
		return layout{}, fmt.Errorf("%s is %q; it must be an absolute path of a directory that this command may remove", stateVariable, state)
	}
	if len(state) > maxStateLength {
		return layout{}, fmt.Errorf("%s is %d bytes long; at most %d, because Unix socket paths below it are short", stateVariable, len(state), maxStateLength)
	}
	source, err := findSource()
	if err != nil {
		return layout{}, err
	}
	return layout{state: realPath(filepath.Clean(state)), cache: cache, source: source}, nil
}

// realPath resolves symbolic links in the part of the path that exists, because the
// kernel lists mounts by their real names.
func realPath(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(realPath(parent), filepath.Base(path))
}

// cacheDirectory uses QUEUEWORKER_CACHE, then XDG_CACHE_HOME, then HOME.
func cacheDirectory(getenv func(string) string) (string, error) {
	if dir := getenv(cacheVariable); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "queueworker"), nil
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".cache", "queueworker"), nil
	}
	return "", fmt.Errorf("no directory for built binaries: set %s, XDG_CACHE_HOME or HOME", cacheVariable)
}

// findSource walks up from the working directory to the checkout's hack/cluster, which it
// recognizes by the module of the Kubernetes binaries.
func findSource() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the working directory: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		for _, candidate := range []string{dir, filepath.Join(dir, "hack", "cluster")} {
			if _, err := os.Stat(filepath.Join(candidate, "kube", "go.mod")); err == nil {
				return candidate, nil
			}
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("hack/cluster/kube is not found above %s; run this command inside the checkout", start)
		}
	}
}
