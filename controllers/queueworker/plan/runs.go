// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"fmt"
	"hash/maphash"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/batch"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/scaling"
	"queueworker.dev/queueworker/controllers/status"
)

const (
	// exactDialect is the dialect of workers that report the end of every attempt.
	// Other workers may not report an attempt that threw, and seem to have its job
	// until they begin another.
	exactDialect = "json"
)

// worksInRuns reports whether a pool has to do with runs: it is of mode Batch, or was.
func worksInRuns(o *observation) bool { return effective.IsBatch(&o.worker.Spec) || len(o.runs) > 0 }

// openRun returns the Job of the run that has not ended; nil if there is none.
func (o *observation) openRun() *batchv1.Job {
	for _, run := range o.runs {
		if !batch.Closed(o.worker.Status.Batch, runOf(run)) {
			return run
		}
	}
	return nil
}

// inRuns reports whether the pool consists of runs: it is of mode Batch, or a run of that
// mode must still end before the pool gets its Deployment. A Job that appears at a pool
// with a Deployment is only removed, because any user who may create Jobs can make it.
func (o *observation) inRuns() bool {
	return effective.IsBatch(&o.worker.Spec) || o.openRun() != nil && !objects.HasDeployment(o.worker, o.deployment)
}

// runConfig returns the configuration of the open run's agents; nil if the pool has no
// open run.
func (o *observation) runConfig() *protocol.Config {
	if run := o.openRun(); run != nil && o.inRuns() {
		return objects.RunConfig(run)
	}
	return nil
}

// openRuns returns the UIDs of the Jobs of runs that have not ended.
func (o *observation) openRuns() map[types.UID]bool {
	open := map[types.UID]bool{}
	for _, run := range o.runs {
		if !batch.Closed(o.worker.Status.Batch, runOf(run)) {
			open[run.UID] = true
		}
	}
	return open
}

func runOf(job *batchv1.Job) batch.Run {
	run := batch.Run{Name: job.Name, Created: job.CreationTimestamp.Time, Leaving: job.DeletionTimestamp != nil}
	for _, condition := range job.Status.Conditions {
		if condition.Status != corev1.ConditionTrue {
			continue
		}
		switch condition.Type {
		case batchv1.JobComplete:
			run.Outcome, run.Ended = v1alpha1.RunComplete, condition.LastTransitionTime.Time
		case batchv1.JobFailed:
			run.Outcome, run.Ended = v1alpha1.RunFailed, condition.LastTransitionTime.Time
		case batchv1.JobSuspended, batchv1.JobFailureTarget, batchv1.JobSuccessCriteriaMet: // its pods have not all ended
		}
	}
	return run
}

// maxRunProcesses is the largest number of processes that a run can have: the maximum
// of the CRD, in whole pods.
const maxRunProcesses = 1000 + 64

// runProcesses returns how many processes a run has.
func runProcesses(job *batchv1.Job) int32 {
	pods := int64(1)
	if job.Spec.Parallelism != nil {
		pods = max(int64(*job.Spec.Parallelism), 0)
	}
	return int32(min(pods*int64(objects.RunProcesses(job)), maxRunProcesses))
}

// runSize sets the size of a pool that works in runs: the size of the open run, which
// is fixed, or the wanted size of a run that is due.
func (s *sizing) runSize(o *observation) {
	s.processes = 0
	s.claim.Minimum = 0
	if run := o.openRun(); run != nil {
		s.processes = runProcesses(run)
		s.claim.Minimum, s.fixed = s.processes, true
	} else if batch.Decide(batchInput(o, "")).Start != "" {
		s.processes = effective.Processes(&o.worker.Spec)
		s.claim.Minimum = min(1, s.processes)
	}
	s.most = s.processes
}

// decideRuns decides about the runs of a pool that has to do with runs; nil for any
// other pool.
func decideRuns(o *observation, s sizing, problem *effective.Problem) *batch.Output {
	if !worksInRuns(o) && o.worker.Status.Batch == nil {
		return nil
	}
	out := batch.Decide(batchInput(o, blocked(o, s, problem)))
	return &out
}

// blocked says why no run can be started now; empty if a run can be started.
func blocked(o *observation, s sizing, problem *effective.Problem) string {
	switch {
	case problem != nil:
		return problem.Message
	case o.deployment != nil && objects.OwnedBy(o.deployment, o.worker):
		return "The pods of the mode Continuous finish their jobs before a run begins."
	case effective.Processes(&o.worker.Spec) == 0:
		return "No run begins, because spec.processes is 0."
	case s.processes < effective.ProcessesPerPod(&o.worker.Spec) && s.grant != nil && s.grant.Limited:
		return "No run begins: " + s.grant.Message
	}
	return ""
}

func batchInput(o *observation, blocked string) batch.Input {
	spec, settings := &o.worker.Spec, effective.BatchOf(&o.worker.Spec)
	in := batch.Input{
		Now:     o.now,
		Name:    o.worker.Name,
		UID:     string(o.worker.UID),
		Past:    o.worker.Status.Batch,
		Blocked: blocked,
		Told:    objects.PoolControl(ownConfigMap(o)).Finish,
		Work:    work(o),
		Spec: batch.Spec{
			Removed:        !effective.IsBatch(spec),
			Stopped:        spec.Stopped,
			Paused:         effective.PausedBy(o.worker, o.now) != "",
			Token:          o.worker.Annotations[v1alpha1.AnnotationRunAt],
			Schedule:       settings.Schedule,
			TimeZone:       settings.TimeZone,
			WaitForDelayed: settings.WaitForDelayed,
			KeepComplete:   settings.KeepComplete,
			KeepFailed:     settings.KeepFailed,
		},
	}
	if o.worker.Status.ObservedGeneration == 0 {
		in.Unseen = o.worker.CreationTimestamp.Time
	}
	for _, job := range o.runs {
		run := runOf(job)
		run.Living = living(o, job)
		in.Runs = append(in.Runs, run)
	}
	return in
}

