// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// mountsBelow returns the mount points at or below a directory, the deepest and latest
// first, from the text of /proc/self/mountinfo (proc(5)).
func mountsBelow(mountinfo, directory string) []string {
	var points []string
	for line := range strings.Lines(mountinfo) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := unescapeMount(fields[4])
		if point == directory || strings.HasPrefix(point, directory+"/") {
			points = append([]string{point}, points...)
		}
	}
	return points
}

// unescapeMount decodes the octal escapes of blanks in mountinfo.
var unescapeMount = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// unmountBelow unmounts everything at or below a directory. It detaches a busy mount,
// which vanishes with its last user.
func unmountBelow(directory string) error {
	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("read the list of mounts: %w", err)
	}
	var failures []error
	for _, point := range mountsBelow(string(mountinfo), directory) {
		err := syscall.Unmount(point, 0)
		if errors.Is(err, syscall.EBUSY) {
			err = syscall.Unmount(point, syscall.MNT_DETACH)
		}
		if err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOENT) {
			failures = append(failures, fmt.Errorf("unmount %s: %w", point, err))
		}
	}
	return errors.Join(failures...)
}

// chooseSnapshotter tries an overlay mount where containerd will create its mounts,
// because a directory that is itself an overlay, as in a container, cannot hold one.
func chooseSnapshotter(l layout) string {
	trial := filepath.Join(l.containerd(), "trial")
	defer os.RemoveAll(trial)
	for _, part := range []string{"lower", "upper", "work", "merged"} {
		if err := os.MkdirAll(filepath.Join(trial, part), 0o700); err != nil {
			return "native"
		}
	}
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", trial)
	merged := filepath.Join(trial, "merged")
	if err := syscall.Mount("overlay", merged, "overlay", 0, options); err != nil {
		return "native"
	}
	_ = syscall.Unmount(merged, syscall.MNT_DETACH) // RemoveAll reports a mount that stayed
	return "overlayfs"
}
