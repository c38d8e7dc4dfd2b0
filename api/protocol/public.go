// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

import "fmt"

// Public returns the part of a status that anyone in the cluster may read: states, counts
// and measurements. It leaves out which jobs there are, what was printed and what is
// wrong with the application, because these may name customers. The document has the form
// of a whole status, so that an operator that knows no other form can read it.
//
// Public copies each field by name, so only the operator sees a new field until it is
// added here.
func (s *Status) Public() Status {
	out := Status{
		Version: s.Version, Agent: s.Agent, PodUID: s.PodUID, ControlRevision: s.ControlRevision,
		Phase: s.Phase, Ready: s.Ready, UptimeSeconds: s.UptimeSeconds, Counters: s.Counters, Network: s.Network,
	}
	if s.Runtime != nil {
		out.Runtime = &RuntimeFacts{
			GracefulStop: s.Runtime.GracefulStop, GracefulStopReason: s.Runtime.GracefulStopReason,
			Dialect: s.Runtime.Dialect, Version: s.Runtime.Version,
		}
	}
	for i := range s.Workers {
		out.Workers = append(out.Workers, s.Workers[i].public())
	}
	for i := range s.RecentExits {
		out.RecentExits = append(out.RecentExits, *s.RecentExits[i].public())
	}
	for _, failure := range s.RecentFailures {
		out.RecentFailures = append(out.RecentFailures, Failure{Slot: failure.Slot, AgeSeconds: failure.AgeSeconds})
	}
	for _, killed := range s.KilledJobs {
		out.KilledJobs = append(out.KilledJobs, KilledJob{Sequence: killed.Sequence, AgeSeconds: killed.AgeSeconds})
	}
	return out
}

func (w *Worker) public() Worker {
	out := Worker{
		Slot: w.Slot, PID: w.PID, State: w.State, AgeSeconds: w.AgeSeconds, Processed: w.Processed, Failed: w.Failed,
		FailuresInARow: w.FailuresInARow, MemoryBytes: w.MemoryBytes, CPUSeconds: w.CPUSeconds, CPUCores: w.CPUCores,
		RecycleDue: w.RecycleDue, NextStartSeconds: w.NextStartSeconds, LastExit: w.LastExit.public(),
	}
	if w.Job != nil {
		out.Job = &Job{AgeSeconds: w.Job.AgeSeconds}
	}
	return out
}

// public returns an exit with its numbers and a message made from them.
func (e *Exit) public() *Exit {
	if e == nil {
		return nil
	}
	message := fmt.Sprintf("It ended with exit code %d.", e.Code)
	if e.Signal != 0 {
		message = fmt.Sprintf("It was ended by signal %d.", e.Signal)
	}
	return &Exit{
		Sequence: e.Sequence, Slot: e.Slot, Reason: e.Reason, Code: e.Code, Signal: e.Signal, Message: message,
		AgeSeconds: e.AgeSeconds, UptimeSeconds: e.UptimeSeconds,
	}
}
