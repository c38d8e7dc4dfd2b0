// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/scaling"
)

// capTick is how soon pools that share a cap too small for all are looked at again.
const capTick = scaling.Tick

// Size is how many processes a pool should have, and why.
type Size struct {
	// Processes is the size, in whole pods if a cap or autoscaling decides it.
	Processes int32
	// Most is the largest size that the pool may have.
	Most int32
	// Scaling is nil without autoscaling.
	Scaling *scaling.Decision
	// Claim is what the pool asks of the QueueApp's cap, Grant what it gets; nil if
	// there is no cap.
	Claim scaling.Claim
	Grant *scaling.Grant
	// Fixed reports whether the pool keeps its size whatever a cap leaves, like a run
	// that has begun.
	Fixed bool
	// Scarce reports whether the cap is too small for all.
	Scarce bool
	// Recheck is the time after which to decide again without news; 0 means not at all.
	Recheck time.Duration
}

// SizeOf decides a pool's size without regard to a cap, from its spec or the backlog.
func SizeOf(w *World) Size {
	spec := &w.Worker.Spec
	s := Size{Processes: effective.Processes(spec)}
	s.Claim = scaling.Claim{
		Name: w.Worker.Name, Priority: spec.Priority, Minimum: min(1, s.Processes), ProcessesPerPod: effective.ProcessesPerPod(spec),
	}
	s.Most = s.Processes
	if auto := spec.Autoscaling; auto != nil {
		decision := scaling.Decide(scalingInput(w))
		s.Scaling = &decision
		s.Processes, s.Recheck = decision.Processes, decision.Recheck
		s.Most = auto.MaxProcesses
		s.Claim.Minimum = effective.MinProcesses(auto)
		if spec.Stopped {
			s.Claim.Minimum = 0
		}
	}
	if w.inRuns() {
		s.runSize(w)
	}
	s.Claim.Wanted = s.Processes
	return s
}

// Within reduces the size to the pool's grant and to what the other pools leave free of
// the cap. scarce reports whether the cap is too small for all.
func (s *Size) Within(grant scaling.Grant, scarce bool, free int32, w *World) {
	s.Grant, s.Scarce = &grant, scarce
	if grant.Limited && !s.Fixed {
		s.Processes = grant.Processes
	}
	s.await(free, w)
	if s.Scarce && (s.Recheck == 0 || s.Recheck > capTick) {
		s.Recheck = capTick
	}
}

// await keeps the pool from growing into processes that other pools must still give up.
// free is how many processes the other pools leave of the cap.
func (s *Size) await(free int32, w *World) {
	free = max(0, free) / s.Claim.ProcessesPerPod * s.Claim.ProcessesPerPod
	if wanted := WholePods(s.Processes, &w.Worker.Spec); s.Fixed || s.Processes <= w.Memory.Size || wanted <= free {
		return
	}
	s.Scarce = true
	s.Processes = max(w.Memory.Size, free)
	s.Grant.Limited, s.Grant.Processes = true, s.Processes
	s.Grant.Message = fmt.Sprintf("The QueueApp's spec.maxProcesses leaves %d of the %d processes that this pool wants, until other pools have removed some of theirs.", s.Processes, s.Claim.Wanted)
}

// ClaimOf returns what a pool asks of a cap, as far as its object shows, because this
// operator has not looked at the pool yet.
func ClaimOf(worker *v1alpha1.QueueWorker) scaling.Claim {
	spec := &worker.Spec
	claim := scaling.Claim{
		Name: worker.Name, Priority: spec.Priority, Wanted: effective.Processes(spec), ProcessesPerPod: effective.ProcessesPerPod(spec),
	}
	claim.Minimum = min(1, claim.Wanted)
	if effective.IsBatch(spec) {
		return claimOfRuns(worker, claim)
	}
	if auto := spec.Autoscaling; auto != nil && !spec.Stopped {
		claim.Minimum = effective.MinProcesses(auto)
		claim.Wanted = claim.Minimum
		if last := worker.Status.Autoscaling; last != nil {
			claim.Wanted = min(max(last.Desired, claim.Minimum), auto.MaxProcesses)
		}
	}
	return claim
}

