// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/runtimes"
	"queueworker.dev/queueworker/api/v1alpha1"
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
func StatusTree(s *Snapshot, paint Paint) []Node {
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
		key := pool.Namespace + "/" + AppOf(pool)
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
	*Snapshot
	paint Paint
}

// AppOf returns the name of the QueueApp that a pool uses; empty while it is unknown.
func AppOf(pool *v1alpha1.QueueWorker) string { return cmp.Or(pool.Status.AppName, pool.Spec.AppName) }

func (v *statusView) app(key string, app *v1alpha1.QueueApp, pools []*v1alpha1.QueueWorker) Node {
	namespace, name, _ := strings.Cut(key, "/")
	var root Node
	switch {
	case app != nil:
		root.Text = v.paint.in(Strong, "QueueApp "+app.Name) + "  " + appFacts(app)
	case name == "":
		root.Text = v.paint.in(Bad, "No QueueApp")
	default:
		root.Text = v.paint.in(Strong, "QueueApp "+Clean(name))
	}
	if v.severalNamespaces() {
		root.Text = namespace + ": " + root.Text
	}
	if app != nil {
		root.add(v.appFindings(app)...)
	}
	if app != nil && len(pools) == 0 {
		root.add(line(v.paint.in(Faint, "no QueueWorker uses it")))
	}
	for _, pool := range pools {
		root.add(v.pool(pool))
	}
	return root
}

// appFacts summarises the settings that the workers of an app share.
func appFacts(app *v1alpha1.QueueApp) string {
	facts := []string{string(runtimes.Of(app.Spec.Runtime).Name)}
	if connection := app.Spec.Connection; connection != nil {
		facts = append(facts, "connection "+cmp.Or(connection.Name, "of the application's default")+", driver "+cmp.Or(string(connection.Driver), string(v1alpha1.DriverNone)))
	}
	if limit := app.Spec.MaxProcesses; limit != nil {
		facts = append(facts, fmt.Sprintf("at most %d processes", *limit))
	}
	return Clean(strings.Join(facts, "; "))
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
		out = append(out, line(Clean(text)))
	}
	// PreflightPassed only sums up the other conditions.
	found := slices.DeleteFunc(slices.Clone(app.Status.Conditions), func(c metav1.Condition) bool {
		return c.Type == v1alpha1.ConditionPreflightPassed
	})
	return append(out, v.conditions(found, app.Name)...)
}

func (v *statusView) pool(pool *v1alpha1.QueueWorker) Node {
	s := &pool.Status
	state := cmp.Or(string(s.State), "not looked at by the operator yet")
	out := Node{Text: fmt.Sprintf("%s  %s  %s; %s", v.paint.in(Strong, "QueueWorker "+pool.Name),
		v.paint.in(StateTone(s.State), state), queues(pool.Spec.Queue), v.processes(pool))}
	out.add(v.backlog(pool)...)
	out.add(throughput(pool)...)
	out.add(v.batch(pool)...)
	if pool.Spec.Mode != v1alpha1.ModeBatch {
		out.add(v.size(pool))
	}
	out.add(v.workers(pool)...)
	out.add(v.conditions(s.Conditions, pool.Name)...)
	return out
}

func queues(list string) string {
	if strings.Contains(list, ",") {
		return "queues " + Clean(list)
	}
	return "queue " + Clean(list)
}

func (v *statusView) processes(pool *v1alpha1.QueueWorker) string {
	s := &pool.Status
	now := v.doing(pool)
	text := fmt.Sprintf("%d of %d processes ready, %d busy, %d idle", s.Ready, s.Desired, now.busy, now.idle)
	if now.paused > 0 {
		text += ", " + v.paint.in(Doubtful, fmt.Sprintf("%d paused", now.paused))
	}
	if now.failing > 0 {
		text += ", " + v.paint.in(Bad, fmt.Sprintf("%d failing", now.failing))
	}
	return text
}

// doing counts a pool's processes by what they do.
type doing struct{ busy, idle, paused, failing int32 }

// doing counts the rows if an agent has answered, so that a pool's headline agrees with
// its rows. Otherwise it takes the numbers of the status, which lags behind and does not
// count paused processes.
func (v *statusView) doing(pool *v1alpha1.QueueWorker) doing {
	workers := v.PoolWorkers(pool)
	if !slices.ContainsFunc(workers, func(w Worker) bool { return w.Live }) {
		return doing{busy: pool.Status.Busy, idle: pool.Status.Idle, failing: pool.Status.Failing}
	}
	var out doing
	for i := range workers {
		switch w := &workers[i]; {
		case w.State == v1alpha1.WorkerBusy || w.CurrentJob != nil:
			out.busy++
		case w.State == v1alpha1.WorkerIdle:
			out.idle++
		case w.State == v1alpha1.WorkerPaused:
			out.paused++
		case w.State == v1alpha1.WorkerBackingOff:
			out.failing++
		}
	}
	return out
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
	if at := statusTime(pool); at != nil && v.Time.Sub(at.Time) > recent {
		text += ", as of " + since(at, v.Time) + " ago"
	}
	if !b.OldestTime.IsZero() {
		text += "; the oldest has waited for " + since(b.OldestTime, v.Time)
	}
	if !b.NextDueTime.IsZero() && b.NextDueTime.After(v.Time) {
		text += nextDue(b, short(b.NextDueTime.Sub(v.Time)))
	}
	out := line(text)
	for i := range b.Queues {
		q := &b.Queues[i]
		out.add(line(fmt.Sprintf("%s: %d ready, %d delayed, %d being worked on", Clean(q.Queue), q.Ready, q.Delayed, q.Reserved)))
	}
	return []Node{out}
}

