// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/api/protocol"
)

// executed is the result of `agent exec`.
type executed struct {
	code                    int
	stdout, stderr, message string
}

// execute runs `agent exec` with a php that the test provides: a shell script that finds
// its arguments in $*. It calls during while the command runs.
func execute(t *testing.T, php string, command protocol.Command, during func(process *os.Process, dir string)) executed {
	t.Helper()
	dir := t.TempDir()
	path := dir + ":/usr/bin:/bin"
	if php == "" {
		path = dir
	} else {
		if err := os.WriteFile(filepath.Join(dir, "php"), []byte("#!/bin/sh\n"+php+"\n"), 0o700); err != nil { //nolint:gosec // it is run
			t.Fatal(err)
		}
	}
	command.Version, command.Worker.HeapLimitBytes = protocol.Version, 64<<20
	document, err := json.Marshal(command)
	if err != nil {
		t.Fatal(err)
	}
	message := filepath.Join(dir, "message")
	agent := exec.Command(binary(t), "exec", "--termination-message="+message)
	agent.Dir = dir
	agent.Env = []string{"PATH=" + path, protocol.CommandEnv + "=" + string(document)}
	var stdout, stderr bytes.Buffer
	agent.Stdout, agent.Stderr = &stdout, &stderr
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	if during != nil {
		during(agent.Process, dir)
	}
	if err := agent.Wait(); err != nil {
		if _, ended := errors.AsType[*exec.ExitError](err); !ended {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(message)
	if err != nil {
		t.Error(err)
	}
	return executed{agent.ProcessState.ExitCode(), stdout.String(), stderr.String(), string(content)}
}

func TestExecRunsArtisan(t *testing.T) {
	const always = "-d memory_limit=67108864 artisan "
	for name, tc := range map[string]struct {
		php     string
		command protocol.Command
		want    executed
	}{
		"a command": {
			`echo "$*"; echo oops >&2`, protocol.Command{Action: protocol.ActionRetryFailed, IDs: []string{"1", "2"}},
			executed{0, always + "queue:retry 1 2 --no-ansi --no-interaction\n", "oops\n", "*"},
		},
		"its exit code": {
			`echo bad; exit 3`, protocol.Command{Action: protocol.ActionFlushFailed},
			executed{3, "bad\n", "", "bad"},
		},
		"one command for each id, also after a failure": {
			`echo "$5"; [ "$5" != 2 ]`, protocol.Command{Action: protocol.ActionForgetFailed, IDs: []string{"1", "2", "3"}},
			executed{1, "1\n2\n3\n", "", "1\n2\n3"},
		},
		"a failed job that is not there": {
			`echo "Unable to find failed job with ID [9]."`, protocol.Command{Action: protocol.ActionRetryFailed, IDs: []string{"9"}},
			executed{1, "Unable to find failed job with ID [9].\n", "", "Unable to find failed job with ID [9]."},
		},
		"no php": {
			"", protocol.Command{Action: protocol.ActionClearQueue, Queue: "q"},
			executed{127, "", "*", "*"},
		},
		"an action of a newer operator": {
			"true", protocol.Command{Action: "Dance"},
			executed{2, "", "*", `the command in QUEUEWORKER_COMMAND has the action "Dance", which this agent does not know`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := execute(t, tc.php, tc.command, nil)
			if tc.want.stderr == "*" {
				got.stderr = "*"
			}
			if tc.want.message == "*" {
				got.message = "*"
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(executed{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestExecLeavesTheEndOfALongOutput(t *testing.T) {
	got := execute(t, `i=0; while [ $i -lt 3000 ]; do echo "line $i of many"; i=$((i+1)); done; printf '\033[31mthe end\033[0m'`,
		protocol.Command{Action: protocol.ActionFlushFailed}, nil)
	if len(got.message) > protocol.MaxFinalBytes || !strings.HasSuffix(got.message, "line 2999 of many\nthe end") || strings.Count(got.stdout, "\n") != 3000 {
		t.Errorf("of %d bytes %d are left: ...%.60q", len(got.stdout), len(got.message), got.message[max(0, len(got.message)-60):])
	}
}

// begun waits for a file that the script creates when it starts.
func begun(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "begun")); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the command has not begun")
		}
	}
}

func TestExecPassesTheEndOfItsPodOn(t *testing.T) {
	const worker = `[ "$1" = -m ] && { printf '[PHP Modules]\nCore\n%s\n' "$PCNTL"; exit; }
trap 'echo finishing; sleep 0.2; echo done; exit 0' TERM
touch begun; i=0; while [ $i -lt 20 ]; do sleep 0.1; i=$((i+1)); done; echo slept`
	terminate := func(process *os.Process, dir string) {
		begun(t, dir)
		_ = process.Signal(syscall.SIGTERM)
	}
	t.Run("to a worker, which finishes its job", func(t *testing.T) {
		got := execute(t, "PCNTL=pcntl\n"+worker, protocol.Command{Action: protocol.ActionOnce}, terminate)
		if got.message != "finishing\ndone" || got.code != 0 {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("not to one without pcntl, which would die in its job", func(t *testing.T) {
		got := execute(t, "PCNTL=\n"+worker, protocol.Command{Action: protocol.ActionOnce}, terminate)
		if got.message != "slept" || got.code != 0 {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("and to one that dies of it", func(t *testing.T) {
		got := execute(t, `touch begun; exec sleep 20`, protocol.Command{Action: protocol.ActionFlushFailed}, terminate)
		if got.code == 0 {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("and begins no further step", func(t *testing.T) {
		got := execute(t, `echo "$5"; touch begun; sleep 0.3`, protocol.Command{Action: protocol.ActionForgetFailed, IDs: []string{"1", "2"}}, terminate)
		if got.message != "1" || got.code != 143 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestExecDoesNotWaitForWhatACommandLeftBehind(t *testing.T) {
	began := time.Now()
	got := execute(t, `(sleep 20) & echo left`, protocol.Command{Action: protocol.ActionFlushFailed}, nil)
	if took := time.Since(began); got.code != 0 || got.message != "left" || took > 10*time.Second {
		t.Errorf("after %s: %+v", took, got)
	}
}
