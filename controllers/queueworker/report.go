// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"context"
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/printable"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/kube"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/passlog"
	"queueworker.dev/queueworker/controllers/queueworker/plan"
	"queueworker.dev/queueworker/controllers/requeue"
	"queueworker.dev/queueworker/controllers/status"
)

const (
	// hearAgain is the time between two looks during that wait.
	hearAgain = time.Second
)

// report writes the status if a relevant part of it has changed, and then the events of the
// change. It returns what the log says about the pass, with the time after which to look
// again; zero means when something happens.
func (r *Reconciler) report(ctx context.Context, w *plan.World, d plan.Decision, a kube.Outcome, next *poolMemory) (passlog.Pass, error) {
	name := client.ObjectKeyFromObject(w.Worker)
	in := plan.StatusInput(w, d)
	in.Conflict, in.Rejected, in.Expected = a.Conflict, a.Refused, next.expect(w)
	if pass, early := tooEarly(in, next); early {
		r.tellExits(w, d, in, next)
		return pass, nil
	}
	r.tellPreflight(w)
	out := status.Compute(in)
	status.Fit(&out.Status)

	write, wait := status.Due(&w.Worker.Status, &out.Status, w.Now, next.writes)
	if len(in.Ended) > 0 && !equality.Semantic.DeepEqual(w.Worker.Status.Totals, out.Status.Totals) {
		// The last counts of a pod are known only here.
		write = true
	}
	if write {
		if written, err := r.write(ctx, in, out, next); !written {
			// What this pass ordered is ordered, and no later pass knows about it.
			r.tellExits(w, d, in, next)
			// The cache is behind: the missing change wakes this pool again.
			return passlog.Pass{Reason: passlog.ObjectChanged, Conditions: out.Status.Conditions, Again: time.Second}, err
		}
	}
	if write || wait == 0 {
		settled := endedUIDs(w.Reports.Ended)
		r.Collector.Settle(name, settled)
		for _, uid := range settled {
			delete(next.seen, uid)
		}
	}
	r.tellExits(w, d, in, next)
	again := requeue.Sooner(out.Recheck, wait, a.RetryAfter(), d.Size.Recheck, d.Removal.Recheck, d.Stuck.Recheck, d.Alerts.Recheck, plan.RecheckRuns(d),
		effective.PauseLeft(w.Worker, w.Now), w.Memory.Foreign.Left(w.Now), plan.ConfirmAfter(w, d))
	return passlog.Pass{
		Reason: passlog.ReasonOf(out.Status.Conditions, v1alpha1.ConditionReady), Conditions: out.Status.Conditions,
		Values: []any{"status", statusWord(write, wait)}, Again: again,
	}, nil
}

// write writes the status and the events of its change. It does not write if the
// QueueWorker has changed since it was read.
func (r *Reconciler) write(ctx context.Context, in status.Input, out status.Output, next *poolMemory) (bool, error) {
	changed := in.Worker.DeepCopy()
	changed.Status = out.Status
	written, err := kube.PatchStatus(ctx, r.Client, "QueueWorker "+in.Worker.Name, in.Worker, changed)
	if !written {
		return false, err
	}
	next.version = changed.ResourceVersion
	next.writes.Any = in.Now
	if status.TellsOfJobs(&in.Worker.Status, &out.Status) {
		next.writes.OfJobs = in.Now
	}
	r.emit(in.Worker, status.Changes(in, &out.Status))
	return true, nil
}

// tooEarly reports whether a status would be computed from incomplete data. If it would,
// the pass says why, and when to look again.
func tooEarly(in status.Input, next *poolMemory) (passlog.Pass, bool) {
	pass := passlog.Pass{Conditions: in.Worker.Status.Conditions}
	switch {
	case next.ahead(in.Worker):
		// A write over an old status would be refused; the new status wakes this pool.
		pass.Reason = passlog.CacheBehind
		return pass, true
	case in.Now.Sub(next.Since) < plan.FirstReportTime && awaitsReports(in):
		// The present status of these pods is better than a status without their
		// reports, and the next reports would restore it at once.
		pass.Reason, pass.Again = passlog.AwaitingReports, hearAgain
		return pass, true
	}
	return pass, false
}

// awaitsReports reports whether a running pod, or the backlog probe, has answered an
// earlier operator but not yet this one.
func awaitsReports(in status.Input) bool {
	if b := in.Backlog; b.Measured && b.MeasuredAt.IsZero() && meta.IsStatusConditionTrue(in.Worker.Status.Conditions, v1alpha1.ConditionBacklogKnown) {
		return true
	}
	answered := map[types.UID]bool{}
	for i := range in.Worker.Status.Accounted {
		answered[in.Worker.Status.Accounted[i].UID] = in.Worker.Status.Accounted[i].Reported
	}
	for _, pod := range in.Pods {
		if pod.Report == nil && answered[pod.UID] && pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodRunning {
			return true
		}
	}
	return false
}

// tellExits emits the events of ended processes and of a requested restart.
func (r *Reconciler) tellExits(w *plan.World, d plan.Decision, in status.Input, next *poolMemory) {
	r.emit(w.Worker, status.JobsKilled(in, next.told))
	exits, told := status.Exits(in.Pods, next.told)
	for _, ended := range in.Ended {
		told[ended.UID] = math.MaxInt64 // its killed jobs were reported too
	}
	next.told = told
	r.emit(w.Worker, exits)
	if d.Runs != nil && d.Runs.Finish != "" && d.Controls.Pool.Finish != objects.PoolControl(w.OwnConfigMap()).Finish {
		r.emit(w.Worker, []status.Event{status.Finishing(d.Runs.Finish)})
	}
	if d.Controls.Restart {
		r.emit(w.Worker, []status.Event{status.RestartRequested(d.Size.Processes, d.Controls.Pool.RestartSpreadSeconds)})
	}
	for _, pod := range d.Stuck.Restart {
		r.emit(w.Worker, []status.Event{status.Stuck(pod)})
	}
}

func (r *Reconciler) emit(worker *v1alpha1.QueueWorker, events []status.Event) {
	for _, event := range events {
		var related runtime.Object
		if event.Related != nil {
			related = event.Related
		}
		r.Recorder.Eventf(worker, related, event.Type, event.Reason, event.Action, "%s", printable.Line(event.Note, maxNote))
	}
}

// maxNote is the largest length of an event's note, in bytes, because the API server
// refuses a longer note.
const maxNote = 1024

// tellPreflight passes the findings of the pool's workers to its app.
func (r *Reconciler) tellPreflight(w *plan.World) {
	name := client.ObjectKeyFromObject(w.Worker)
	if w.App == nil {
		r.Findings.Forget(name)
		return
	}
	r.Findings.Tell(name, client.ObjectKeyFromObject(w.App), plan.PreflightOf(w))
}