// nextDue says which job becomes ready by itself, and when.
func nextDue(b *v1alpha1.BacklogStatus, after string) string {
	if b.Delayed == 0 {
		return "; one being worked on is given out again in " + after + " unless it ends"
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
		out = append(out, line(Clean(fmt.Sprintf("%s; in all %d processed, %d failed, %d released",
			text, s.Totals.Processed, s.Totals.Failed, s.Totals.Released))))
	}
	if len(s.Restarts) > 0 {
		counts := make([]string, 0, len(s.Restarts))
		for _, restart := range s.Restarts {
			counts = append(counts, fmt.Sprintf("%d %s", restart.Count, restart.Reason))
		}
		out = append(out, line(Clean("Ended processes: "+strings.Join(counts, ", "))))
	}
	return out
}

func (v *statusView) size(pool *v1alpha1.QueueWorker) Node {
	out := line("Size: " + SizeReason(pool))
	if auto := pool.Status.Autoscaling; auto != nil {
		for i := range auto.Decisions[:min(len(auto.Decisions), shownDecisions)] {
			out.add(line(decision(&auto.Decisions[i], v.Snapshot)))
		}
	}
	return out
}

func decision(d *v1alpha1.ScalingDecision, s *Snapshot) string {
	return Clean(fmt.Sprintf("%s ago %d → %d  %s", since(&d.Time, s.Time), d.From, d.To, cmp.Or(d.Message, d.Reason)))
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
			Clean(w.Name), string(w.State), treeJob(w, v), "pid " + pid(w.PID), "up " + since(w.StartedTime, v.Time),
			fmt.Sprintf("%d done", w.Processed), fmt.Sprintf("%d failed", w.Failed), memory(w.Memory), cpu(w.CPU),
		})
	}
	for i, text := range columns(rows) {
		out.add(line(strings.Replace(text, rows[i][1], v.paint.in(WorkerTone(shown[i].State), rows[i][1]), 1)))
	}
	if more := len(workers) - len(shown); more > 0 {
		out.add(line(v.paint.in(Faint, fmt.Sprintf("and %d more: kubectl queueworker workers %s", more, pool.Name))))
	}
	return []Node{out}
}

// treeJob names the current job; empty if there is none.
func treeJob(w *Worker, v *statusView) string {
	if w.CurrentJob == nil {
		return ""
	}
	return Clean(plainClass(job(w.CurrentJob, v.Time)))
}

// conditions shows every problem with what to do about it, and all good conditions in one
// line.
func (v *statusView) conditions(conditions []metav1.Condition, name string) []Node {
	if len(conditions) == 0 {
		return nil
	}
	out := line("Conditions")
	var well []string
	sorted := slices.Clone(conditions)
	slices.SortStableFunc(sorted, func(a, b metav1.Condition) int { return severity(&b) - severity(&a) })
	for _, group := range oneCause(sorted) {
		switch c := &group[0]; {
		case ConditionTone(c) != Good:
			out.add(v.condition(group, name))
		case c.Status == metav1.ConditionTrue:
			well = append(well, c.Type)
		default:
			well = append(well, "not "+c.Type)
		}
	}
	slices.Sort(well)
	if len(well) > 0 {
		out.add(line(v.paint.in(Good, "✔ ") + Clean(strings.Join(well, ", "))))
	}
	return []Node{out}
}

// severity sorts conditions: problems come first.
func severity(c *metav1.Condition) int {
	switch ConditionTone(c) {
	case Bad:
		return 2
	case Doubtful:
		return 1
	default:
		return 0
	}
}

// condition shows a group of conditions that have one cause.
func (v *statusView) condition(group []metav1.Condition, name string) Node {
	marks := map[Tone]string{Doubtful: "!", Bad: "✘", Faint: "?"}
	c := &group[0]
	tone := ConditionTone(c)
	types := make([]string, 0, len(group))
	for i := range group {
		types = append(types, group[i].Type+"="+string(group[i].Status))
	}
	out := line(v.paint.in(tone, marks[tone]+" "+strings.Join(types, ", ")) + " " + Clean(c.Reason+": "+c.Message))
	out.Text += v.paint.in(Faint, " (for "+since(&c.LastTransitionTime, v.Time)+")")
	if what := Advice(c, name); what != "" {
		out.add(line("What to do: " + what))
	}
	return out
}
