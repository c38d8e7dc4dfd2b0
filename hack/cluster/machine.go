// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// checkMachine returns one error with everything that keeps a cluster from running here.
func checkMachine() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the cluster needs Linux, because it starts real containers; this machine runs %s. Use a Linux machine, or any Kubernetes you have", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("the cluster needs root, because it makes network bridges, mounts and control groups; run it as root")
	}
	var lacks []string
	filesystems, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return fmt.Errorf("read what this kernel can mount: %w", err)
	}
	if !strings.Contains(string(filesystems), "cgroup") {
		lacks = append(lacks, "control groups")
	}
	for _, namespace := range []string{"net", "pid", "mnt", "ipc", "uts"} {
		if _, err := os.Stat("/proc/self/ns/" + namespace); err != nil {
			lacks = append(lacks, namespace+" namespaces")
		}
	}
	if len(lacks) > 0 {
		return fmt.Errorf("this kernel lacks %s, without which there are no containers", strings.Join(lacks, ", "))
	}
	return nil
}

// extendPath adds the folders of system tools, which an ordinary login on Debian lacks in
// its PATH.
func extendPath() {
	path := os.Getenv("PATH")
	for _, folder := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if !strings.Contains(":"+path+":", ":"+folder+":") {
			path += ":" + folder
		}
	}
	os.Setenv("PATH", path)
}

// runTool runs a system tool and puts its output into the error.
func runTool(name string, arguments ...string) error {
	output, err := exec.Command(name, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(arguments, " "), err, strings.TrimSpace(string(output)))
	}
	return nil
}
