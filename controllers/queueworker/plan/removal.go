// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/batch"
	"queueworker.dev/queueworker/controllers/drain"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/requeue"
)

// FirstReportTime is how long an operator that has just started waits for the first reports
// of pods that its predecessor had reports of.
const FirstReportTime = 15 * time.Second

// silenceMargin is how much longer than a job may run a victim may be silent.
const silenceMargin = 30 * time.Second

// removalOf plans how the pool gets from its present pods to the wanted pods.
func removalOf(w *World, pods int32) drain.Plan {
	live := w.Deployment
	if live == nil {
		return drain.Plan{Replicas: pods, Reason: drain.Settled}
	}
	in := drain.Input{
		Now:            w.Now,
		Wanted:         pods,
		Replicas:       1, // the default of a Deployment
		RollingOut:     podstate.RollingOut(live),
		DeadlinePassed: podstate.DeadlinePassed(live),
		MaxSurge:       podstate.MaxSurge(live),
		MaxReplaced:    w.Worker.Spec.MaxUnavailable,
		Paused:         effective.PausedBy(w.Worker, w.Now) != "",
	}
	if live.Spec.Replicas != nil {
		in.Replicas = *live.Spec.Replicas
	}
	in.Silence = silence(w)
	var leaving time.Duration
	in.Leaving, leaving = leavingPods(w)
	stop := stopping{World: w, stops: w.Worker.Spec.Stopped, grace: effective.PodGrace(&live.Spec.Template)}
	for _, pod := range w.Pods {
		if podstate.Active(pod.Pod) && !podstate.OfRun(pod.Pod) {
			out := stop.pod(pod)
			report := pod.Report
			out.Due = recycles(w) && isDue(pod)
			in.Awaiting = in.Awaiting || recycles(w) && out.Started && report.Status == nil && !report.Unreachable
			in.Pods = append(in.Pods, out)
		}
	}
	plan := drain.Decide(in)
	plan.Recheck = requeue.Sooner(plan.Recheck, stop.recheck, leaving)
	return plan
}

// leavingPods counts the pods that are being deleted, and returns how long the first of
// them may still take. A pod that has outlived its grace period, for example on a lost
// node, is not waited for.
func leavingPods(w *World) (n int32, left time.Duration) {
	for _, pod := range w.Pods {
		if pod.DeletionTimestamp == nil || podstate.Ended(pod.Pod) || podstate.OfRun(pod.Pod) {
			continue
		}
		if wait := pod.DeletionTimestamp.Sub(w.Now); wait > 0 {
			n++
			left = requeue.Sooner(left, wait)
		}
	}
	return n, left
}

// endingRun plans how a run that must end before it is over gets rid of its jobs. It treats
// its pods like the pods of a stopped pool. The run's Job may be deleted once the plan has
// no replicas left. If the run need not end after all, its pods take jobs again.
func endingRun(w *World, runs *batch.Output) drain.Plan {
	ends := runs != nil && len(runs.End) > 0
	stop := stopping{World: w, stops: ends}
	if job := w.OpenRun(); job != nil {
		stop.grace = effective.PodGrace(&job.Spec.Template)
	}
	in := drain.Input{Now: w.Now, Silence: silence(w)}
	for _, pod := range w.Pods {
		if podstate.Active(pod.Pod) && podstate.OfRun(pod.Pod) {
			out := stop.pod(pod)
			out.Retire = false // no pod of a run is replaced
			in.Pods = append(in.Pods, out)
		}
	}
	in.Replicas = int32(len(in.Pods))
	if !ends {
		in.Wanted = in.Replicas
	}
	plan := drain.Decide(in)
	plan.Costs = nil // no ReplicaSet chooses among them
	plan.Recheck = requeue.Sooner(plan.Recheck, stop.recheck)
	return plan
}

// silence returns how long a victim may be silent; 0 if jobs have no timeout.
func silence(w *World) time.Duration {
	if timeout := effective.Timeout(&w.Worker.Spec); timeout > 0 {
		return max(timeout, jobTimeout(w)) + silenceMargin
	}
	return 0
}

// stopping is a pool that shall have no pods at all. Each pod takes no more jobs, and
// finishes its present jobs within its grace period, as a removed pod does. But it is
// not removed until then, because the kubelet passes nothing on to a removed pod: such
// a pod could not be told to kill its processes.
type stopping struct {
	*World
	// stops reports whether the pool shall have no pods. grace is the grace period of
	// its pods.
	stops bool
	grace time.Duration
	// recheck is the time until the first grace period ends.
	recheck time.Duration
}

