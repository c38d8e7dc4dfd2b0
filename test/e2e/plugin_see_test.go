// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// row is a worker in the output of `workers -o json`.
type row struct {
	Name, Pod, QueueWorker string
	PID                    int32
	Live                   bool
	Processed              int64
	State                  v1alpha1.WorkerState
	CurrentJob             *struct{ Class string }
}

func rows(l *lab.Lab, printed string) []row {
	l.Helper()
	var list struct{ Items []row }
	if err := json.Unmarshal([]byte(printed), &list); err != nil {
		l.Fatalf("workers -o json printed %q: %v", printed, err)
	}
	return list.Items
}

// aJob is part of the text for a slow job, with its name ("SlowJob for 3s") or, before
// the status has the name, without it ("a job for 3s").
const aJob = "ob for "

// TestPluginShowsWorkers: `workers` shows what the agents know now to users who may ask
// them. To other users it shows the status, with its age.
func TestPluginShowsWorkers(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Processes(3).Obj(), builders.QueueWorker(l.Namespace, "reports").Queue("reports").Obj())
	l.Ready("emails", 2*time.Minute)
	l.Ready("reports", 2*time.Minute)
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "20", Queue: "reports", Run: "reports"})
	l.Eventually("the job runs", time.Minute, func() (bool, string) {
		truth := l.Truth("reports")
		return truth.Starts == 1, fmt.Sprintf("%+v", truth)
	})

	admin := l.Plugin()
	got := rows(l, admin.OK("workers", "-o", "json"))
	if len(got) != 4 {
		t.Fatalf("workers lists %d rows, want 4: %+v", len(got), got)
	}
	pids := map[string]int32{}
	for _, pool := range []string{"emails", "reports"} {
		for _, pod := range l.Pods(pool) {
			status, err := l.Agent(&pod)
			if err != nil {
				t.Fatal(err)
			}
			pids[pod.Name+"/0"] = status.Workers[0].PID
		}
	}
	for _, r := range got {
		if !r.Live || r.PID == 0 || r.PID != pids[r.Name] {
			t.Errorf("row %+v, but the agent of the pod says pid %d", r, pids[r.Name])
		}
		busy := r.QueueWorker == "reports"
		// The job's name comes from the status, which may be up to a minute older.
		named := r.CurrentJob != nil && (r.CurrentJob.Class == "" || strings.HasSuffix(r.CurrentJob.Class, "SlowJob"))
		if busy != (named && r.State == v1alpha1.WorkerBusy) {
			t.Errorf("row %+v, but the job runs in the pool reports", r)
		}
	}
	table := admin.OK("workers", "reports", "-o", "wide")
	for _, want := range []string{"ID ", "CURRENT JOB", aJob, "live", l.Pods("reports")[0].Name + "/0"} {
		if !strings.Contains(table, want) {
			t.Errorf("workers printed no %q:\n%s", want, table)
		}
	}
	if got := strings.Fields(admin.OK("workers", "emails", "-o", "name")); len(got) != 3 || !slices.Contains(got, "pod/"+l.Pods("emails")[0].Name) {
		t.Errorf("workers -o name printed %v", got)
	}

	said := l.Viewer().Run("workers", "emails")
	if said.Code != 0 || !strings.Contains(said.Err, "the QueueWorkers' status of ") || !strings.Contains(said.Err, "you may not list pods") {
		t.Errorf("workers for who may not ask agents said %+v", said)
	}
	for _, worker := range l.Worker("emails").Status.Workers {
		if !strings.Contains(said.Out, worker.Name) {
			t.Errorf("workers shows no %s of the status:\n%s", worker.Name, said.Out)
		}
	}
	if said := l.User().Run("workers", "emails"); said.Code != cli.CodeForbidden || !strings.Contains(said.Err, "may not get queueworkers") {
		t.Errorf("workers without any right said %+v", said)
	}
}

