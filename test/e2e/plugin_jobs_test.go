// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestPluginLooksAfterFailedJobs lets 50 jobs fail, lists them with search and paging,
// retries 10, forgets 5 and flushes the rest. The ledger and the table confirm each
// result.
func TestPluginLooksAfterFailedJobs(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	startKeeping(l)
	l.Create(builders.QueueWorker(l.Namespace, "emails").Queue("emails,reports").Sleep(time.Second).Obj())
	l.Dispatch(lab.Jobs{Kind: "broken", Queue: "emails", Count: 38, Tries: 1, Run: "load"})
	l.Dispatch(lab.Jobs{Kind: "selffail", Queue: "reports", Count: 12, Tries: 1, Run: "load"})
	l.Eventually("all jobs have failed", time.Minute, func() (bool, string) {
		truth := l.Truth("load")
		return truth.Failed == 50, fmt.Sprintf("%+v", truth)
	})
	user := l.Plugin()
	ids := func(arguments ...string) []string {
		return strings.Fields(user.OK(append([]string{"failed", "list", "-o", "name"}, arguments...)...))
	}
	all := ids()
	if len(all) != 50 || len(slices.Compact(slices.Sorted(slices.Values(all)))) != 50 {
		t.Fatalf("%d failed jobs were listed, want 50: %v", len(all), all)
	}
	if first := ids("--limit", "7"); !slices.Equal(first, all[:7]) {
		t.Errorf("--limit 7 listed %v, want the first of %v", first, all[:7])
	}
	emails, reports := ids("--queue", "emails"), ids("--search", `jobs\selffail`)
	if len(emails) != 38 || len(reports) != 12 {
		t.Fatalf("%d failed jobs of the queue emails and %d with the text were listed, want 38 and 12", len(emails), len(reports))
	}
	if said := user.Run("failed", "list", "--limit", "7"); said.Code != 0 || strings.Count(said.Out, "\n") != 8 || said.Err != "7 of 50 failed jobs are shown; --limit 0 shows all.\n" {
		t.Errorf("a table of 7 said %+v", said)
	}
	table := user.OK("failed", "list", "--queue", "reports", "--limit", "1")
	if !strings.HasPrefix(table, "ID ") || !strings.Contains(table, reports[0]) || !strings.Contains(table, `App\Jobs\SelfFailingJob`) {
		t.Errorf("the table is\n%s", table)
	}
	if none := user.Run("failed", "list", "--search", "nowhere"); none.Code != 0 || none.Out != "" || !strings.Contains(none.Err, "no such failed jobs") {
		t.Errorf("a search in vain said %+v", none)
	}

	if err := l.Redis.Set(l.Ctx, "demo:load:mended", "yes", 0).Err(); err != nil {
		t.Fatal(err)
	}
	user.OK(append([]string{"failed", "retry"}, emails[:10]...)...)
	l.Eventually("the 10 jobs are done", time.Minute, func() (bool, string) {
		truth := l.Truth("load")
		return truth.Starts == 60 && truth.Ends == 10 && truth.Failed == 50, fmt.Sprintf("%+v", truth)
	})
	user.OK(append([]string{"failed", "forget"}, reports[:5]...)...)
	if left := ids(); len(left) != 35 || slices.ContainsFunc(left, func(id string) bool { return slices.Contains(reports[:5], id) || slices.Contains(emails[:10], id) }) {
		t.Errorf("%d failed jobs are left, want 35 and none of those retried or forgotten", len(left))
	}
	if again := user.Run("failed", "forget", reports[0]); again.Code != cli.CodeFailed || !strings.Contains(again.Err, "No failed job matches") {
		t.Errorf("to forget one that is not there said %+v", again)
	}
	if asked := user.Run("failed", "flush"); asked.Code != cli.CodeUsage || !strings.Contains(asked.Err, "--yes") || len(ids()) != 35 {
		t.Errorf("flush did not ask: %+v", asked)
	}
	user.OK("failed", "flush", "--yes")
	if none := ids(); len(none) != 0 {
		t.Errorf("after the flush there are %v", none)
	}
	lists := &v1alpha1.QueueCommandList{}
	if err := l.Client.List(l.Ctx, lists, client.InNamespace(l.Namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range lists.Items {
		if lists.Items[i].Spec.Action == v1alpha1.ActionListFailed {
			t.Errorf("%s was left behind", lists.Items[i].Name)
		}
	}
}

// TestPluginClearsQueues deletes the jobs of one queue after the user confirms it.
func TestPluginClearsQueues(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Dispatch(lab.Jobs{Kind: "quick", Queue: "emails", Count: 20, Run: "load"})
	l.Dispatch(lab.Jobs{Kind: "quick", Queue: "reports", Count: 3, Run: "load"})
	waiting := func(queue string) int64 {
		n, err := l.Redis.LLen(l.Ctx, "laravel_database_queues:"+queue).Result()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	user := l.Plugin()
	if said := user.Run("clear", "emails"); said.Code != cli.CodeUsage || !strings.Contains(said.Err, "nothing brings them back") || waiting("emails") != 20 {
		t.Errorf("clear did not ask: %+v", said)
	}
	if out := user.OK("clear", "emails", "--yes"); !strings.Contains(out, "Cleared 20 jobs") || waiting("emails") != 0 || waiting("reports") != 3 {
		t.Errorf("clear said %q, and there are %d and %d jobs", out, waiting("emails"), waiting("reports"))
	}
}

// TestPluginRunsOneJob runs one job of a stopped pool and shows what it prints, also to a
// user who may not read logs. The command says so if no job waits, and it ends with 1 if
// the worker cannot start.
func TestPluginRunsOneJob(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Queue("emails").Stopped(true).Obj())
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "2", Queue: "emails", Count: 3, Run: "load"})
	for i, user := range []*lab.Plugin{l.Plugin(), l.User(editor(l))} {
		out := user.OK("once", "emails")
		if strings.Count(out, `Processed:  App\Jobs\SlowJob`) != 1 {
			t.Errorf("user %d saw %q", i, out)
		}
		if truth := l.Truth("load"); truth.Starts != int64(i+1) || truth.Ends != int64(i+1) {
			t.Errorf("after %d times once the jobs counted %+v", i+1, truth)
		}
	}
	if said := l.Plugin().Run("once", "--queue", "nothing"); said.Code != 0 || said.Err != "No job waited on nothing; nothing was run.\n" {
		t.Errorf("once where nothing waits said %+v", said)
	}
	broken := namedApp(l, "broken")
	broken.Spec.Connection.Name = "nowhere"
	l.Create(broken)
	said := l.Plugin().Run("once", "--queue", "emails", "--app", "broken")
	if said.Code != cli.CodeFailed || !strings.Contains(said.Out+said.Err, "nowhere") {
		t.Errorf("once with a connection that does not exist said %+v", said)
	}
}

