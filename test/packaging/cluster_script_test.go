// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stub replaces go, kubectl and helm: it records each call and answers like the cluster
// and image tools.
const stub = `#!/usr/bin/env bash
echo "$(basename "$0") $*" >> "$STUB_LOG"
case "$(basename "$0") $*" in
  "go -C hack/cluster run . status") exit "$STUB_STATUS" ;;
  "go -C hack/cluster run . up") echo "export KUBECONFIG=/stub/kubeconfig" ;;
  "go -C hack/cluster run . binaries") echo /stub/bin ;;
  "go -C hack/images run "*) echo "$QUEUEWORKER_CACHE/images/operator_dev.tar" ;;
  "go list tool") echo helm.sh/helm/v4/cmd/helm ;;
  "go list -f "*) echo v1 ;;
  "go env GOVERSION") echo go1 ;;
esac
`

// withCluster runs hack/with-cluster.sh with stubs. It returns the calls that change
// something, in order, and the exit code.
func withCluster(t *testing.T, wasUp bool, command ...string) ([]string, int) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"bin/go", "bin/kubectl", "cache/bin/helm-v1-go1", "cache/images/operator_dev.tar"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(stub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	status := "1"
	if wasUp {
		status = "0"
	}
	log := filepath.Join(dir, "log")
	cmd := exec.Command(filepath.Join(top, "hack", "with-cluster.sh"), command...)
	cmd.Env = []string{
		"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "HOME=" + dir,
		"QUEUEWORKER_CACHE=" + filepath.Join(dir, "cache"), "STUB_LOG=" + log, "STUB_STATUS=" + status,
	}
	out, err := cmd.CombinedOutput()
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	calls, err := os.ReadFile(log)
	if err != nil {
		t.Fatalf("nothing was called: %v\n%s", err, out)
	}
	var changes []string
	for call := range strings.Lines(string(calls)) {
		fields := strings.Fields(call)
		switch {
		case strings.HasPrefix(call, "go -C hack/cluster run . "):
			if what := fields[5]; what != "status" && what != "binaries" {
				changes = append(changes, what)
			}
		case strings.HasPrefix(call, "go -C hack/images"):
			changes = append(changes, "images")
		case strings.HasPrefix(call, "helm"):
			changes = append(changes, fields[1])
		}
	}
	return changes, code
}

func TestWithCluster(t *testing.T) {
	started := []string{"up", "images", "load-image", "upgrade"}
	tests := map[string]struct {
		wasUp    bool
		command  []string
		want     []string
		wantCode int
	}{
		"a cluster that was up stays":                   {true, []string{"true"}, started, 0},
		"a cluster that was not up goes":                {false, []string{"true"}, append(started, "down"), 0},
		"it goes also when the command fails":           {false, []string{"sh", "-c", "exit 7"}, append(started, "down"), 7},
		"a failure is told though the cluster stays":    {true, []string{"sh", "-c", "exit 7"}, started, 7},
		"the command finds the cluster":                 {true, []string{"sh", "-c", `test "$KUBECONFIG" = /stub/kubeconfig`}, started, 0},
		"the command finds the cluster's own kubectl":   {true, []string{"sh", "-c", `case $PATH in /stub/bin:*) ;; *) exit 1 ;; esac`}, started, 0},
		"no command at all leaves a running cluster up": {true, nil, started, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, code := withCluster(t, tc.wasUp, tc.command...)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if code != tc.wantCode {
				t.Errorf("exit code %d, want %d", code, tc.wantCode)
			}
		})
	}
}
