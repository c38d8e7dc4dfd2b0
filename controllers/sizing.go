// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/desired"
	"queueworker.dev/queueworker/controllers/scaling"
)

// Defaults of the CRD, for objects that were stored without them.
const (
	defaultTargetWait = time.Minute
	defaultWindow     = 2 * time.Minute
	// capTick is how soon pools that share a cap too small for all look again.
	capTick = scaling.Tick
)

// sizing is how many processes a pool is meant to have, and why.
type sizing struct {
	// processes is the size, whole pods where a cap or autoscaling decides.
	processes int32
	// most is the largest size the pool is meant to have.
	most int32
	// decision is nil without autoscaling.
	decision *scaling.Decision
	// claim is what the pool asks of the QueueApp's cap, grant what it gets; nil
	// where there is no cap.
	claim scaling.Claim
	grant *scaling.Grant
	// fixed tells that the pool has its size whatever a cap leaves: that of a run that has begun.
	fixed bool
	// scarce tells that the cap is too small for all.
	scarce bool
	// recheck is after how long to decide again without news; 0 means not at all.
	recheck time.Duration
}

// size decides a pool's size without regard to a cap: what its spec says or the backlog
// asks for.
func size(o *observation) sizing {
	spec := &o.worker.Spec
	s := sizing{processes: desired.Processes(spec)}
	s.claim = scaling.Claim{
		Name: o.worker.Name, Priority: spec.Priority, Minimum: min(1, s.processes), ProcessesPerPod: desired.ProcessesPerPod(spec),
	}
	s.most = s.processes
	if auto := spec.Autoscaling; auto != nil {
		decision := scaling.Decide(scalingInput(o))
		s.decision = &decision
		s.processes, s.recheck = decision.Processes, decision.Recheck
		s.most = auto.MaxProcesses
		s.claim.Minimum = minProcesses(auto)
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

// within cuts the size down to what the pool is granted of a cap that is too small for
// all or not, and to what the other pools leave free of it.
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

// await keeps the pool from growing into what others have yet to give up: free is what
// they leave of the cap.
func (s *sizing) await(free int32, o *observation) {
	free = max(0, free) / s.claim.ProcessesPerPod * s.claim.ProcessesPerPod
	if wanted := wholePods(s.processes, &o.worker.Spec); s.fixed || s.processes <= o.past.size || wanted <= free {
		return
	}
	s.scarce = true
	s.processes = max(o.past.size, free)
	s.grant.Limited, s.grant.Processes = true, s.processes
	s.grant.Message = fmt.Sprintf("The application's maximum of processes leaves %d of the %d wanted until other pools have given theirs up.", s.processes, s.claim.Wanted)
}

// claimOf is what a pool asks of a cap as far as its object tells: the pool has not
// been looked at by this operator yet.
func claimOf(worker *v1alpha1.QueueWorker) scaling.Claim {
	spec := &worker.Spec
	claim := scaling.Claim{
		Name: worker.Name, Priority: spec.Priority, Wanted: desired.Processes(spec), ProcessesPerPod: desired.ProcessesPerPod(spec),
	}
	claim.Minimum = min(1, claim.Wanted)
	if desired.IsBatch(spec) {
		return claimOfRuns(worker, claim)
	}
	if auto := spec.Autoscaling; auto != nil && !spec.Stopped {
		claim.Minimum = minProcesses(auto)
		claim.Wanted = claim.Minimum
		if last := worker.Status.Autoscaling; last != nil {
			claim.Wanted = min(max(last.Desired, claim.Minimum), auto.MaxProcesses)
		}
	}
	return claim
}

func minProcesses(auto *v1alpha1.Autoscaling) int32 {
	if auto.MinProcesses == nil {
		return 1
	}
	return *auto.MinProcesses
}

func scalingInput(o *observation) scaling.Input {
	spec, auto := &o.worker.Spec, o.worker.Spec.Autoscaling
	in := scaling.Input{
		Now:     o.now,
		Stopped: spec.Stopped,
		Paused:  desired.PausedBy(o.worker, o.now) != "",
		Current: o.past.size,
		Backlog: scalingBacklog(o),
		Spec: scaling.Spec{
			Min:             minProcesses(auto),
			Max:             auto.MaxProcesses,
			TargetWait:      defaultTargetWait,
			Timeout:         desired.Timeout(spec),
			ScaleDownWindow: defaultWindow,
			ProcessesPerPod: desired.ProcessesPerPod(spec),
		},
		AgentsReadable: agentsReadable(o),
		Completed:      o.past.completed,
		StartLatency:   o.past.startLatency,
		Remembered:     remembered(o.worker.Status.Autoscaling),
		Memory:         o.past.scaling,
	}
	if auto.TargetWait != nil {
		in.Spec.TargetWait = auto.TargetWait.Duration
	}
	if auto.ExpectedJobTime != nil {
		in.Spec.ExpectedJob = auto.ExpectedJobTime.Duration
	}
	if spec.Rest != nil {
		in.Spec.Rest = spec.Rest.Duration
	}
	if down := auto.ScaleDown; down != nil {
		in.Spec.ScaleDownStep = down.Step
		if down.Window != nil {
			in.Spec.ScaleDownWindow = down.Window.Duration
		}
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

// agentsReadable tells whether every running pod answers, so that what they count
// is all there is. A pod that is ready has an agent that can answer, and will have
// been heard of in a moment where this operator has just been started.
func agentsReadable(o *observation) bool {
	for _, pod := range o.pods {
		if !active(pod) || !isRunning(pod) {
			continue
		}
		if report := o.reports.Pods[pod.UID]; report.Unreachable || report.Status == nil && readySince(pod) != nil {
			return false
		}
	}
	return true
}

// busy is how many processes have a job, those of pods that are being drained aside,
// and for how long these jobs have run together.
// Where the backend knows how many jobs are being worked on, there are no more than
// that: a Laravel before 9.41 does not say when an attempt that threw has ended, so its
// worker seems to have that job until it begins another.
func busy(o *observation, backlog *scaling.Backlog) (n int32, together time.Duration) {
	var ages []time.Duration
	for _, pod := range o.pods {
		report := o.reports.Pods[pod.UID]
		if report.Status == nil || !active(pod) || isCordoned(pod) {
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

// knowsReserved tells whether the application's backend counts jobs being worked on;
// an endpoint of the user's own need not.
func knowsReserved(app *v1alpha1.QueueApp) bool {
	return app != nil && app.Spec.Connection != nil && app.Spec.Connection.Driver != v1alpha1.DriverHTTP
}

// remembered reads back what the status tells of the last decision.
func remembered(last *v1alpha1.AutoscalingStatus) scaling.Remembered {
	if last == nil {
		return scaling.Remembered{}
	}
	// What cannot be read was written by nobody of ours and counts as unknown.
	service, _ := time.ParseDuration(last.ServiceTime)
	rate, _ := strconv.ParseFloat(last.ArrivalRate, 64)
	return scaling.Remembered{ServiceTime: service, ArrivalRate: rate}
}
