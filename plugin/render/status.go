// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/wording"
)

const (
	// shownDecisions and shownWorkers limit the decisions and workers of a pool in a
	// tree.
	shownDecisions = 5
	shownWorkers   = 20
)

// StatusTree returns one tree for each QueueApp in a snapshot. The tree shows the pools:
// the backlog, the throughput, the reason for the size, the workers, and the conditions
// with what to do about them.
func StatusTree(s *view.Snapshot, paint Paint) []Node {
	v := &statusView{s, paint}
	apps := map[string]*v1alpha1.QueueApp{}
	for i := range s.Apps {
		apps[s.Apps[i].Namespace+"/"+s.Apps[i].Name] = &s.Apps[i]
	}
	pools := map[string][]*v1alpha1.QueueWorker{}
	keys := map[string]bool{}
	for key := range apps {
		keys[key] = true
	}
	for i := range s.Pools {
		pool := &s.Pools[i]
		key := pool.Namespace + "/" + view.AppOf(pool)
		pools[key] = append(pools[key], pool)
		keys[key] = true
	}
	sorted := slices.Sorted(maps.Keys(keys))
	roots := make([]Node, 0, len(sorted))
	for _, key := range sorted {
		roots = append(roots, v.app(key, apps[key], pools[key]))
	}
	return roots
}

type statusView struct {
	*view.Snapshot
	paint Paint
}

func (v *statusView) app(key string, app *v1alpha1.QueueApp, pools []*v1alpha1.QueueWorker) Node {
	namespace, name, _ := strings.Cut(key, "/")
	var root Node
	switch {
	case app != nil:
		root.Text = v.paint.in(view.Strong, "QueueApp "+app.Name) + "  " + appFacts(app)
	case name == "":
		root.Text = v.paint.in(view.Bad, "No QueueApp")
	default:
		root.Text = v.paint.in(view.Strong, "QueueApp "+view.Clean(name))
	}
	if v.SeveralNamespaces() {
		root.Text = namespace + ": " + root.Text
	}
	if app != nil {
		root.add(v.appFindings(app)...)
	}
	if app != nil && len(pools) == 0 {
		root.add(line(v.paint.in(view.Faint, "no QueueWorker uses it")))
	}
	for _, pool := range pools {
		root.add(v.pool(pool))
	}
	return root
}

// appFacts summarises the settings that the workers of an app share.
func appFacts(app *v1alpha1.QueueApp) string {
	facts := []string{string(effective.Runtime(app))}
	if connection := app.Spec.Connection; connection != nil {
		facts = append(facts, "connection "+cmp.Or(connection.Name, "of the application's default")+", driver "+string(effective.Driver(app)))
	}
	if limit := app.Spec.MaxProcesses; limit != nil {
		facts = append(facts, fmt.Sprintf("at most %d processes", *limit))
	}
	return view.Clean(strings.Join(facts, "; "))
}

// appFindings shows the images in use, and what their workers found out about the
// application.
func (v *statusView) appFindings(app *v1alpha1.QueueApp) []Node {
	var out []Node
	for _, image := range app.Status.Images {
		text := "Image: " + image.Image
		if image.Version != "" {
			text += ", " + string(app.Spec.Runtime) + " " + image.Version
		}
		out = append(out, line(view.Clean(text)))
	}
	// PreflightPassed only sums up the other conditions.
	found := slices.DeleteFunc(slices.Clone(app.Status.Conditions), func(c metav1.Condition) bool {
		return c.Type == v1alpha1.ConditionPreflightPassed
	})
	return append(out, v.conditions(found, app.Name)...)
}

func (v *statusView) pool(pool *v1alpha1.QueueWorker) Node {
	s := &pool.Status
	state := cmp.Or(string(s.State), unseen)
	out := Node{Text: fmt.Sprintf("%s  %s  %s; %s", v.paint.in(view.Strong, "QueueWorker "+pool.Name),
		v.paint.in(view.StateTone(s.State), state), queues(pool.Spec.Queue), v.processes(pool))}
	out.add(v.backlog(pool)...)
	out.add(throughput(pool)...)
	out.add(v.batch(pool)...)
	if !effective.IsBatch(&pool.Spec) {
		out.add(v.size(pool))
	}
	out.add(v.workers(pool)...)
	out.add(v.conditions(s.Conditions, pool.Name)...)
	return out
}

func queues(list string) string {
	if strings.Contains(list, ",") {
		return "queues " + view.Clean(list)
	}
	return "queue " + view.Clean(list)
}

func (v *statusView) processes(pool *v1alpha1.QueueWorker) string {
	s := &pool.Status
	now := v.Doing(pool)
	text := fmt.Sprintf("%d of %d processes ready, %d busy, %d idle", s.Ready, s.Desired, now.Busy, now.Idle)
	if now.Paused > 0 {
		text += ", " + v.paint.in(view.Doubtful, fmt.Sprintf("%d paused", now.Paused))
	}
	if now.Failing > 0 {
		text += ", " + v.paint.in(view.Bad, fmt.Sprintf("%d failing", now.Failing))
	}
	return text
}

func (v *statusView) backlog(pool *v1alpha1.QueueWorker) []Node {
	b := pool.Status.Backlog
	if b == nil {
		return nil
	}
	text := fmt.Sprintf("Backlog: %d ready, %d delayed, %d being worked on", b.Ready, b.Delayed, b.Reserved)
	if b.Failed != nil {
		text += fmt.Sprintf(", %d failed and kept", *b.Failed)
	}
	if at := view.StatusTime(pool); at != nil && v.Time.Sub(at.Time) > view.Recent {
		text += ", as of " + since(at, v.Time) + " ago"
	}
	if !b.OldestTime.IsZero() {
		text += "; the oldest has waited for " + since(b.OldestTime, v.Time)
	}
	if !b.NextDueTime.IsZero() && b.NextDueTime.After(v.Time) {
		text += nextDue(b, wording.Short(b.NextDueTime.Sub(v.Time)))
	}
	out := line(text)
	for i := range b.Queues {
		q := &b.Queues[i]
		out.add(line(fmt.Sprintf("%s: %d ready, %d delayed, %d being worked on", view.Clean(q.Queue), q.Ready, q.Delayed, q.Reserved)))
	}
	return []Node{out}
}