func scalingInput(w *World) scaling.Input {
	spec, auto := &w.Worker.Spec, w.Worker.Spec.Autoscaling
	in := scaling.Input{
		Now:     w.Now,
		Stopped: spec.Stopped,
		Paused:  effective.PausedBy(w.Worker, w.Now) != "",
		Current: w.Memory.Size,
		Backlog: scalingBacklog(w),
		Spec: scaling.Spec{
			Min:             effective.MinProcesses(auto),
			Max:             auto.MaxProcesses,
			TargetWait:      effective.TargetWait(auto),
			Timeout:         effective.Timeout(spec),
			ScaleDownWindow: effective.ScaleDownWindow(auto),
			ScaleDownStep:   effective.ScaleDownStep(auto),
			Rest:            effective.Rest(spec),
			ProcessesPerPod: effective.ProcessesPerPod(spec),
		},
		AgentsReadable: agentsReadable(w),
		Completed:      w.Memory.Completed,
		StartLatency:   w.Memory.StartLatency,
		Remembered:     remembered(w.Worker.Status.Autoscaling),
		Memory:         w.Memory.Scaling,
	}
	if auto.ExpectedJobTime != nil {
		in.Spec.ExpectedJob = auto.ExpectedJobTime.Duration
	}
	in.Busy, in.BusyTime = busy(w, in.Backlog)
	return in
}

// scalingBacklog adds up the pool's queues; nil if they cannot be read now.
func scalingBacklog(w *World) *scaling.Backlog {
	report := w.Backlog
	if report.MeasuredAt.IsZero() || report.Reason != "" {
		return nil
	}
	out := &scaling.Backlog{MeasuredAt: report.MeasuredAt}
	oldestKnown, oldest := true, time.Duration(0)
	for _, queue := range report.Queues {
		out.Ready += queue.Ready
		out.Delayed += queue.Delayed
		out.Reserved += queue.Reserved
		out.DueSoon += queue.DueSoon
		switch {
		case queue.Ready == 0: // nothing is old
		case queue.OldestSeconds != nil:
			oldest = max(oldest, protocol.Duration(*queue.OldestSeconds))
		default:
			oldestKnown = false
		}
		if queue.NextDueSeconds != nil {
			if due := protocol.Duration(*queue.NextDueSeconds); out.NextDue == nil || due < *out.NextDue {
				out.NextDue = &due
			}
		}
	}
	if oldestKnown {
		out.Oldest = &oldest
	}
	return out
}

// agentsReadable reports whether every running pod answers, so that the agents' counts
// are complete. A ready pod has an agent that can answer; if this operator has just
// started, its report arrives in a moment.
func agentsReadable(w *World) bool {
	for _, pod := range w.Pods {
		if !podstate.Active(pod.Pod) || !podstate.Running(pod.Pod) {
			continue
		}
		if report := pod.Report; report.Unreachable || report.Status == nil && podstate.ReadySince(pod.Pod) != nil {
			return false
		}
	}
	return true
}

// busy returns how many processes have a job, without the processes of pods that are
// being drained, and for how long these jobs have run together. If the backend counts
// the jobs being worked on, busy returns no more than that. A Laravel before 9.41 does
// not report the end of an attempt that threw, so its worker seems to have that job
// until it begins another.
func busy(w *World, backlog *scaling.Backlog) (n int32, together time.Duration) {
	var ages []time.Duration
	for _, pod := range w.Pods {
		report := pod.Report
		if report.Status == nil || !podstate.Active(pod.Pod) || pod.Control.Cordoned {
			continue
		}
		for i := range report.Status.Workers {
			if job := report.Status.Workers[i].Job; job != nil {
				ages = append(ages, protocol.Duration(job.AgeSeconds)+w.Now.Sub(report.PulledAt))
			}
		}
	}
	slices.Sort(ages)
	if backlog != nil && knowsReserved(w.App) && backlog.Reserved < int64(len(ages)) {
		ages = ages[:max(backlog.Reserved, 0)]
	}
	for _, age := range ages {
		together += age
	}
	return int32(len(ages)), together
}

// knowsReserved reports whether the application's backend counts the jobs being worked
// on; a user's own endpoint need not.
func knowsReserved(app *v1alpha1.QueueApp) bool {
	if app == nil || app.Spec.Connection == nil {
		return false
	}
	switch effective.Driver(app) {
	case v1alpha1.DriverRedis, v1alpha1.DriverDatabase, v1alpha1.DriverNone:
		return true
	case v1alpha1.DriverHTTP:
	}
	return false
}

// remembered reads back the figures of the last decision from the status.
func remembered(last *v1alpha1.AutoscalingStatus) scaling.Remembered {
	if last == nil {
		return scaling.Remembered{}
	}
	// A figure that cannot be read was not written by the operator and counts as unknown.
	service, _ := time.ParseDuration(last.ServiceTime)
	rate, _ := strconv.ParseFloat(last.ArrivalRate, 64)
	return scaling.Remembered{ServiceTime: service, ArrivalRate: rate}
}

// WholePods returns a number of processes, rounded up to whole pods.
func WholePods(processes int32, spec *v1alpha1.QueueWorkerSpec) int32 {
	return effective.Pods(processes, spec) * effective.ProcessesPerPod(spec)
}
