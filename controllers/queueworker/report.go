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
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/kube"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/requeue"
	"queueworker.dev/queueworker/controllers/status"
	"queueworker.dev/queueworker/controllers/throughput"
)

const (
	// hearingTime is how long an operator that has just started waits for the first
	// reports of pods that its predecessor had reports of.
	hearingTime = 15 * time.Second
	// hearAgain is the time between two looks during that wait.
	hearAgain = time.Second
)

// report writes the status if a relevant part of it has changed, and then the events of the
// change. It returns the time after which to look again; zero means when something happens.
func (r *Reconciler) report(ctx context.Context, o *observation, d decision, a kube.Outcome) (time.Duration, error) {
	name := client.ObjectKeyFromObject(o.worker)
	memory := r.memory.of(name)
	in := memory.add(o, statusInput(o, d, a))
	if again, early := tooEarly(in, memory); early {
		r.tellExits(o, d, in, memory)
		return again, nil
	}
	r.tellPreflight(o)
	out := status.Compute(in)
	status.Fit(&out.Status)

	write, wait := status.Due(&o.worker.Status, &out.Status, o.now, memory.writes)
	if len(in.Ended) > 0 && !equality.Semantic.DeepEqual(o.worker.Status.Totals, out.Status.Totals) {
		// The last counts of a pod are known only here.
		write = true
	}
	if write {
		if written, err := r.write(ctx, in, out, memory); !written {
			// What this pass ordered is ordered, and no later pass knows about it.
			r.tellExits(o, d, in, memory)
			// The cache is behind: the missing change wakes this pool again.
			return time.Second, err
		}
	}
	if write || wait == 0 {
		settled := endedUIDs(o.reports.Ended)
		r.Collector.Settle(name, settled)
		for _, uid := range settled {
			delete(memory.seen, uid)
		}
	}
	r.tellExits(o, d, in, memory)
	return requeue.Sooner(out.Recheck, wait, a.RetryAfter(), d.sizing.recheck, d.removal.Recheck, d.stuck.Recheck, d.alerts.Recheck, recheckRuns(d),
		effective.PauseLeft(o.worker, o.now), o.foreign.left(o.now), hearing(o, d)), nil
}

// write writes the status and the events of its change. It does not write if the
// QueueWorker has changed since it was read.
func (r *Reconciler) write(ctx context.Context, in status.Input, out status.Output, memory *poolMemory) (bool, error) {
	changed := in.Worker.DeepCopy()
	changed.Status = out.Status
	written, err := kube.PatchStatus(ctx, r.Client, "QueueWorker "+in.Worker.Name, in.Worker, changed)
	if !written {
		return false, err
	}
	memory.version = changed.ResourceVersion
	memory.writes.Any = in.Now
	if status.TellsOfJobs(&in.Worker.Status, &out.Status) {
		memory.writes.OfJobs = in.Now
	}
	r.emit(in.Worker, status.Changes(in, &out.Status))
	return true, nil
}