// nextDue says which job becomes ready by itself, and when.
func nextDue(b *v1alpha1.BacklogStatus, after string) string {
	if b.Delayed == 0 {
		return "; a job being worked on is given out again in " + after + " unless it ends"
	}
	return "; the next is due in " + after
}

// throughput shows what a pool has done, and why its processes ended.
func throughput(pool *v1alpha1.QueueWorker) []Node {
	var out []Node
	s := &pool.Status
	if t := s.Throughput; t != nil {
		text := "Done: " + t.JobsPerMinute + " jobs/min"
		if t.AverageTime != "" {
			text += ", " + t.AverageTime + " each"
		}
		if t.FailedShare != "" {
			text += ", " + t.FailedShare + " failed"
		}
		out = append(out, line(view.Clean(fmt.Sprintf("%s; in all %d processed, %d failed, %d released",
			text, s.Totals.Processed, s.Totals.Failed, s.Totals.Released))))
	}
	if len(s.Restarts) > 0 {
		counts := make([]string, 0, len(s.Restarts))
		for _, restart := range s.Restarts {
			counts = append(counts, fmt.Sprintf("%d %s", restart.Count, restart.Reason))
		}
		out = append(out, line(view.Clean("Ended processes: "+strings.Join(counts, ", "))))
	}
	return out
}

func (v *statusView) size(pool *v1alpha1.QueueWorker) Node {
	out := line("Size: " + wording.Fact(view.SizeFact(pool)))
	if auto := pool.Status.Autoscaling; auto != nil {
		for i := range auto.Decisions[:min(len(auto.Decisions), shownDecisions)] {
			out.add(line(decision(&auto.Decisions[i], v.Time)))
		}
	}
	return out
}

func decision(d *v1alpha1.ScalingDecision, now time.Time) string {
	return view.Clean(fmt.Sprintf("%s ago %d → %d  %s", since(&d.Time, now), d.From, d.To, cmp.Or(d.Message, d.Reason)))
}

func (v *statusView) workers(pool *v1alpha1.QueueWorker) []Node {
	workers := v.PoolWorkers(pool)
	if len(workers) == 0 {
		return nil
	}
	head := fmt.Sprintf("Workers: %d", len(workers))
	if int(pool.Status.Processes) > len(workers) {
		head = fmt.Sprintf("Workers: %d of %d", len(workers), pool.Status.Processes)
	}
	out := line(head)
	shown := workers[:min(len(workers), shownWorkers)]
	rows := make([][]string, 0, len(shown))
	for i := range shown {
		w := &shown[i]
		rows = append(rows, []string{
			view.Clean(w.Name), string(w.State), treeJob(w, v), "pid " + pid(w.PID), "up " + since(w.StartedTime, v.Time),
			fmt.Sprintf("%d done", w.Processed), fmt.Sprintf("%d failed", w.Failed), memory(w.Memory), cpu(w.CPU),
		})
	}
	for i, text := range columns(rows) {
		out.add(line(strings.Replace(text, rows[i][1], v.paint.in(view.WorkerTone(shown[i].State), rows[i][1]), 1)))
	}
	if more := len(workers) - len(shown); more > 0 {
		out.add(line(v.paint.in(view.Faint, fmt.Sprintf("and %d more: kubectl queueworker workers %s", more, pool.Name))))
	}
	return []Node{out}
}

// treeJob names the current job; empty if there is none.
func treeJob(w *view.Worker, v *statusView) string {
	if w.CurrentJob == nil {
		return ""
	}
	return view.Clean(plainClass(job(w.CurrentJob, v.Time)))
}

// conditions shows every problem with what to do about it, and all good conditions in one
// line.
func (v *statusView) conditions(conditions []metav1.Condition, name string) []Node {
	if len(conditions) == 0 {
		return nil
	}
	out := line("Conditions")
	problems, good := view.Problems(conditions, name)
	for i := range problems {
		out.add(v.problem(&problems[i]))
	}
	well := make([]string, 0, len(good))
	for i := range good {
		word := good[i].Type
		if good[i].Status != metav1.ConditionTrue {
			word = "not " + word
		}
		well = append(well, word)
	}
	slices.Sort(well)
	if len(well) > 0 {
		out.add(line(v.paint.in(view.Good, "✔ ") + view.Clean(strings.Join(well, ", "))))
	}
	return []Node{out}
}

// problem shows a group of conditions that have one cause.
func (v *statusView) problem(problem *view.Problem) Node {
	marks := map[view.Tone]string{view.Doubtful: "!", view.Bad: "✘", view.Faint: "?"}
	c := &problem.Conditions[0]
	tone := view.ConditionTone(c)
	types := make([]string, 0, len(problem.Conditions))
	for i := range problem.Conditions {
		types = append(types, problem.Conditions[i].Type+"="+string(problem.Conditions[i].Status))
	}
	out := line(v.paint.in(tone, marks[tone]+" "+strings.Join(types, ", ")) + " " + view.Clean(c.Reason+": "+c.Message))
	out.Text += v.paint.in(view.Faint, " (for "+since(&c.LastTransitionTime, v.Time)+")")
	if what := wording.Advice(problem.Advice); what != "" {
		out.add(line("What to do: " + what))
	}
	return out
}
