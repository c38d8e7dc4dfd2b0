// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestCatches(t *testing.T) {
	tests := map[string]struct {
		status string
		want   bool
	}{
		"just executed":  {"Name:\tagent\nSigCgt:\t0000000000000000\nCapInh:\t0\n", false},
		"Go runtime":     {"SigIgn:\t0000000000000000\nSigCgt:\tfffffffd7fc1feff\n", true},
		"all but TERM":   {"SigCgt:\tffffffffffffbfff\n", false},
		"only TERM":      {"SigCgt:\t0000000000004000\n", true},
		"no such line":   {"Name:\tagent\n", false},
		"not a number":   {"SigCgt:\tTERM\n", false},
		"no status read": {"", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := catches(tc.status, syscall.SIGTERM); got != tc.want {
				t.Errorf("catches() = %t, want %t", got, tc.want)
			}
		})
	}
}

// TestAwait simulates the start of a container: PID 1 is first the runtime, then the
// agent.
func TestAwait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "status")
	result := make(chan int, 1)
	go func() { result <- await(path) }()
	for _, status := range []string{
		"Name:\trunc:[2:INIT]\nSigCgt:\tfffffffd7fc1feff\n",
		"Name:\tagent\nSigCgt:\t0000000000000000\n",
		"Name:\tagent\nSigCgt:\tfffffffd7fc1feff\n",
	} {
		select {
		case code := <-result:
			t.Fatalf("await() = %d before the process caught SIGTERM", code)
		case <-time.After(4 * awaitEvery):
		}
		if err := os.WriteFile(path+".new", []byte(status), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	if code := <-result; code != exitOK {
		t.Errorf("await() = %d, want %d", code, exitOK)
	}
}
