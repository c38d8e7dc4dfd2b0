// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package laravel_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/agent/runtime/laravel"
	"queueworker.dev/queueworker/api/protocol"
)

func TestSteps(t *testing.T) {
	const php, end = "php -d memory_limit=1024 artisan ", " --no-ansi --no-interaction"
	work := protocol.Config{HeapLimitBytes: 1024, MemoryBytes: 128 << 20, TimeoutSeconds: 60, SleepMilliseconds: 3000, Tries: 3, Queue: "high,low", RestMilliseconds: 5}
	pool := work
	pool.MaxJobs, pool.Recycle, pool.Run, pool.StopWhenEmpty = 500, protocol.RecyclePod, "emails-run", true
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
		"once of any pool":  {protocol.Command{Action: protocol.ActionOnce, Worker: pool}, []string{php + "queue:work --queue=high,low --timeout=60 --memory=128 --sleep=3 --tries=3 --max-jobs=1 -v --stop-when-empty" + end}},
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

func TestFailure(t *testing.T) {
	for line, want := range map[string][]string{ // the actions for which the line means failure
		"Unable to find failed job with ID [7].":                                                                            {protocol.ActionRetryFailed, protocol.ActionForgetFailed},
		"   ERROR  No failed job matches the given ID.  ":                                                                   {protocol.ActionRetryFailed, protocol.ActionForgetFailed},
		"The failed job [7] has been pushed back onto the":                                                                  nil,
		`[2026-11-23 09:50:02][mKgWbx1FzFpp] Failed:     App\Jobs\FailingJob`:                                               {protocol.ActionOnce},
		`[2026-11-23 09:50:02][mKgWbx1FzFpp] Processed:  App\Jobs\FastJob`:                                                  nil,
		`  2026-11-23 10:08:17 App\Jobs\FailingJob 9gMMZQwG redis default  1.45ms FAIL`:                                     {protocol.ActionOnce},
		`  2026-11-23 10:08:17 App\Jobs\FastJob 9gMMZQwG redis default  1.45ms DONE`:                                        nil,
		`{"level":"warning","id":"a","job":"App\\Jobs\\FailingJob","status":"failed","result":"deleted","duration":0.0004}`: {protocol.ActionOnce},
		`{"level":"info","id":"a","job":"App\\Jobs\\FastJob","status":"success","result":"deleted","duration":0.001}`:       nil,
		"what the job itself prints: FAIL":                                                                                  nil,
		"":                                                                                                                  nil,
	} {
		for _, action := range []string{protocol.ActionRetryFailed, protocol.ActionForgetFailed, protocol.ActionOnce} {
			if got := laravel.Failure(action)(line); got != slices.Contains(want, action) {
				t.Errorf("Failure(%s)(%q) is %t", action, line, got)
			}
		}
	}
}