// pod returns the known state of an active pod.
func (s *stopping) pod(pod *Pod) drain.Pod {
	out := drainPod(pod)
	out.Abandoned = s.abandons(pod, out)
	return out
}

// abandons reports whether a stopped pool removes this pod without waiting: its agent
// cannot be reached, or its grace period is over.
func (s *stopping) abandons(pod *Pod, seen drain.Pod) bool {
	if !s.stops {
		return false
	}
	if report := pod.Report; report.Unreachable {
		return true
	} else if report.Status == nil {
		left := s.unheardFrom(pod).Add(FirstReportTime).Sub(s.Now)
		s.recheck = requeue.Sooner(s.recheck, left)
		return left <= 0
	}
	if !seen.Cordoned || seen.CordonedAt.IsZero() {
		s.recheck = requeue.Sooner(s.recheck, s.grace)
		return false
	}
	left := seen.CordonedAt.Add(s.grace).Sub(s.Now)
	s.recheck = requeue.Sooner(s.recheck, left)
	return left <= 0
}

// unheardFrom returns the time from which a pod could have reported: its agent has
// started, and this operator has begun.
func (s *stopping) unheardFrom(pod *Pod) time.Time {
	if container := podstate.WorkerContainer(pod.Pod); container != nil && container.State.Running != nil {
		if started := container.State.Running.StartedAt.Time; started.After(s.Memory.Since) {
			return started
		}
	}
	return s.Memory.Since
}

// recycles reports whether pods that have reached a limit are replaced now. A paused
// pool has no process that could have reached one.
func recycles(w *World) bool {
	return w.Worker.Spec.Recycle == v1alpha1.RecyclePod && effective.PausedBy(w.Worker, w.Now) == ""
}

// isDue reports whether a process in a pod has reached its limit. A pod that a user has
// paused stays, so that the user can look at it.
func isDue(pod *Pod) bool {
	report := pod.Report
	return report.Status != nil && !podstate.PausedAlone(pod.Pod) &&
		slices.ContainsFunc(report.Status.Workers, func(w protocol.Worker) bool { return w.RecycleDue })
}

// jobTimeout returns the longest timeout that a waiting job sets itself; 0 if no job
// was seen to set one.
func jobTimeout(w *World) time.Duration {
	var longest time.Duration
	for _, queue := range w.Backlog.Queues {
		if own := queue.MaxTimeoutSeconds; own != nil {
			longest = max(longest, protocol.Duration(float64(*own)))
		}
	}
	return longest
}

func drainPod(pod *Pod) drain.Pod {
	document, report := pod.Control, pod.Report
	out := drain.Pod{
		Name:         pod.Name,
		Created:      pod.CreationTimestamp.Time,
		Scheduled:    pod.Spec.NodeName != "",
		Running:      pod.Status.Phase == corev1.PodRunning,
		Ready:        podstate.ReadySince(pod.Pod) != nil,
		DeletionCost: podstate.DeletionCost(pod.Pod),
		Cordoned:     document.Cordoned,
		Retire:       pod.Annotations[v1alpha1.AnnotationRetire] == v1alpha1.AnnotationTrue,
		Heard:        report.Status != nil,
		LastHeard:    report.PulledAt,
	}
	if owner := metav1.GetControllerOf(pod); owner != nil {
		out.ReplicaSet = owner.UID
	}
	if container := podstate.WorkerContainer(pod.Pod); container != nil {
		out.Started = podstate.Started(container)
	}
	if at, err := time.Parse(time.RFC3339, pod.Annotations[v1alpha1.AnnotationCordonedAt]); err == nil {
		out.CordonedAt = at
	}
	if report.Status == nil {
		return out
	}
	out.Obeys = document.Cordoned && report.Status.ControlRevision >= document.Revision && report.Status.Phase == protocol.PhaseCordoned
	out.Drained = out.Obeys && report.Status.Drained()
	for i := range report.Status.Workers {
		job := report.Status.Workers[i].Job
		if job == nil {
			continue
		}
		out.Busy++
		if began := report.PulledAt.Add(-protocol.Duration(job.AgeSeconds)); began.After(out.JobStarted) {
			out.JobStarted = began
		}
	}
	return out
}
