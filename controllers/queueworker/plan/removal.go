// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/batch"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/drain"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/requeue"
)

// silenceMargin is how much longer than a job may run a victim may be silent.
const silenceMargin = 30 * time.Second

// removal plans how the pool gets from its present pods to the wanted pods.
func removal(o *observation, pods int32) drain.Plan {
	live := o.deployment
	if live == nil {
		return drain.Plan{Replicas: pods, Reason: drain.Settled}
	}
	in := drain.Input{
		Now:            o.now,
		Wanted:         pods,
		Replicas:       1, // the default of a Deployment
		RollingOut:     podstate.RollingOut(live),
		DeadlinePassed: podstate.DeadlinePassed(live),
		MaxSurge:       podstate.MaxSurge(live),
		MaxReplaced:    o.worker.Spec.MaxUnavailable,
		Paused:         effective.PausedBy(o.worker, o.now) != "",
	}
	if live.Spec.Replicas != nil {
		in.Replicas = *live.Spec.Replicas
	}
	in.Silence = silence(o)
	var leaving time.Duration
	in.Leaving, leaving = leavingPods(o)
	stop := stopping{observation: o, stops: o.worker.Spec.Stopped, grace: effective.PodGrace(&live.Spec.Template)}
	for _, pod := range o.pods {
		if podstate.Active(pod) && !podstate.OfRun(pod) {
			out := stop.pod(pod)
			report := o.reports.Pods[pod.UID]
			out.Due = recycles(o) && isDue(pod, report)
			in.Awaiting = in.Awaiting || recycles(o) && out.Started && report.Status == nil && !report.Unreachable
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
func leavingPods(o *observation) (n int32, left time.Duration) {
	for _, pod := range o.pods {
		if pod.DeletionTimestamp == nil || podstate.Ended(pod) || podstate.OfRun(pod) {
			continue
		}
		if wait := pod.DeletionTimestamp.Sub(o.now); wait > 0 {
			n++
			left = requeue.Sooner(left, wait)
		}
	}
	return n, left
}

// endingRun plans how a run that must end before it is over gets rid of its jobs. It treats
// its pods like the pods of a stopped pool. The run's Job may be deleted once the plan has
// no replicas left. If the run need not end after all, its pods take jobs again.
func endingRun(o *observation, runs *batch.Output) drain.Plan {
	ends := runs != nil && len(runs.End) > 0
	stop := stopping{observation: o, stops: ends}
	if job := o.openRun(); job != nil {
		stop.grace = effective.PodGrace(&job.Spec.Template)
	}
	in := drain.Input{Now: o.now, Silence: silence(o)}
	for _, pod := range o.pods {
		if podstate.Active(pod) && podstate.OfRun(pod) {
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
func silence(o *observation) time.Duration {
	if timeout := effective.Timeout(&o.worker.Spec); timeout > 0 {
		return max(timeout, jobTimeout(o)) + silenceMargin
	}
	return 0
}

// stopping is a pool that shall have no pods at all. Each pod takes no more jobs, and
// finishes its present jobs within its grace period, as a removed pod does. But it is
// not removed until then, because the kubelet passes nothing on to a removed pod: such
// a pod could not be told to kill its processes.
type stopping struct {
	*observation
	// stops reports whether the pool shall have no pods. grace is the grace period of
	// its pods.
	stops bool
	grace time.Duration
	// recheck is the time until the first grace period ends.
	recheck time.Duration
}

// pod returns the known state of an active pod.
func (s *stopping) pod(pod *corev1.Pod) drain.Pod {
	out := drainPod(pod, s.reports.Pods[pod.UID])
	out.Forsaken = s.forsakes(pod, out)
	return out
}

// forsakes reports whether a stopped pool removes this pod without waiting: its agent
// cannot be reached, or its grace period is over.
func (s *stopping) forsakes(pod *corev1.Pod, seen drain.Pod) bool {
	if !s.stops {
		return false
	}
	if report := s.reports.Pods[pod.UID]; report.Unreachable {
		return true
	} else if report.Status == nil {
		left := s.unheardFrom(pod).Add(hearingTime).Sub(s.now)
		s.recheck = requeue.Sooner(s.recheck, left)
		return left <= 0
	}
	if !seen.Cordoned || seen.CordonedAt.IsZero() {
		s.recheck = requeue.Sooner(s.recheck, s.grace)
		return false
	}
	left := seen.CordonedAt.Add(s.grace).Sub(s.now)
	s.recheck = requeue.Sooner(s.recheck, left)
	return left <= 0
}

// unheardFrom returns the time from which a pod could have reported: its agent has
// started, and this operator has begun.
func (s *stopping) unheardFrom(pod *corev1.Pod) time.Time {
	if container := podstate.WorkerContainer(pod); container != nil && container.State.Running != nil {
		if started := container.State.Running.StartedAt.Time; started.After(s.past.since) {
			return started
		}
	}
	return s.past.since
}

// recycles reports whether pods that have reached a limit are replaced now. A paused
// pool has no process that could have reached one.
func recycles(o *observation) bool {
	return o.worker.Spec.Recycle == v1alpha1.RecyclePod && effective.PausedBy(o.worker, o.now) == ""
}

// isDue reports whether a process in a pod has reached its limit. A pod that a user has
// paused stays, so that the user can look at it.
func isDue(pod *corev1.Pod, report collector.PodReport) bool {
	return report.Status != nil && !podstate.PausedAlone(pod) &&
		slices.ContainsFunc(report.Status.Workers, func(w protocol.Worker) bool { return w.RecycleDue })
}

// jobTimeout returns the longest timeout that a waiting job sets itself; 0 if no job
// was seen to set one.
func jobTimeout(o *observation) time.Duration {
	var longest time.Duration
	for _, queue := range o.backlog.Queues {
		if own := queue.MaxTimeoutSeconds; own != nil {
			longest = max(longest, protocol.Duration(float64(*own)))
		}
	}
	return longest
}

func drainPod(pod *corev1.Pod, report collector.PodReport) drain.Pod {
	document := objects.ReadControl(pod.Annotations[v1alpha1.AnnotationControl])
	out := drain.Pod{
		Name:         pod.Name,
		Created:      pod.CreationTimestamp.Time,
		Scheduled:    pod.Spec.NodeName != "",
		Running:      pod.Status.Phase == corev1.PodRunning,
		Ready:        podstate.ReadySince(pod) != nil,
		DeletionCost: podstate.DeletionCost(pod),
		Cordoned:     document.Cordoned,
		Retire:       pod.Annotations[v1alpha1.AnnotationRetire] == v1alpha1.AnnotationTrue,
		Heard:        report.Status != nil,
		LastHeard:    report.PulledAt,
	}
	if owner := metav1.GetControllerOf(pod); owner != nil {
		out.ReplicaSet = owner.UID
	}
	if container := podstate.WorkerContainer(pod); container != nil {
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

// isCordoned reports whether a pod's control document says that the pod takes no more jobs.
func isCordoned(pod *corev1.Pod) bool {
	return objects.ReadControl(pod.Annotations[v1alpha1.AnnotationControl]).Cordoned
}