// TestPluginExplains: `status` and `explain` show what the objects contain, and what to
// do if something is wrong.
func TestPluginExplains(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(
		builders.QueueWorker(l.Namespace, "emails").Queue("high,default").Autoscaling(1, 3, nil).Obj(),
		builders.QueueWorker(l.Namespace, "lost").App("typo").Obj(),
	)
	l.Eventually("autoscaling has decided", 2*time.Minute, func() (bool, string) {
		auto := l.Worker("emails").Status.Autoscaling
		return auto != nil && auto.Reason == "NothingToDo", fmt.Sprintf("%+v", auto)
	})
	l.Ready("emails", 2*time.Minute)
	viewer := l.Viewer()

	emails := l.Worker("emails")
	explained := viewer.OK("explain", "emails")
	for _, want := range []string{"chooses between 1 and 3", emails.Status.Autoscaling.Message, emails.Status.Autoscaling.Decisions[0].Message} {
		if !strings.Contains(explained, want) {
			t.Errorf("explain does not say %q:\n%s", want, explained)
		}
	}
	tree := viewer.OK("status", "emails")
	for _, want := range []string{"QueueApp demo", "└─ QueueWorker emails  Idle  queues high,default; 1 of 1 processes ready", "Backlog: 0 ready", emails.Status.Workers[0].Name, "✔"} {
		if !strings.Contains(tree, want) {
			t.Errorf("status does not say %q:\n%s", want, tree)
		}
	}
	if strings.Contains(tree, "QueueWorker lost") {
		t.Errorf("status of one pool shows another:\n%s", tree)
	}
	l.Eventually("the operator misses the QueueApp", time.Minute, func() (bool, string) {
		said := viewer.OK("status", "lost")
		return strings.Contains(said, `QueueApp typo`) && strings.Contains(said, "AppNotFound") && strings.Contains(said, "What to do: Create the QueueApp, or name another"), said
	})
	if tree := viewer.OK("status", "qapp/demo"); !strings.Contains(tree, "QueueWorker emails") || strings.Contains(tree, "QueueWorker lost") {
		t.Errorf("status of the QueueApp shows:\n%s", tree)
	}
	if tree := viewer.OK("status"); !strings.Contains(tree, "QueueWorker emails") || !strings.Contains(tree, "QueueWorker lost") {
		t.Errorf("status of the namespace shows:\n%s", tree)
	}
	for _, command := range []string{"status", "explain"} {
		if said := viewer.Run(command, "none"); said.Code != cli.CodeNotFound {
			t.Errorf("%s of what is not there said %+v, want code %d", command, said, cli.CodeNotFound)
		}
		if said := l.User().Run(command, "emails"); said.Code != cli.CodeForbidden || !strings.Contains(said.Err, "may not get queueworkers in the namespace "+l.Namespace) {
			t.Errorf("%s without the right said %+v", command, said)
		}
	}
}

// TestPluginStatusWatches: `status --watch` in a terminal follows changes, fits the
// terminal, and leaves the last screen behind.
func TestPluginStatusWatches(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Obj())
	l.Ready("emails", 2*time.Minute)
	terminal := l.Plugin().Terminal(100, 24, "status", "emails", "--watch")
	shows := func(text string) {
		t.Helper()
		terminal.Shows(text, 30*time.Second, func(screen string) bool { return strings.Contains(screen, text) })
	}
	shows("QueueWorker emails  Idle")
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "20"})
	shows(aJob)
	l.UpdateWorker("emails", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = true })
	shows("QueueWorker emails  Paused")
	shows("What to do: To resume it: kubectl queueworker resume emails.")
	terminal.Resize(60, 6)
	screen := terminal.Shows("as much as there is room for", 20*time.Second, func(screen string) bool {
		return strings.Contains(screen, "lines more than this terminal has room for")
	})
	if lines := strings.Split(strings.TrimRight(screen, "\n"), "\n"); len(lines) > 6 || !strings.HasPrefix(lines[0], "QueueApp demo") {
		t.Errorf("a terminal of 6 lines shows:\n%s", screen)
	}
	terminal.Keys("C-c")
	terminal.EndsWith("130", 10*time.Second)
}

// TestPluginTablesWatch: `list --watch` and `workers --watch` in a terminal follow
// changes.
func TestPluginTablesWatch(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Obj())
	l.Ready("emails", 2*time.Minute)
	list := l.Viewer().Terminal(160, 10, "list", "--watch")
	workers := l.Plugin().Terminal(160, 10, "workers", "--watch")
	shows := func(terminal *lab.Terminal, texts ...string) {
		t.Helper()
		terminal.Shows(strings.Join(texts, " and "), 30*time.Second, func(screen string) bool {
			return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(screen, text) })
		})
	}
	pod := l.Pods("emails")[0].Name
	shows(list, "NAME ", "emails ", "Idle")
	shows(workers, "ID ", pod+"/0", "Idle")
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "20"})
	shows(workers, "Busy", aJob)
	l.UpdateWorker("emails", func(w *v1alpha1.QueueWorker) { w.Spec.Stopped = true })
	l.Create(builders.QueueWorker(l.Namespace, "reports").Queue("reports").Stopped(true).Obj())
	shows(list, "reports ", "Draining")
	shows(workers, "There are no workers: emails is stopped")
	for _, terminal := range []*lab.Terminal{list, workers} {
		terminal.Keys("C-c")
		terminal.EndsWith("130", 10*time.Second)
	}
	if said := l.Plugin().Run("list", "--watch", "-o", "json"); said.Code != cli.CodeUsage {
		t.Errorf("list --watch -o json said %+v", said)
	}
}