// TestPluginRunsOneLongJob: a user who waits for less time than the job takes gets a
// timeout, and the job still finishes. A user who waits long enough sees its whole
// output.
func TestPluginRunsOneLongJob(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Queue("emails").Stopped(true).Obj())
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "30", Queue: "emails", Run: "long"})
	user := l.Plugin()
	said := user.Run("once", "emails", "--timeout", "15s")
	if said.Code != cli.CodeTimedOut || !strings.Contains(said.Err, ": not within 15s; last seen: ") || strings.Contains(said.Out, "Processed:") {
		t.Errorf("it said %+v", said)
	}
	if truth := l.Settled("long", time.Minute); truth.Starts != 1 || truth.Ends != 1 {
		t.Errorf("the job counted %+v", truth)
	}
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "8", Queue: "emails", Run: "waited"})
	if out := user.OK("once", "emails", "--timeout", "0"); !strings.Contains(out, "Processed:") || l.Truth("waited").Ends != 1 {
		t.Errorf("it printed %q, the job counted %+v", out, l.Truth("waited"))
	}
}

// editor returns the chart's role for users who may change objects but not read logs.
func editor(l *lab.Lab) string {
	l.Helper()
	return chartRole(l, "rbac.authorization.k8s.io/aggregate-to-edit")
}
