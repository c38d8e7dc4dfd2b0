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
)

// A tool is a file that the cluster runs and the Debian package that provides it.
type tool struct{ file, debianPackage string }

// tools are in the order of installation. debootstrap is for hack/images, which builds
// the Debian root file system of the demo image with it.
var tools = []tool{
	{"containerd", "containerd"},
	{"ctr", "containerd"},
	{"runc", "runc"},
	{"iptables", "iptables"},
	{"ip", "iproute2"},
	{"conntrack", "conntrack"},
	{"debootstrap", "debootstrap"},
	{cniPlugin, "containernetworking-plugins"},
}

// cniPlugin stands for the folder of network plugins, which is not on the PATH.
const cniPlugin = "bridge, host-local and loopback network plugins"

// cniFolders are the folders in which Debian and upstream packages put network plugins.
var cniFolders = []string{"/usr/lib/cni", "/opt/cni/bin"}

// cniPlugins returns the folder that holds all plugins the cluster uses.
func cniPlugins() (string, bool) {
	for _, folder := range cniFolders {
		complete := true
		for _, plugin := range []string{"bridge", "host-local", "loopback"} {
			if _, err := os.Stat(filepath.Join(folder, plugin)); err != nil {
				complete = false
			}
		}
		if complete {
			return folder, true
		}
	}
	return "", false
}

func haveTool(file string) bool {
	if file == cniPlugin {
		_, found := cniPlugins()
		return found
	}
	_, err := exec.LookPath(file)
	return err == nil
}

// missing returns the tools that are absent and their packages, each once.
func missing(wanted []tool, have func(file string) bool) (files, packages []string) {
	seen := map[string]bool{}
	for _, t := range wanted {
		if have(t.file) {
			continue
		}
		files = append(files, t.file)
		if !seen[t.debianPackage] {
			seen[t.debianPackage] = true
			packages = append(packages, t.debianPackage)
		}
	}
	return files, packages
}

// ensurePackages installs what is missing. It updates apt's lists only if they lack the
// packages or point to files that are gone.
func ensurePackages(say reporter) error {
	allowServiceStarts(servicePolicy)
	files, packages := missing(tools, haveTool)
	if len(packages) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("this machine lacks %s, and has no apt-get to install them with; install them (on Debian: %s) and run this command again",
			strings.Join(files, ", "), strings.Join(packages, " "))
	}
	say.step("installing Debian packages: %s", strings.Join(packages, " "))
	restore, err := forbidServiceStarts(servicePolicy)
	if err != nil {
		return err
	}
	defer restore()
	if aptGet(append([]string{"install"}, packages...)...) == nil {
		return nil
	}
	say.step("updating the lists of Debian packages first")
	_ = exec.Command("dpkg", "--configure", "-a").Run() // in case an earlier run was killed
	if err := aptGet("update"); err != nil {
		return err
	}
	return aptGet(append([]string{"install"}, packages...)...)
}

// aptGet runs apt-get without questions and returns its output in the error.
func aptGet(arguments ...string) error {
	apt := exec.Command("apt-get", append([]string{"-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"}, arguments...)...)
	apt.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_MODE=l")
	output, err := apt.CombinedOutput()
	if err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(arguments, " "), err, output)
	}
	return nil
}

// servicePolicy is the program that Debian's packages ask whether they may start services
// (Debian Policy 9.3.3.1). ownPolicy is the answer that they may not.
const (
	servicePolicy = "/usr/sbin/policy-rc.d"
	ownPolicy     = "#!/bin/sh\n# Written by hack/cluster for the time of an installation.\nexit 101\n"
)

// forbidServiceStarts makes Debian's packages install their services without starting
// them, because the cluster runs its own containerd. It keeps an existing policy.
func forbidServiceStarts(path string) (restore func(), err error) {
	policy, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, os.ErrExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("keep Debian packages from starting services: %w", err)
	}
	_, err = policy.WriteString(ownPolicy)
	if err = errors.Join(err, policy.Close()); err != nil {
		os.Remove(path)
		return nil, fmt.Errorf("keep Debian packages from starting services: %w", err)
	}
	return func() { allowServiceStarts(path) }, nil
}

// allowServiceStarts removes ownPolicy, even if a killed run left it.
func allowServiceStarts(path string) {
	if content, err := os.ReadFile(path); err == nil && string(content) == ownPolicy {
		os.Remove(path)
	}
}
