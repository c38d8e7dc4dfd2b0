// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"queueworker.dev/queueworker/api/protocol"
)

// Bounds of what a pod may report. Strings have those of the QueueWorker's status,
// in bytes. Counts leave room to add up those of all pods of a pool in an int64.
const (
	maxMessage  = 512
	maxClass    = 256
	maxQueue    = 512
	maxJobID    = 128
	maxVersion  = 64
	maxWord     = 63
	maxSlots    = 64
	maxExits    = 10
	maxFailures = 10
	maxCount    = 1e12
	maxJobTime  = 1e15 // milliseconds
	maxSeconds  = 1e9  // 31 years; a time.Duration holds 292
	maxBytes    = 1 << 60
	maxCores    = 1e4
)

// word is what may become part of a condition's reason.
var word = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)

// cleanStatus checks a status document and makes it safe to show. Numbers that
// count, order or name something must be possible, else the document is refused;
// measurements, which are only shown, are moved into their range; texts are cut and
// freed of what a terminal or the API server would choke on.
func cleanStatus(s *protocol.Status) error {
	if !knownPhase(s.Phase) {
		return fmt.Errorf("has the unknown phase %q", cleanText(string(s.Phase), maxWord))
	}
	if s.ControlRevision < 0 || s.ControlRevision > protocol.MaxRevision {
		return fmt.Errorf("has the impossible control revision %d", s.ControlRevision)
	}
	if err := cleanCounters(&s.Counters); err != nil {
		return err
	}
	if err := cleanWorkers(s.Workers); err != nil {
		return err
	}
	s.Agent = cleanText(s.Agent, maxVersion)
	s.ControlError = cleanText(s.ControlError, maxMessage)
	s.UptimeSeconds = within(s.UptimeSeconds, maxSeconds)
	s.Network.ReceivedBytes = within(s.Network.ReceivedBytes, maxBytes)
	s.Network.TransmittedBytes = within(s.Network.TransmittedBytes, maxBytes)
	if r := s.Runtime; r != nil {
		r.GracefulStopReason = cleanWord(r.GracefulStopReason)
		r.Dialect = cleanWord(r.Dialect)
		r.Version = cleanText(r.Version, maxVersion)
		r.Findings = cleanFindings(r.Findings)
	}
	s.RecentExits = cleanExits(s.RecentExits)
	s.KilledJobs = cleanKilled(s.KilledJobs)
	s.RecentFailures = cleanFailures(s.RecentFailures)
	return nil
}

// cleanCounters checks counts and drops reasons this operator does not know.
func cleanCounters(c *protocol.Counters) error {
	for _, count := range []struct {
		name  string
		value int64
		most  int64
	}{
		{"processed", c.Processed, maxCount},
		{"failed", c.Failed, maxCount},
		{"released", c.Released, maxCount},
		{"jobMilliseconds", c.JobMilliseconds, maxJobTime},
	} {
		if count.value < 0 || count.value > count.most {
			return fmt.Errorf("has the impossible count %s %d", count.name, count.value)
		}
	}
	maps.DeleteFunc(c.Exits, func(reason protocol.ExitReason, _ int64) bool { return !knownReason(reason) })
	for reason, count := range c.Exits {
		if count < 0 || count > maxCount {
			return fmt.Errorf("has the impossible count of %s exits %d", reason, count)
		}
	}
	return nil
}

