// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

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

// sizing is how many processes a pool should have, and why.
type sizing struct {
	// processes is the size, in whole pods if a cap or autoscaling decides it.
	processes int32
	// most is the largest size that the pool may have.
	most int32
	// decision is nil without autoscaling.
	decision *scaling.Decision
	// claim is what the pool asks of the QueueApp's cap, grant what it gets; nil if
	// there is no cap.
	claim scaling.Claim
	grant *scaling.Grant
	// fixed reports whether the pool keeps its size whatever a cap leaves, like a run
	// that has begun.
	fixed bool
	// scarce reports whether the cap is too small for all.
	scarce bool
	// recheck is the time after which to decide again without news; 0 means not at all.
	recheck time.Duration
}

// size decides a pool's size without regard to a cap, from its spec or the backlog.
func size(o *observation) sizing {
	spec := &o.worker.Spec
	s := sizing{processes: effective.Processes(spec)}
	s.claim = scaling.Claim{
		Name: o.worker.Name, Priority: spec.Priority, Minimum: min(1, s.processes), ProcessesPerPod: effective.ProcessesPerPod(spec),
	}
	s.most = s.processes
	if auto := spec.Autoscaling; auto != nil {
		decision := scaling.Decide(scalingInput(o))
		s.decision = &decision
		s.processes, s.recheck = decision.Processes, decision.Recheck
		s.most = auto.MaxProcesses
		s.claim.Minimum = effective.MinProcesses(auto)
		if spec.Stopped {
			s.claim.Minimum = 0
		}
	}
	if o.inRuns() {
		s.runSize(o)
	}
	s.claim.Wanted = s.processes
	return s
}

// within reduces the size to the pool's grant and to what the other pools leave free of
// the cap. scarce reports whether the cap is too small for all.
func (s *sizing) within(grant scaling.Grant, scarce bool, free int32, o *observation) {
	s.grant, s.scarce = &grant, scarce
	if grant.Limited && !s.fixed {
		s.processes = grant.Processes
	}
	s.await(free, o)
	if s.scarce && (s.recheck == 0 || s.recheck > capTick) {
		s.recheck = capTick
	}
}

// await keeps the pool from growing into processes that other pools must still give up.
// free is how many processes the other pools leave of the cap.
func (s *sizing) await(free int32, o *observation) {
	free = max(0, free) / s.claim.ProcessesPerPod * s.claim.ProcessesPerPod
	if wanted := wholePods(s.processes, &o.worker.Spec); s.fixed || s.processes <= o.past.size || wanted <= free {
		return
	}
	s.scarce = true
	s.processes = max(o.past.size, free)
	s.grant.Limited, s.grant.Processes = true, s.processes
	s.grant.Message = fmt.Sprintf("The kube.Outcome's maximum of processes leaves %d of the %d wanted until other pools have given theirs up.", s.processes, s.claim.Wanted)
}

// claimOf returns what a pool asks of a cap, as far as its object shows, because this
// operator has not looked at the pool yet.
func claimOf(worker *v1alpha1.QueueWorker) scaling.Claim {
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

func scalingInput(o *observation) scaling.Input {
	spec, auto := &o.worker.Spec, o.worker.Spec.Autoscaling
	in := scaling.Input{
		Now:     o.now,
		Stopped: spec.Stopped,
		Paused:  effective.PausedBy(o.worker, o.now) != "",
		Current: o.past.size,
		Backlog: scalingBacklog(o),
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
		AgentsReadable: agentsReadable(o),
		Completed:      o.past.completed,
		StartLatency:   o.past.startLatency,
		Remembered:     remembered(o.worker.Status.Autoscaling),
		Memory:         o.past.scaling,
	}
	if auto.ExpectedJobTime != nil {
		in.Spec.ExpectedJob = auto.ExpectedJobTime.Duration
	}
	in.Busy, in.BusyTime = busy(o, in.Backlog)
	return in
}

// scalingBacklog adds up the pool's queues; nil if they cannot be read now.
func scalingBacklog(o *observation) *scaling.Backlog {
	report := o.backlog
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
func agentsReadable(o *observation) bool {
	for _, pod := range o.pods {
		if !podstate.Active(pod) || !podstate.Running(pod) {
			continue
		}
		if report := o.reports.Pods[pod.UID]; report.Unreachable || report.Status == nil && podstate.ReadySince(pod) != nil {
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
func busy(o *observation, backlog *scaling.Backlog) (n int32, together time.Duration) {
	var ages []time.Duration
	for _, pod := range o.pods {
		report := o.reports.Pods[pod.UID]
		if report.Status == nil || !podstate.Active(pod) || isCordoned(pod) {
			continue
		}
		for i := range report.Status.Workers {
			if job := report.Status.Workers[i].Job; job != nil {
				ages = append(ages, protocol.Duration(job.AgeSeconds)+o.now.Sub(report.PulledAt))
			}
		}
	}
	slices.Sort(ages)
	if backlog != nil && knowsReserved(o.app) && backlog.Reserved < int64(len(ages)) {
		ages = ages[:max(backlog.Reserved, 0)]
	}
	for _, age := range ages {
		together += age
	}
	return int32(len(ages)), together
}

// knowsReserved reports whether the kube.Outcome's backend counts the jobs being worked
// on; a user's own endpoint need not.
func knowsReserved(app *v1alpha1.QueueApp) bool {
	return app != nil && app.Spec.Connection != nil && app.Spec.Connection.Driver != v1alpha1.DriverHTTP
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
