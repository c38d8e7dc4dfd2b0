// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package received checks the answers of the agent in a worker pod before they are
// believed, kept or shown. The operator and the kubectl plugin both ask agents and use
// this package, so that a live row is cut and cleaned as a status is.
package received

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"queueworker.dev/queueworker/api/printable"
	"queueworker.dev/queueworker/api/protocol"
)

// Bounds on what a pod may report. Strings have the bounds of the QueueWorker's status,
// in bytes. Counts leave room to add up the counts of all pods of a pool in an int64.
const (
	MaxMessage  = 512
	MaxClass    = 256
	MaxQueue    = 512
	MaxJobID    = 128
	MaxVersion  = 64
	MaxWord     = 63
	MaxSlots    = 64
	MaxExits    = 10
	MaxFailures = 10
	MaxCount    = 1e12
	maxJobTime  = 1e15 // milliseconds
	MaxSeconds  = 1e9  // 31 years; a time.Duration holds 292
	maxBytes    = 1 << 60
	maxCores    = 1e4
)

// word matches a text that may become part of a condition's reason.
var word = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)

// Status checks a status document and makes it safe to show and to keep. It refuses the
// document if a number that counts, orders or names something is impossible. It moves
// measurements, which are only shown, into their range. It cuts texts and removes
// characters that a terminal or the API server cannot handle.
//
// Lists and maps that it cuts are copies. Otherwise the status would keep everything that
// the decoder built in memory: a slice keeps its array, and a map its buckets.
func Status(s *protocol.Status) error {
	if !knownPhase(s.Phase) {
		return fmt.Errorf("has the unknown phase %q", printable.Line(string(s.Phase), MaxWord))
	}
	if s.ControlRevision < 0 {
		return fmt.Errorf("has the impossible control revision %d", s.ControlRevision)
	}
	if err := Counters(&s.Counters); err != nil {
		return err
	}
	if err := cleanWorkers(s.Workers); err != nil {
		return err
	}
	if cap(s.Workers) > 2*len(s.Workers) {
		s.Workers = slices.Clone(s.Workers)
	}
	s.Agent = printable.Line(s.Agent, MaxVersion)
	s.ControlError = printable.Line(s.ControlError, MaxMessage)
	s.UptimeSeconds = within(s.UptimeSeconds, MaxSeconds)
	s.Network.ReceivedBytes = within(s.Network.ReceivedBytes, maxBytes)
	s.Network.TransmittedBytes = within(s.Network.TransmittedBytes, maxBytes)
	if r := s.Runtime; r != nil {
		r.GracefulStopReason = cleanWord(r.GracefulStopReason)
		r.Dialect = cleanWord(r.Dialect)
		r.Version = printable.Line(r.Version, MaxVersion)
		r.Findings = cleanFindings(r.Findings)
	}
	s.RecentExits = cleanExits(s.RecentExits)
	s.KilledJobs = Killed(s.KilledJobs)
	s.RecentFailures = cleanFailures(s.RecentFailures)
	return nil
}

// Counters checks counts and drops exit reasons that this operator does not know.
func Counters(c *protocol.Counters) error {
	for _, count := range []struct {
		name  string
		value int64
		most  int64
	}{
		{"processed", c.Processed, MaxCount},
		{"failed", c.Failed, MaxCount},
		{"released", c.Released, MaxCount},
		{"jobMilliseconds", c.JobMilliseconds, maxJobTime},
	} {
		if count.value < 0 || count.value > count.most {
			return fmt.Errorf("has the impossible count %s %d", count.name, count.value)
		}
	}
	var known map[protocol.ExitReason]int64
	for reason, count := range c.Exits {
		if !knownReason(reason) {
			continue
		}
		if count < 0 || count > MaxCount {
			return fmt.Errorf("has the impossible count of %s exits %d", reason, count)
		}
		if known == nil {
			known = map[protocol.ExitReason]int64{}
		}
		known[reason] = count
	}
	c.Exits = known
	return nil
}

// cleanWorkers checks and cleans the slots and sorts them by number.
func cleanWorkers(workers []protocol.Worker) error {
	if len(workers) > MaxSlots {
		return fmt.Errorf("has %d workers, a pod can have %d", len(workers), MaxSlots)
	}
	var seen [MaxSlots]bool
	for i := range workers {
		w := &workers[i]
		if w.Slot < 0 || w.Slot >= MaxSlots {
			return fmt.Errorf("has the slot %d, slots are 0 to %d", w.Slot, MaxSlots-1)
		}
		if seen[w.Slot] {
			return fmt.Errorf("has the slot %d twice", w.Slot)
		}
		seen[w.Slot] = true
		if err := cleanWorker(w); err != nil {
			return fmt.Errorf("has in slot %d %w", w.Slot, err)
		}
	}
	slices.SortFunc(workers, func(a, b protocol.Worker) int { return cmp.Compare(a.Slot, b.Slot) })
	return nil
}

func cleanWorker(w *protocol.Worker) error {
	if !knownState(w.State) {
		return fmt.Errorf("the unknown state %q", printable.Line(string(w.State), MaxWord))
	}
	if w.PID < 0 {
		return errors.New("a negative process id")
	}
	if min(w.Processed, w.Failed, w.FailuresInARow) < 0 || max(w.Processed, w.Failed, w.FailuresInARow) > MaxCount {
		return errors.New("an impossible count of jobs")
	}
	w.AgeSeconds = within(w.AgeSeconds, MaxSeconds)
	w.MemoryBytes = within(w.MemoryBytes, maxBytes)
	w.CPUSeconds = within(w.CPUSeconds, MaxSeconds*maxCores)
	w.CPUCores = within(w.CPUCores, maxCores)
	w.NextStartSeconds = within(w.NextStartSeconds, MaxSeconds)
	if j := w.Job; j != nil {
		j.ID = printable.Line(j.ID, MaxJobID)
		j.Class = printable.Line(j.Class, MaxClass)
		j.Queue = printable.Line(j.Queue, MaxQueue)
		j.AgeSeconds = within(j.AgeSeconds, MaxSeconds)
	}
	if w.LastExit != nil && !cleanExit(w.LastExit) {
		w.LastExit = nil
	}
	return nil
}