// cleanWorkers checks and cleans the slots and sorts them by number.
func cleanWorkers(workers []protocol.Worker) error {
	if len(workers) > maxSlots {
		return fmt.Errorf("has %d workers, a pod can have %d", len(workers), maxSlots)
	}
	var seen [maxSlots]bool
	for i := range workers {
		w := &workers[i]
		if w.Slot < 0 || w.Slot >= maxSlots {
			return fmt.Errorf("has the slot %d, slots are 0 to %d", w.Slot, maxSlots-1)
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
		return fmt.Errorf("the unknown state %q", cleanText(string(w.State), maxWord))
	}
	if w.PID < 0 {
		return errors.New("a negative process id")
	}
	if min(w.Processed, w.Failed, w.FailuresInARow) < 0 || max(w.Processed, w.Failed, w.FailuresInARow) > maxCount {
		return errors.New("an impossible count of jobs")
	}
	w.AgeSeconds = within(w.AgeSeconds, maxSeconds)
	w.MemoryBytes = within(w.MemoryBytes, maxBytes)
	w.CPUSeconds = within(w.CPUSeconds, maxSeconds*maxCores)
	w.CPUCores = within(w.CPUCores, maxCores)
	w.NextStartSeconds = within(w.NextStartSeconds, maxSeconds)
	if j := w.Job; j != nil {
		j.ID = cleanText(j.ID, maxJobID)
		j.Class = cleanText(j.Class, maxClass)
		j.Queue = cleanText(j.Queue, maxQueue)
		j.AgeSeconds = within(j.AgeSeconds, maxSeconds)
	}
	if w.LastExit != nil && !cleanExit(w.LastExit) {
		w.LastExit = nil
	}
	return nil
}

// cleanExits returns the newest of the exits that can be true, newest first.
func cleanExits(exits []protocol.Exit) []protocol.Exit {
	kept := exits[:0]
	for i := range exits {
		if cleanExit(&exits[i]) {
			kept = append(kept, exits[i])
		}
	}
	slices.SortStableFunc(kept, func(a, b protocol.Exit) int { return cmp.Compare(b.Sequence, a.Sequence) })
	kept = slices.CompactFunc(kept, func(a, b protocol.Exit) bool { return a.Sequence == b.Sequence })
	return slices.Clip(kept[:min(len(kept), maxExits)])
}

// cleanFailures makes the newest failures safe to show, newest first.
func cleanFailures(failures []protocol.Failure) []protocol.Failure {
	kept := failures[:0]
	for _, f := range failures {
		if f.Slot < 0 || f.Slot >= maxSlots {
			continue
		}
		f.ID = cleanText(f.ID, maxJobID)
		f.Class = cleanText(f.Class, maxClass)
		f.Queue = cleanText(f.Queue, maxQueue)
		f.Exception = cleanText(f.Exception, maxClass)
		f.AgeSeconds = within(f.AgeSeconds, maxSeconds)
		kept = append(kept, f)
	}
	slices.SortStableFunc(kept, func(a, b protocol.Failure) int { return cmp.Compare(a.AgeSeconds, b.AgeSeconds) })
	return slices.Clip(kept[:min(len(kept), maxFailures)])
}

// cleanKilled returns those of the jobs cut short on request that can be true, bounded
// and safe to show.
func cleanKilled(jobs []protocol.KilledJob) []protocol.KilledJob {
	kept := jobs[:0]
	for _, job := range jobs {
		if job.Sequence < 1 || job.Sequence > maxCount {
			continue
		}
		job.Class, job.ID = cleanText(job.Class, maxClass), cleanText(job.ID, maxJobID)
		job.AgeSeconds = within(job.AgeSeconds, maxSeconds)
		kept = append(kept, job)
	}
	return slices.Clip(kept[:min(len(kept), protocol.MaxKilledJobs)])
}

// cleanFindings are one finding of each kind that this operator knows, in their order.
func cleanFindings(findings []protocol.Finding) []protocol.Finding {
	var out []protocol.Finding
	for _, kind := range protocol.FindingKinds {
		at := slices.IndexFunc(findings, func(f protocol.Finding) bool { return f.Kind == kind })
		if at >= 0 {
			out = append(out, protocol.Finding{Kind: kind, OK: findings[at].OK, Message: cleanText(findings[at].Message, maxMessage)})
		}
	}
	return out
}

// cleanExit tells whether an exit can be true and makes it safe to show.
func cleanExit(e *protocol.Exit) bool {
	if !knownReason(e.Reason) || e.Sequence < 1 || e.Sequence > maxCount || e.Slot < 0 || e.Slot >= maxSlots {
		return false
	}
	e.Code = within(e.Code, 255)
	e.Signal = within(e.Signal, 127)
	e.AgeSeconds = within(e.AgeSeconds, maxSeconds)
	e.UptimeSeconds = within(e.UptimeSeconds, maxSeconds)
	e.Message = cleanText(e.Message, maxMessage)
	e.JobClass = cleanText(e.JobClass, maxClass)
	return true
}

// within moves a measurement into 0 to most.
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
	switch r {
	case protocol.ExitMaxJobs, protocol.ExitMaxTime, protocol.ExitMemory, protocol.ExitMaxExceptions, protocol.ExitJobTimeout,
		protocol.ExitOOMKilled, protocol.ExitRestartRequested, protocol.ExitPaused, protocol.ExitDrained, protocol.ExitFinished,
		protocol.ExitGraceExceeded, protocol.ExitKilledOnRequest, protocol.ExitKilled, protocol.ExitCrashed, protocol.ExitConfigError,
		protocol.ExitCommandNotFound:
		return true
	}
	return false
}
