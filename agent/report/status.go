// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"slices"
	"time"

	"queueworker.dev/queueworker/agent/supervisor"
	"queueworker.dev/queueworker/api/protocol"
)

// Input holds everything that a status document is derived from.
type Input struct {
	State   *supervisor.State
	Network protocol.Network
	// Agent is the agent's version, PodUID the pod's.
	Agent, PodUID string
	Now           time.Time
}

// workerAlive is the age at which a process that has printed nothing counts as idle.
const workerAlive = 2 * time.Second

// Status returns the status document.
func Status(in Input) protocol.Status {
	s := in.State
	status := protocol.Status{
		Version: protocol.Version, Agent: in.Agent, PodUID: in.PodUID,
		ControlError: s.ControlError, Phase: s.Phase(), Ready: s.Ready(),
		UptimeSeconds: seconds(in.Now.Sub(s.Begun)), Counters: s.Counters, Network: in.Network,
		Workers: make([]protocol.Worker, len(s.Slots)),
	}
	if s.Control != nil {
		status.ControlRevision = s.Control.Revision
	}
	if s.Facts.Final {
		status.Runtime = runtimeFacts(s.Facts)
	}
	for i := range s.Slots {
		status.Workers[i] = worker(s, i, in.Now)
	}
	for i := range s.RecentExits {
		status.RecentExits = append(status.RecentExits, *exit(&s.RecentExits[i], in.Now))
	}
	for i := range s.RecentFailures {
		status.RecentFailures = append(status.RecentFailures, failure(&s.RecentFailures[i], in.Now))
	}
	status.KilledJobs = killedJobs(s)
	for i := range status.KilledJobs {
		status.KilledJobs[i].AgeSeconds = seconds(in.Now.Sub(s.KilledJobs[i].At))
	}
	return status
}

// killedJobs returns the newest jobs interrupted on request.
func killedJobs(s *supervisor.State) []protocol.KilledJob {
	if len(s.KilledJobs) == 0 {
		return nil
	}
	out := make([]protocol.KilledJob, 0, len(s.KilledJobs))
	for i := range s.KilledJobs {
		out = append(out, s.KilledJobs[i].KilledJob)
	}
	return out
}

func failure(f *supervisor.Failure, now time.Time) protocol.Failure {
	return protocol.Failure{
		Slot: int32(f.Slot), ID: f.ID, Class: f.Class, Queue: f.Queue, Exception: f.Exception, AgeSeconds: seconds(now.Sub(f.At)),
	}
}

func runtimeFacts(facts supervisor.Facts) *protocol.RuntimeFacts {
	out := &protocol.RuntimeFacts{
		GracefulStop: facts.Signals && !facts.ShellWrapped,
		Dialect:      string(facts.Dialect), Version: facts.Version,
		Findings: findings(facts),
	}
	switch {
	case !facts.Signals:
		out.GracefulStopReason = facts.NoSignals
	case facts.ShellWrapped:
		out.GracefulStopReason = "ShellWrapper"
	}
	return out
}

// findings returns the findings about the program, and one that the agent makes itself.
func findings(facts supervisor.Facts) []protocol.Finding {
	if len(facts.Findings) == 0 {
		return nil
	}
	wrapped := protocol.Finding{
		Kind: protocol.FindingUnwrapped, OK: true, Message: "No shell stands between the agent and the worker.",
	}
	if facts.ShellWrapped {
		wrapped.OK = false
		wrapped.Message = "The worker's command is wrapped in a shell that keeps SIGTERM from it; the agent looks for the worker behind it, which may fail. Use the exec form of the command, or put exec in front of the shell's last command."
	}
	return append(slices.Clip(facts.Findings), wrapped)
}

func worker(s *supervisor.State, number int, now time.Time) protocol.Worker {
	slot := &s.Slots[number]
	p := &slot.Process
	out := protocol.Worker{
		Slot: int32(number), PID: int32(p.PID), State: workerState(s, slot, now),
		Processed: slot.Processed, Failed: slot.Failed, FailuresInARow: p.FailuresInARow,
		RecycleDue:  slot.RecycleDue,
		MemoryBytes: p.Memory, CPUSeconds: seconds(slot.CPU + p.CPU), CPUCores: round(p.Cores),
	}
	if slot.Running() {
		out.AgeSeconds = seconds(now.Sub(p.StartedAt))
	} else if wait := slot.RetryAt.Sub(now); wait > 0 && s.Wanted() > 0 {
		out.NextStartSeconds = seconds(wait)
	}
	if p.Open != nil {
		out.Job = &protocol.Job{
			ID: p.Open.ID, Class: p.Open.Class, Queue: p.Open.Queue, AgeSeconds: seconds(now.Sub(p.Open.Since)),
		}
	}
	if slot.LastExit != nil {
		out.LastExit = exit(slot.LastExit, now)
	}
	return out
}

func workerState(s *supervisor.State, slot *supervisor.Slot, now time.Time) protocol.WorkerState {
	switch {
	case slot.Running():
		return runningState(&slot.Process, now)
	case s.Phase() == protocol.PhasePaused:
		return protocol.WorkerPaused
	case s.Terminating, slot.Done, s.Phase() == protocol.PhaseCordoned, s.Phase() == protocol.PhaseFinishing:
		return protocol.WorkerStopped
	case slot.RetryAt.After(now):
		return protocol.WorkerBackingOff
	}
	return protocol.WorkerStarting
}

func runningState(p *supervisor.Process, now time.Time) protocol.WorkerState {
	switch {
	case p.Retiring != "":
		return protocol.WorkerRetiring
	case p.Open != nil:
		return protocol.WorkerBusy
	case !p.Printed && now.Sub(p.StartedAt) < workerAlive:
		return protocol.WorkerStarting
	}
	return protocol.WorkerIdle
}

func exit(e *supervisor.Exit, now time.Time) *protocol.Exit {
	out := e.Exit
	out.AgeSeconds = seconds(now.Sub(e.At))
	out.UptimeSeconds = round(out.UptimeSeconds)
	return &out
}

// seconds rounds to milliseconds, which is as precise as a reader needs.
func seconds(d time.Duration) float64 { return round(d.Seconds()) }

func round(x float64) float64 { return math.Round(x*1000) / 1000 }