// cleanExits returns the newest of the plausible exits, newest first.
func cleanExits(exits []protocol.Exit) []protocol.Exit {
	var kept []protocol.Exit
	for i := range exits {
		if cleanExit(&exits[i]) {
			kept = append(kept, exits[i])
		}
	}
	slices.SortStableFunc(kept, func(a, b protocol.Exit) int { return cmp.Compare(b.Sequence, a.Sequence) })
	kept = slices.CompactFunc(kept, func(a, b protocol.Exit) bool { return a.Sequence == b.Sequence })
	return first(kept, MaxExits)
}

// cleanFailures returns the newest plausible failures, safe to show, newest first.
func cleanFailures(failures []protocol.Failure) []protocol.Failure {
	var kept []protocol.Failure
	for _, f := range failures {
		if f.Slot < 0 || f.Slot >= MaxSlots {
			continue
		}
		f.ID = printable.Line(f.ID, MaxJobID)
		f.Class = printable.Line(f.Class, MaxClass)
		f.Queue = printable.Line(f.Queue, MaxQueue)
		f.Exception = printable.Line(f.Exception, MaxClass)
		f.AgeSeconds = within(f.AgeSeconds, MaxSeconds)
		kept = append(kept, f)
	}
	slices.SortStableFunc(kept, func(a, b protocol.Failure) int { return cmp.Compare(a.AgeSeconds, b.AgeSeconds) })
	return first(kept, MaxFailures)
}

// Killed drops killed jobs with impossible numbers, and makes the texts of the other jobs
// short and printable.
func Killed(jobs []protocol.KilledJob) []protocol.KilledJob {
	var kept []protocol.KilledJob
	for _, job := range jobs {
		if job.Sequence < 1 || job.Sequence > MaxCount {
			continue
		}
		job.Class, job.ID = printable.Line(job.Class, MaxClass), printable.Line(job.ID, MaxJobID)
		job.AgeSeconds = within(job.AgeSeconds, MaxSeconds)
		kept = append(kept, job)
	}
	return first(kept, protocol.MaxKilledJobs)
}

// first returns a copy of a list's beginning, with at most most elements. The copy does
// not keep the list's array in memory. An empty copy is nil.
func first[E any](all []E, most int) []E {
	return slices.Concat(all[:min(len(all), most)])
}

// cleanFindings returns one finding of each kind that this operator knows, in their order.
func cleanFindings(findings []protocol.Finding) []protocol.Finding {
	var out []protocol.Finding
	for _, kind := range protocol.FindingKinds {
		at := slices.IndexFunc(findings, func(f protocol.Finding) bool { return f.Kind == kind })
		if at >= 0 {
			out = append(out, protocol.Finding{Kind: kind, OK: findings[at].OK, Message: printable.Line(findings[at].Message, MaxMessage)})
		}
	}
	return out
}

// cleanExit reports whether an exit is plausible, and makes a plausible exit safe to show.
func cleanExit(e *protocol.Exit) bool {
	if !knownReason(e.Reason) || e.Sequence < 1 || e.Sequence > MaxCount || e.Slot < 0 || e.Slot >= MaxSlots {
		return false
	}
	e.Code = within(e.Code, 255)
	e.Signal = within(e.Signal, 127)
	e.AgeSeconds = within(e.AgeSeconds, MaxSeconds)
	e.UptimeSeconds = within(e.UptimeSeconds, MaxSeconds)
	e.Message = printable.Line(e.Message, MaxMessage)
	e.JobClass = printable.Line(e.JobClass, MaxClass)
	return true
}

// cleanWord returns s if it is one word of letters and digits, otherwise "".
func cleanWord(s string) string {
	if len(s) > MaxWord || !word.MatchString(s) {
		return ""
	}
	return s
}

// within limits a measurement to the range from 0 to most.
func within[N int32 | int64 | float64](value, most N) N {
	return max(0, min(value, most))
}

func knownPhase(p protocol.Phase) bool {
	switch p {
	case protocol.PhaseRunning, protocol.PhasePaused, protocol.PhaseCordoned, protocol.PhaseFinishing, protocol.PhaseTerminating:
		return true
	}
	return false
}

func knownState(s protocol.WorkerState) bool {
	switch s {
	case protocol.WorkerStarting, protocol.WorkerIdle, protocol.WorkerBusy, protocol.WorkerRetiring,
		protocol.WorkerPaused, protocol.WorkerBackingOff, protocol.WorkerStopped:
		return true
	}
	return false
}

func knownReason(r protocol.ExitReason) bool {
	//exhaustive:enforce
	switch r {
	case protocol.ExitMaxJobs, protocol.ExitMaxTime, protocol.ExitMemory, protocol.ExitMaxExceptions, protocol.ExitJobTimeout,
		protocol.ExitOOMKilled, protocol.ExitRestartRequested, protocol.ExitPaused, protocol.ExitDrained, protocol.ExitFinished,
		protocol.ExitGraceExceeded, protocol.ExitKilledOnRequest, protocol.ExitKilled, protocol.ExitCrashed, protocol.ExitConfigError,
		protocol.ExitCommandNotFound:
		return true
	}
	return false
}
