// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/status"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/controllers/throughput"
)

// StatusInput returns what the status reports, without what the writes of this pass gave.
func StatusInput(w *World, d Decision) status.Input {
	in := status.Input{
		Now:          w.Now,
		Worker:       w.Worker,
		Deployment:   w.Deployment,
		Problem:      d.Problem,
		Findings:     d.Objects.Findings,
		NotPermitted: d.Objects.NotPermitted,
		Revision:     d.Controls.Pool.Revision,
		Throughput:   throughputOf(w),
		Ended:        endedPods(w),
		Processes:    d.Size.Processes,
		Removal:      d.Removal,
		Scaling:      d.Size.Scaling,
		Cap:          d.Size.Grant,
		Backlog:      statusBacklog(w),
		Times:        times(w, d),
		Foreign:      w.Memory.Foreign.told(w.Now),
		Stuck:        d.Stuck.Stuck,
		Alerts:       d.Alerts.Alerts,
		OnFailing:    d.Alerts.Pause,
	}
	if w.App != nil {
		in.AppName = w.App.Name
	}
	for _, pod := range w.Pods {
		report := pod.Report
		in.Pods = append(in.Pods, status.Pod{
			Pod: pod.Pod, Report: report.Status, ReportedAt: report.PulledAt, Error: report.Error, Unreachable: report.Unreachable,
		})
	}
	addRuns(&in, w, d)
	return in
}

func statusBacklog(w *World) status.Backlog {
	if w.App == nil || !effective.NeedsProbe(w.App) {
		return status.Backlog{}
	}
	return status.Backlog{
		Measured:     true,
		MeasuredAt:   w.Backlog.MeasuredAt,
		Queues:       w.Backlog.Queues,
		Reason:       w.Backlog.Reason,
		Message:      w.Backlog.Message,
		FailingSince: w.Backlog.FailingSince,
		Backend:      w.Backlog.Backend,
	}
}

// times returns the times of the pool's timeout chain. A connection's retry_after is
// known only if the QueueApp says what kind of connection it is.
func times(w *World, d Decision) status.Times {
	out := status.Times{Timeout: effective.Timeout(&w.Worker.Spec), Grace: d.Objects.Grace}
	if w.App != nil && effective.KnowsRetryAfter(w.App) {
		out.RetryAfter = effective.RetryAfter(w.App.Spec.Connection)
	}
	return out
}

// endedPods returns the ended pods that are known to have belonged to the pool: their
// agent was asked, or the status accounts for them. Any user can create a pod with the
// pool's label and let it end with a message.
func endedPods(w *World) []status.EndedPod {
	accounted := map[types.UID]bool{}
	for i := range w.Worker.Status.Accounted {
		accounted[w.Worker.Status.Accounted[i].UID] = true
	}
	var out []status.EndedPod
	for _, ended := range w.Reports.Ended {
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

func throughputOf(w *World) v1alpha1.Throughput {
	samples := w.Reports.Samples
	samples.Now = w.Now
	figures := throughput.Compute(samples)
	out := v1alpha1.Throughput{JobsPerMinute: throughput.FormatRate(figures.JobsPerMinute)}
	if figures.Ended > 0 {
		out.AverageTime = throughput.FormatTime(figures.AverageSeconds)
		out.FailedShare = throughput.FormatShare(figures.FailedShare)
	}
	return out
}

// addRuns adds the data about runs to a status's input.
func addRuns(in *status.Input, w *World, d Decision) {
	in.Runs = d.Runs
	if run := w.OpenRun(); run != nil && w.inRuns() {
		in.PerPod = objects.RunProcesses(run)
	}
	var closed map[string]bool
	if d.Runs != nil {
		closed = SetOf(d.Runs.Closed)
	}
	for i := range in.Pods {
		pod := &in.Pods[i]
		if !podstate.OfRun(pod.Pod) || !podstate.Ended(pod.Pod) {
			continue
		}
		if container := podstate.WorkerContainer(pod.Pod); container != nil {
			pod.Final = telemetry.FinalOf(container)
		}
		pod.Closing = closed[metav1.GetControllerOf(pod).Name]
	}
}
