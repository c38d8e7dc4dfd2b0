// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/api/protocol"
)

// TestClassify has a row for each row of the exit code tables of Laravel 8 to 13, and for
// the reasons that the supervisor adds.
func TestClassify(t *testing.T) {
	now := time.Unix(10_000, 0)
	running := func(class string, age time.Duration) *dialect.Job {
		return &dialect.Job{Class: class, Since: now.Add(-age)}
	}
	const kill = int(syscall.SIGKILL)
	connectionRefused := "\n\nIn PhpRedisConnector.php line 161:\n                      \n  \x1b[37;41m  Connection refused  \x1b[39;49m\n                      \n\nqueue:work [--name [NAME]] [--queue [QUEUE]] [--] [<connection>]\n\n"
	tests := map[string]struct {
		ending     Ending
		want       protocol.ExitReason
		wantCode   int
		message    string // a substring of the message
		wantClass  string
		customPool bool
	}{
		"max-jobs": {
			ending: Ending{Jobs: 500, Uptime: time.Minute}, want: protocol.ExitMaxJobs, message: "after 500 jobs",
		},
		"max-time": {
			ending: Ending{Jobs: 3, Uptime: time.Hour, MaxTime: 55 * time.Minute}, want: protocol.ExitMaxTime, message: "after 1h0m0s",
		},
		"memory by Laravel's own measure": {
			ending: Ending{Code: 12, Uptime: time.Minute}, want: protocol.ExitMemory, wantCode: 12, message: "limit of 256Mi",
		},
		"exit 12 of another runtime is its own business": {
			ending: Ending{Code: 12, Uptime: time.Minute}, customPool: true,
			want: protocol.ExitCrashed, wantCode: 12, message: "exit code 12",
		},
		"memory by the agent's measure": {
			ending: Ending{Asked: protocol.ExitMemory, Memory: 500 << 20}, want: protocol.ExitMemory, message: "used 500Mi, more than the 416Mi",
		},
		"queue:restart": {
			ending: Ending{Jobs: 3, Uptime: time.Minute}, want: protocol.ExitRestartRequested, message: "queue:restart",
		},
		"restart token": {
			ending: Ending{Asked: protocol.ExitRestartRequested}, want: protocol.ExitRestartRequested, message: "asked to end because a restart was requested",
		},
		"paused": {
			ending: Ending{Asked: protocol.ExitPaused, Jobs: 500}, want: protocol.ExitPaused, message: "paused",
		},
		"drained": {
			ending: Ending{Asked: protocol.ExitDrained}, want: protocol.ExitDrained, message: "pod is being removed",
		},
		"asked to end, by a worker that does not handle SIGTERM": {
			ending: Ending{Asked: protocol.ExitDrained, Code: 143, Signal: 15}, want: protocol.ExitDrained, wantCode: 143, message: "pod",
		},
		"asked to end, but it crashed": {
			ending: Ending{Asked: protocol.ExitDrained, Code: 255, Uptime: time.Minute, Jobs: 1},
			want:   protocol.ExitCrashed, wantCode: 255, message: "exit code 255",
		},
		"job timeout with tries left, no line at all": {
			ending: Ending{Code: 137, Signal: kill, Open: running("App\\Jobs\\Slow", 61*time.Second)},
			want:   protocol.ExitJobTimeout, wantCode: 137, wantClass: "App\\Jobs\\Slow", message: "Its job App\\Jobs\\Slow ran for 1m1s, longer than the timeout of 1m0s",
		},
		"job timeout, the alarm older than the line": {
			ending: Ending{Code: 137, Signal: kill, Open: running("A", 59900*time.Millisecond)},
			want:   protocol.ExitJobTimeout, wantCode: 137, wantClass: "A", message: "ran for 59.9s",
		},
		"job timeout with tries exhausted: the failure is the last line": {
			ending: Ending{Code: 137, Signal: kill, Last: dialect.Ending{Class: "B", Failed: true, Duration: 60 * time.Second, At: now}},
			want:   protocol.ExitJobTimeout, wantCode: 137, wantClass: "B", message: "Its job B ran for 1m0s",
		},
		"job timeout of PHP as PID 1 behind a wrapper": {
			ending: Ending{Code: 1, Open: running("C", 60*time.Second), Uptime: time.Hour},
			want:   protocol.ExitJobTimeout, wantCode: 1, wantClass: "C", message: "Its job C ran",
		},
		"job timeout by the agent": {
			ending: Ending{Code: 137, Signal: kill, Killed: protocol.ExitJobTimeout, Open: running("", 60*time.Second)},
			want:   protocol.ExitJobTimeout, wantCode: 137, message: "Its job ran for 1m0s",
		},
		"killed by the kernel": {
			ending: Ending{Code: 137, Signal: kill, OutOfMemory: true, Open: running("D", time.Second)},
			want:   protocol.ExitOOMKilled, wantCode: 137, wantClass: "D", message: "while it worked on its job D",
		},
		"killed by the agent below the container's limit": {
			ending: Ending{Code: 137, Signal: kill, Killed: protocol.ExitOOMKilled, Memory: 300 << 20, Pressure: Pressure{Used: 499 << 20, Limit: 512 << 20}},
			want:   protocol.ExitOOMKilled, wantCode: 137, message: "499Mi of its memory limit of 512Mi",
		},
		"grace period over": {
			ending: Ending{Code: 137, Signal: kill, Killed: protocol.ExitGraceExceeded, Asked: protocol.ExitDrained, Open: running("E", 5*time.Second)},
			want:   protocol.ExitGraceExceeded, wantCode: 137, wantClass: "E", message: "at the end of the pod's grace period",
		},
		"SIGKILL from elsewhere": {
			ending: Ending{Code: 137, Signal: kill, Open: running("F", time.Second)},
			want:   protocol.ExitKilled, wantCode: 137, wantClass: "F", message: "SIGKILL while it worked on its job F",
		},
		"SIGKILL from elsewhere of a worker a shell waits for": {
			ending: Ending{Code: 137}, want: protocol.ExitKilled, wantCode: 137, message: "SIGKILL",
		},
		"SIGTERM from elsewhere, no handler": {
			ending: Ending{Code: 143, Signal: 15}, want: protocol.ExitKilled, wantCode: 143, message: "SIGTERM",
		},
		"SIGHUP from elsewhere": {
			ending: Ending{Code: 129, Signal: 1}, want: protocol.ExitKilled, wantCode: 129, message: "SIGHUP",
		},
		"alarm without a handler": {
			ending: Ending{Code: 142, Signal: int(syscall.SIGALRM), Open: running("G", 60*time.Second)},
			want:   protocol.ExitJobTimeout, wantCode: 142, wantClass: "G", message: "timeout",
		},
		"segmentation fault": {
			ending: Ending{Code: 139, Signal: int(syscall.SIGSEGV), Uptime: time.Minute}, want: protocol.ExitCrashed, wantCode: 139, message: "SIGSEGV",
		},
		"PHP fatal error in a job": {
			ending: Ending{
				Code: 255, Uptime: time.Minute, Jobs: 3, Open: running("H", time.Second),
				Tail: "PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted in /app/H.php on line 3\n",
			},
			want: protocol.ExitCrashed, wantCode: 255, wantClass: "H",
			message: "It failed with exit code 255 while it worked on its job H: PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted in /app/H.php on line 3.",
		},
		"an early crash with a job is no configuration error": {
			ending: Ending{Code: 255, Uptime: time.Second, Jobs: 1}, want: protocol.ExitCrashed, wantCode: 255, message: "printed nothing that tells why",
		},
		"unreachable Redis at start": {
			ending: Ending{Code: 1, Uptime: 100 * time.Millisecond, Tail: connectionRefused},
			want:   protocol.ExitConfigError, wantCode: 1,
			message: "It ended at once with exit code 1, before it took a job: In PhpRedisConnector.php line 161: Connection refused.",
		},
		"unknown connection rendered by PHP itself": {
			ending: Ending{Code: 255, Uptime: time.Second, Tail: "PHP Fatal error:  Uncaught InvalidArgumentException: no connector\n#0 /app/x.php(3): f()\n#1 {main}\n"},
			want:   protocol.ExitConfigError, wantCode: 255, message: "Uncaught InvalidArgumentException: no connector.",
		},
		"Redis lost while idle, later": {
			ending: Ending{Code: 1, Uptime: time.Hour, Tail: "  Connection lost  \n"}, want: protocol.ExitCrashed, wantCode: 1, message: "Connection lost",
		},
		"command not found by the agent": {
			ending: Ending{StartError: `exec: "php": executable file not found in $PATH`, NotFound: true},
			want:   protocol.ExitCommandNotFound, wantCode: 127, message: `"php": executable file not found`,
		},
		"command not found by a shell": {
			ending: Ending{Code: 127, Uptime: time.Millisecond, Tail: "sh: 1: php: not found\n"},
			want:   protocol.ExitCommandNotFound, wantCode: 127, message: "php: not found",
		},
		"too many failures in a row": {
			ending: Ending{Asked: protocol.ExitMaxExceptions, FailuresInARow: 3, Last: dialect.Ending{Class: "App\\Jobs\\Mail", Failed: true}},
			want:   protocol.ExitMaxExceptions, wantClass: "App\\Jobs\\Mail", message: `3 jobs in a row had failed, last App\Jobs\Mail`,
		},
		"command not executable": {
			ending: Ending{Code: 126, Uptime: time.Millisecond}, want: protocol.ExitCommandNotFound, wantCode: 126, message: "exit code 126",
		},
		"no more processes allowed": {
			ending: Ending{StartError: "start /usr/bin/php: resource temporarily unavailable"},
			want:   protocol.ExitCrashed, wantCode: 126, message: "temporarily unavailable",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tc.ending.Now = now
			worker := laravelWorker
			if tc.customPool {
				worker = Worker{}
			}
			tc.ending.Settings = Settings{
				Worker: worker, MaxJobs: 500, Timeout: time.Minute, MemoryBytes: 256 << 20, RetireBytes: 416 << 20,
			}
			got := Classify(tc.ending)
			if got.Reason != tc.want || got.Code != tc.wantCode || got.JobClass != tc.wantClass {
				t.Errorf("classified as %s, code %d, class %q; want %s, %d, %q", got.Reason, got.Code, got.JobClass, tc.want, tc.wantCode, tc.wantClass)
			}
			if !strings.Contains(got.Message, tc.message) {
				t.Errorf("the message is %q; want %q in it", got.Message, tc.message)
			}
			if last := got.Message[len(got.Message)-1]; last != '.' {
				t.Errorf("the message %q is no sentence", got.Message)
			}
		})
	}
}

func TestExcerptIsBounded(t *testing.T) {
	tail := strings.Repeat("über\x1b[31m \x07", 500)
	got := excerpt(tail)
	if len(got) > maxExcerpt || strings.ContainsAny(got, "\x1b\x07") || !strings.HasSuffix(got, "…") {
		t.Errorf("the excerpt is %q", got)
	}
}

func FuzzExcerpt(f *testing.F) {
	f.Add("In X.php line 3:\n  broken\n")
	f.Add("\x1b[")
	f.Add("#0 x\n\x1b[31mred")
	f.Fuzz(func(t *testing.T, tail string) {
		if got := excerpt(tail); len(got) > maxExcerpt || strings.ContainsAny(got, "\n\x1b") {
			t.Fatalf("%q became %q", tail, got)
		}
	})
}