// living returns how many pods of a run have not ended.
func living(o *observation, job *batchv1.Job) int {
	n := 0
	for _, pod := range o.pods {
		if metav1.IsControlledBy(pod, job) && !podstate.Ended(pod) {
			n++
		}
	}
	return n
}

// work returns the work that is left in the open run, and the workers that do it.
func work(o *observation) batch.Work {
	out := batch.Work{Quiet: o.past.quiet}
	config := o.runConfig()
	switch {
	case config == nil:
		return out
	case config.StopWhenEmpty:
		out.Unmeasured = true
		return out
	case o.app == nil, !effective.NeedsProbe(o.app), effective.ConnectionName(o.app) != config.Connection:
		out.Changed = true
		return out
	}
	backlog := scalingBacklog(o)
	if backlog == nil {
		return out
	}
	out.Known, out.MeasuredAt = true, backlog.MeasuredAt
	out.Ready, out.Delayed, out.Reserved = backlog.Ready, backlog.Delayed, backlog.Reserved
	for _, pod := range o.pods {
		if podstate.Ended(pod) || !podstate.Running(pod) {
			continue
		}
		report := o.reports.Pods[pod.UID]
		out.Busy += atWork(o, config, report)
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
func atWork(o *observation, config *protocol.Config, report collector.PodReport) int {
	if report.Status == nil {
		return 0
	}
	exact := report.Status.Runtime != nil && report.Status.Runtime.Dialect == exactDialect
	n := 0
	for i := range report.Status.Workers {
		job := report.Status.Workers[i].Job
		if job != nil && (exact || mayRun(o, config, protocol.Duration(job.AgeSeconds)+o.now.Sub(report.PulledAt))) {
			n++
		}
	}
	return n
}

// mayRun reports whether a job of this age may still be worked on although no job is
// reserved.
func mayRun(o *observation, config *protocol.Config, age time.Duration) bool {
	limit := time.Duration(config.TimeoutSeconds) * time.Second
	if limit > 0 {
		limit = max(limit, jobTimeout(o)) + silenceMargin
	}
	if knowsReserved(o.app) && (limit == 0 || age < effective.RetryAfter(o.app.Spec.Connection)) {
		return false
	}
	return limit == 0 || age < limit
}

// quiet tracks since when the workers of a pool have reported nothing new.
type quiet struct {
	since time.Time
	told  map[types.UID]activity
}

// activity is the part of a report that changes when a worker does anything. It holds a
// hash of the jobs, because their texts can be as large as the whole report.
type activity struct {
	attempts, exits int64
	jobs            uint64
}

// activitySeed is the seed of the hashes of jobs.
var activitySeed = maphash.MakeSeed()

// update compares the present reports with the last ones.
func (q *quiet) update(pods []*corev1.Pod, reports collector.Snapshot) time.Time {
	told := make(map[types.UID]activity, len(pods))
	for _, pod := range pods {
		report := reports.Pods[pod.UID]
		if report.Status == nil {
			continue
		}
		now := activityOf(report.Status)
		if last, known := q.told[pod.UID]; (!known || last != now) && report.PulledAt.After(q.since) {
			q.since = report.PulledAt
		}
		told[pod.UID] = now
	}
	q.told = told
	return q.since
}

func activityOf(report *protocol.Status) activity {
	out := activity{attempts: report.Counters.Attempts()}
	for _, n := range report.Counters.Exits {
		out.exits += n
	}
	var jobs maphash.Hash
	jobs.SetSeed(activitySeed)
	for i := range report.Workers {
		if worker := &report.Workers[i]; worker.Job != nil {
			fmt.Fprintf(&jobs, "%d %s %s\n", worker.Slot, worker.Job.ID, worker.Job.Class)
		}
	}
	out.jobs = jobs.Sum64()
	return out
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
func finishedRun(o *observation, runs *batch.Output) string {
	switch {
	case runs == nil || !effective.IsBatch(&o.worker.Spec):
		return ""
	case runs.Finish != "":
		return runs.Finish
	}
	return objects.PoolControl(ownConfigMap(o)).Finish
}

// addRuns adds the data about runs to a status's input.
func addRuns(in *status.Input, o *observation, d decision) {
	in.Runs = d.runs
	if run := o.openRun(); run != nil && o.inRuns() {
		in.PerPod = objects.RunProcesses(run)
	}
	var closed map[string]bool
	if d.runs != nil {
		closed = setOf(d.runs.Closed)
	}
	for i := range in.Pods {
		pod := &in.Pods[i]
		if !podstate.OfRun(pod.Pod) || !podstate.Ended(pod.Pod) {
			continue
		}
		if container := podstate.WorkerContainer(pod.Pod); container != nil {
			pod.Final = finalOf(container)
		}
		pod.Closing = closed[metav1.GetControllerOf(pod).Name]
	}
}

func recheckRuns(d decision) time.Duration {
	if d.runs == nil {
		return 0
	}
	return d.runs.Recheck
}

// heardOfRun notes that a run need not be looked for any more: the cache has it, or it
// is gone.
func (m *poolMemory) heardOfRun(name string) {
	if m.startedRun == name {
		m.startedRun = ""
	}
}
