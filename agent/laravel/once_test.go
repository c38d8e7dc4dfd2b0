// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package laravel_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/agent/laravel"
	"queueworker.dev/queueworker/api/protocol"
)

func TestSteps(t *testing.T) {
	const php, end = "php -d memory_limit=1024 artisan ", " --no-ansi --no-interaction"
	work := protocol.Config{HeapLimitBytes: 1024, MemoryBytes: 128 << 20, TimeoutSeconds: 60, SleepMilliseconds: 3000, Tries: 3, Queue: "high,low", RestMilliseconds: 5}
	for name, tc := range map[string]struct {
		command protocol.Command
		want    []string
	}{
		"retry some":        {protocol.Command{Action: protocol.ActionRetryFailed, IDs: []string{"1", "2"}}, []string{php + "queue:retry 1 2" + end}},
		"retry all":         {protocol.Command{Action: protocol.ActionRetryFailed, All: true}, []string{php + "queue:retry all" + end}},
		"retry of a queue":  {protocol.Command{Action: protocol.ActionRetryFailed, All: true, Queue: "emails"}, []string{php + "queue:retry --queue=emails" + end}},
		"forget":            {protocol.Command{Action: protocol.ActionForgetFailed, IDs: []string{"1", "2"}}, []string{php + "queue:forget 1" + end, php + "queue:forget 2" + end}},
		"flush":             {protocol.Command{Action: protocol.ActionFlushFailed}, []string{php + "queue:flush" + end}},
		"flush old ones":    {protocol.Command{Action: protocol.ActionFlushFailed, Hours: 48}, []string{php + "queue:flush --hours=48" + end}},
		"clear":             {protocol.Command{Action: protocol.ActionClearQueue, Queue: "emails"}, []string{php + "queue:clear --queue=emails --force" + end}},
		"clear by name":     {protocol.Command{Action: protocol.ActionClearQueue, Queue: "emails", Worker: protocol.Config{Connection: "redis"}}, []string{php + "queue:clear redis --queue=emails --force" + end}},
		"once":              {protocol.Command{Action: protocol.ActionOnce, Worker: work}, []string{php + "queue:work --queue=high,low --timeout=60 --memory=128 --sleep=3 --tries=3 --max-jobs=1 -v --stop-when-empty" + end}},
		"behind a wrapper":  {protocol.Command{Action: protocol.ActionFlushFailed, Worker: protocol.Config{Command: []string{"with-secrets", "--"}}}, []string{"with-secrets -- " + php + "queue:flush" + end}},
		"an unknown action": {protocol.Command{Action: "Dance"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tc.command.Worker.HeapLimitBytes = 1024
			var got []string
			for _, step := range laravel.Steps(tc.command) {
				got = append(got, strings.Join(step, " "))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotFound(t *testing.T) {
	for line, want := range map[string]bool{
		"Unable to find failed job with ID [7].":           true,
		"   ERROR  No failed job matches the given ID.  ":  true,
		"The failed job [7] has been pushed back onto the": false,
		"": false,
	} {
		if got := laravel.NotFound(line); got != want {
			t.Errorf("NotFound(%q) is %t", line, got)
		}
	}
}