// tooEarly reports whether a status would be computed from incomplete data, and when to
// look again.
func tooEarly(in status.Input, memory *poolMemory) (time.Duration, bool) {
	switch {
	case memory.ahead(in.Worker):
		// A write over an old status would be refused; the new status wakes this pool.
		return 0, true
	case in.Now.Sub(memory.since) < hearingTime && awaitsReports(in):
		// The present status of these pods is better than a status without their
		// reports, and the next reports would restore it at once.
		return hearAgain, true
	}
	return 0, false
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
func (r *Reconciler) tellExits(o *observation, d decision, in status.Input, memory *poolMemory) {
	r.emit(o.worker, status.JobsKilled(in, memory.told))
	exits, told := status.Exits(in.Pods, memory.told)
	for _, ended := range in.Ended {
		told[ended.UID] = math.MaxInt64 // its killed jobs were reported too
	}
	memory.told = told
	r.emit(o.worker, exits)
	if d.runs != nil && d.runs.Finish != "" && d.controls.Pool.Finish != objects.PoolControl(ownConfigMap(o)).Finish {
		r.emit(o.worker, []status.Event{status.Finishing(d.runs.Finish)})
	}
	if d.controls.Restart {
		r.emit(o.worker, []status.Event{status.RestartRequested(d.sizing.processes, d.controls.Pool.RestartSpreadSeconds)})
	}
	for _, pod := range d.stuck.Restart {
		r.emit(o.worker, []status.Event{status.Stuck(pod)})
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

func statusInput(o *observation, d decision, a kube.Outcome) status.Input {
	in := status.Input{
		Now:          o.now,
		Worker:       o.worker,
		Deployment:   o.deployment,
		Problem:      d.problem,
		Findings:     d.objects.Findings,
		NotPermitted: d.objects.NotPermitted,
		Conflict:     a.Conflict,
		Rejected:     a.Refused,
		Revision:     d.controls.Pool.Revision,
		Throughput:   throughputOf(o),
		Ended:        endedPods(o),
		Processes:    d.sizing.processes,
		Removal:      d.removal,
		Scaling:      d.sizing.decision,
		Cap:          d.sizing.grant,
		Backlog:      statusBacklog(o),
		Times:        times(o, d),
		Foreign:      o.foreign.told(o.now),
		Stuck:        d.stuck.Stuck,
		Alerts:       d.alerts.Alerts,
		OnFailing:    d.alerts.Pause,
	}
	if o.app != nil {
		in.AppName = o.app.Name
	}
	for _, pod := range o.pods {
		report := o.reports.Pods[pod.UID]
		in.Pods = append(in.Pods, status.Pod{
			Pod: pod, Report: report.Status, ReportedAt: report.PulledAt, Error: report.Error, Unreachable: report.Unreachable,
		})
	}
	addRuns(&in, o, d)
	return in
}

func statusBacklog(o *observation) status.Backlog {
	if o.app == nil || !effective.NeedsProbe(o.app) {
		return status.Backlog{}
	}
	return status.Backlog{
		Measured:     true,
		MeasuredAt:   o.backlog.MeasuredAt,
		Queues:       o.backlog.Queues,
		Reason:       o.backlog.Reason,
		Message:      o.backlog.Message,
		FailingSince: o.backlog.FailingSince,
		Backend:      o.backlog.Backend,
	}
}

// times returns the times of the pool's timeout chain. A connection's retry_after is
// known only if the QueueApp says what kind of connection it is.
func times(o *observation, d decision) status.Times {
	out := status.Times{Timeout: effective.Timeout(&o.worker.Spec), Grace: d.objects.Grace}
	if o.app != nil && effective.KnowsRetryAfter(o.app) {
		out.RetryAfter = effective.RetryAfter(o.app.Spec.Connection)
	}
	return out
}

// endedPods returns the ended pods that are known to have belonged to the pool: their
// agent was asked, or the status accounts for them. Any user can create a pod with the
// pool's label and let it end with a message.
func endedPods(o *observation) []status.EndedPod {
	accounted := map[types.UID]bool{}
	for i := range o.worker.Status.Accounted {
		accounted[o.worker.Status.Accounted[i].UID] = true
	}
	var out []status.EndedPod
	for _, ended := range o.reports.Ended {
		if ended.OfRun && !accounted[ended.UID] {
			// It belongs to a run that has ended and is accounted for.
			continue
		}
		if !ended.Tracked && ended.LastPulled == nil && !accounted[ended.UID] {
			continue
		}
		pod := status.EndedPod{UID: ended.UID, Name: ended.Name, Counters: ended.LastPulled, Started: ended.Started}
		pod.Tracked = ended.Tracked
		if ended.Final != nil {
			pod.Counters, pod.Complete = &ended.Final.Counters, ended.Final.Complete
			pod.Killed = ended.Final.Killed
		}
		out = append(out, pod)
	}
	return out
}

func endedUIDs(ended []collector.Ended) []types.UID {
	uids := make([]types.UID, 0, len(ended))
	for _, e := range ended {
		uids = append(uids, e.UID)
	}
	return uids
}

func throughputOf(o *observation) v1alpha1.Throughput {
	samples := o.reports.Samples
	samples.Now = o.now
	figures := throughput.Compute(samples)
	out := v1alpha1.Throughput{JobsPerMinute: throughput.FormatRate(figures.JobsPerMinute)}
	if figures.Ended > 0 {
		out.AverageTime = throughput.FormatTime(figures.AverageSeconds)
		out.FailedShare = throughput.FormatShare(figures.FailedShare)
	}
	return out
}
