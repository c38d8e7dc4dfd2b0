// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"
)

func TestMountsBelowComeDeepestFirstAndOnlyOurs(t *testing.T) {
	const mountinfo = `22 1 0:20 / /proc rw - proc proc rw
90 1 8:1 / /var/lib/cluster/kubelet rw shared:1 - ext4 /dev/a rw
91 90 0:40 / /var/lib/cluster/kubelet/pods/1/token rw shared:2 - tmpfs tmpfs rw
92 1 0:41 / /var/lib/cluster2/kubelet rw - tmpfs tmpfs rw
93 1 0:42 / /var/lib/cluster/with\040blank rw - tmpfs tmpfs rw
short line
`
	want := []string{"/var/lib/cluster/with blank", "/var/lib/cluster/kubelet/pods/1/token", "/var/lib/cluster/kubelet"}
	if got := mountsBelow(mountinfo, "/var/lib/cluster"); !slices.Equal(got, want) {
		t.Errorf("mountsBelow() = %q; want %q", got, want)
	}
}
