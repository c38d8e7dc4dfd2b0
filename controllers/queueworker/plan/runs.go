// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/runtimes"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/batch"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/scaling"
)

// worksInRuns reports whether a pool has to do with runs: it is of mode Batch, or was.
func worksInRuns(w *World) bool { return effective.IsBatch(&w.Worker.Spec) || len(w.Runs) > 0 }

// runSize sets the size of a pool that works in runs: the size of the open run, which
// is fixed, or the wanted size of a run that is due.
func (s *Size) runSize(w *World) {
	s.Processes = 0
	s.Claim.Minimum = 0
	if run := w.OpenRun(); run != nil {
		s.Processes = runProcesses(run)
		s.Claim.Minimum, s.Fixed = s.Processes, true
	} else if batch.Decide(batchInput(w, "")).Start != "" {
		s.Processes = effective.Processes(&w.Worker.Spec)
		s.Claim.Minimum = min(1, s.Processes)
	}
	s.Most = s.Processes
}

// decideRuns decides about the runs of a pool that has to do with runs; nil for any
// other pool.
func decideRuns(w *World, s Size, problem *effective.Problem) *batch.Output {
	if !worksInRuns(w) && w.Worker.Status.Batch == nil {
		return nil
	}
	out := batch.Decide(batchInput(w, blocked(w, s, problem)))
	return &out
}

// blocked says why no run can be started now; empty if a run can be started.
func blocked(w *World, s Size, problem *effective.Problem) string {
	switch {
	case problem != nil:
		return problem.Message
	case w.Deployment != nil && objects.OwnedBy(w.Deployment, w.Worker):
		return "The pods of the mode Continuous finish their jobs before a run begins."
	case effective.Processes(&w.Worker.Spec) == 0:
		return "No run begins, because spec.processes is 0."
	case s.Processes < effective.ProcessesPerPod(&w.Worker.Spec) && s.Grant != nil && s.Grant.Limited:
		return "No run begins: " + s.Grant.Message
	}
	return ""
}

func batchInput(w *World, blocked string) batch.Input {
	spec, settings := &w.Worker.Spec, effective.BatchOf(&w.Worker.Spec)
	in := batch.Input{
		Now:     w.Now,
		Name:    w.Worker.Name,
		UID:     string(w.Worker.UID),
		Past:    w.Worker.Status.Batch,
		Blocked: blocked,
		Told:    objects.PoolControl(w.OwnConfigMap()).Finish,
		Work:    work(w),
		Spec: batch.Spec{
			Removed:        !effective.IsBatch(spec),
			Stopped:        spec.Stopped,
			Paused:         effective.PausedBy(w.Worker, w.Now) != "",
			Token:          w.Worker.Annotations[v1alpha1.AnnotationRunAt],
			Schedule:       settings.Schedule,
			TimeZone:       settings.TimeZone,
			WaitForDelayed: settings.WaitForDelayed,
			KeepComplete:   settings.KeepComplete,
			KeepFailed:     settings.KeepFailed,
		},
	}
	if w.Worker.Status.ObservedGeneration == 0 {
		in.Unseen = w.Worker.CreationTimestamp.Time
	}
	for _, job := range w.Runs {
		run := runOf(job)
		run.Living = living(w, job)
		in.Runs = append(in.Runs, run)
	}
	return in
}

// living returns how many pods of a run have not ended.
func living(w *World, job *batchv1.Job) int {
	n := 0
	for _, pod := range w.Pods {
		if metav1.IsControlledBy(pod, job) && !podstate.Ended(pod.Pod) {
			n++
		}
	}
	return n
}

// work returns the work that is left in the open run, and the workers that do it.
func work(w *World) batch.Work {
	out := batch.Work{LastActivity: w.Memory.LastActivity}
	config := w.runConfig()
	switch {
	case config == nil:
		return out
	case config.StopWhenEmpty:
		out.Unmeasured = true
		return out
	case w.App == nil, !effective.NeedsProbe(w.App), effective.ConnectionName(w.App) != config.Connection:
		out.Changed = true
		return out
	}
	backlog := scalingBacklog(w)
	if backlog == nil {
		return out
	}
	out.Known, out.MeasuredAt = true, backlog.MeasuredAt
	out.Ready, out.Delayed, out.Reserved = backlog.Ready, backlog.Delayed, backlog.Reserved
	for _, pod := range w.Pods {
		if podstate.Ended(pod.Pod) || !podstate.Running(pod.Pod) {
			continue
		}
		report := pod.Report
		out.Busy += atWork(w, config, pod)
		switch {
		case report.Status != nil && !report.PulledAt.Before(backlog.MeasuredAt):
		case report.Unreachable:
			out.Silent++
		default:
			out.Unheard++
		}
	}
	return out
}

// atWork returns how many processes of a pod work on a job. If a worker may not report
// the end of an attempt, its apparent job does not count in two cases: the backend
// would hold the job reserved, and does not; or the worker would have been killed
// because of the timeout.
func atWork(w *World, config *protocol.Config, pod *Pod) int {
	report := pod.Report
	if report.Status == nil {
		return 0
	}
	exact := report.Status.Runtime != nil && runtimes.Dialect(report.Status.Runtime.Dialect).TellsEnds()
	n := 0
	for i := range report.Status.Workers {
		job := report.Status.Workers[i].Job
		if job != nil && (exact || mayRun(w, config, protocol.Duration(job.AgeSeconds)+w.Now.Sub(report.PulledAt))) {
			n++
		}
	}
	return n
}

// mayRun reports whether a job of this age may still be worked on although no job is
// reserved.
func mayRun(w *World, config *protocol.Config, age time.Duration) bool {
	limit := time.Duration(config.TimeoutSeconds) * time.Second
	if limit > 0 {
		limit = max(limit, jobTimeout(w)) + silenceMargin
	}
	if knowsReserved(w.App) && (limit == 0 || age < effective.RetryAfter(w.App.Spec.Connection)) {
		return false
	}
	return limit == 0 || age < limit
}

// claimOfRuns returns what a pool of mode Batch asks of a cap, as far as its object shows.
func claimOfRuns(worker *v1alpha1.QueueWorker, claim scaling.Claim) scaling.Claim {
	claim.Wanted, claim.Minimum = 0, 0
	if told := worker.Status.Batch; told != nil && told.ActiveRun != "" {
		claim.Wanted, claim.Minimum = worker.Status.Desired, worker.Status.Desired
	}
	return claim
}

// finishedRun returns the run that the control document tells to finish: the present
// one, or otherwise the last one, because it would be useless to take the order back.
func finishedRun(w *World, runs *batch.Output) string {
	switch {
	case runs == nil || !effective.IsBatch(&w.Worker.Spec):
		return ""
	case runs.Finish != "":
		return runs.Finish
	}
	return objects.PoolControl(w.OwnConfigMap()).Finish
}
