// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	// hurry is how soon to look again for something that is expected any moment.
	hurry = time.Second
	// maxRuns bounds the number of runs in a status.
	maxRuns = 10
)

// Decide decides about a pool's runs.
func Decide(in Input) Output {
	d := &decision{Input: in, out: Output{Left: len(in.Runs)}}
	if in.Past != nil {
		d.out.Status = *in.Past.DeepCopy()
	}
	table, wrong := parse(in.Spec.Schedule, in.Spec.TimeZone, in.Now)
	d.out.Invalid = wrong
	d.adopt()
	d.close()
	d.prune()
	d.keepTime(table)
	if d.out.Open == nil {
		d.begin(table)
	} else {
		d.skip(table)
		d.finish()
	}
	return d.out
}

// decision holds the state of one call of Decide.
type decision struct {
	Input
	out Output
}

func (d *decision) recheck(after time.Duration) {
	if d.out.Recheck == 0 || after < d.out.Recheck {
		d.out.Recheck = after
	}
}

// adopt adds the Jobs that the status does not contain yet.
func (d *decision) adopt() {
	s := &d.out.Status
	runs := slices.Clone(d.Runs)
	slices.SortFunc(runs, func(a, b Run) int { return a.Created.Compare(b.Created) })
	for _, run := range runs {
		if known(s, run) {
			continue
		}
		started := metav1.NewTime(run.Created)
		s.Runs = slices.Insert(s.Runs, 0, v1alpha1.Run{Name: run.Name, Started: started})
		s.Runs = s.Runs[:min(len(s.Runs), maxRuns)]
		s.LastStartTime = &started
		if at, scheduled := scheduledTime(d.Name, run.Name, d.Now); scheduled {
			s.LastScheduleTime = new(metav1.NewTime(at))
		}
	}
	if d.Spec.Token == "" {
		return
	}
	// A value that comes back names the same run as before.
	if asked := requestedName(d.Name, d.UID, d.Spec.Token); find(s, asked) != nil {
		s.RequestedRun = asked
	}
}

// known reports whether a status has contained a run: it still does, or newer runs have
// pushed the run out.
func known(s *v1alpha1.BatchStatus, run Run) bool {
	return find(s, run.Name) != nil || s.LastStartTime != nil && run.Created.Before(s.LastStartTime.Time)
}

func find(s *v1alpha1.BatchStatus, name string) *v1alpha1.Run {
	for i := range s.Runs {
		if s.Runs[i].Name == name {
			return &s.Runs[i]
		}
	}
	return nil
}

// Closed reports whether a status says that a run has ended. Its pods are then
// accounted for and matter no more.
func Closed(past *v1alpha1.BatchStatus, run Run) bool {
	if past == nil || !known(past, run) {
		return false
	}
	told := find(past, run.Name)
	return told == nil || told.Ended != nil
}

// close notes the runs that have ended, and ends runs that shall not go on.
func (d *decision) close() {
	s := &d.out.Status
	s.ActiveRun = ""
	for i := range s.Runs {
		told := &s.Runs[i]
		if told.Ended != nil {
			continue
		}
		at := slices.IndexFunc(d.Runs, func(r Run) bool { return r.Name == told.Name })
		switch {
		case at < 0:
			d.closeRun(told, v1alpha1.RunStopped, d.Now)
		case d.Runs[at].Leaving, d.Runs[at].Outcome == "":
			d.keepOpen(&d.Runs[at])
		case d.Runs[at].Living > 0:
			// The cache of pods is behind the cache of Jobs.
			d.keepOpen(&d.Runs[at])
			d.recheck(hurry)
		default:
			d.closeRun(told, d.Runs[at].Outcome, d.Runs[at].Ended)
		}
	}
}

func (d *decision) keepOpen(run *Run) {
	if d.out.Open == nil {
		d.out.Open, d.out.Status.ActiveRun = run, run.Name
	}
	if !d.Spec.Stopped && !d.Spec.Removed || run.Leaving || run.Outcome != "" {
		return
	}
	// If the written status does not contain the run yet, it would be started again.
	if d.Past == nil || find(d.Past, run.Name) == nil {
		d.recheck(hurry)
	} else {
		d.out.End = append(d.out.End, run.Name)
	}
}

func (d *decision) closeRun(told *v1alpha1.Run, outcome v1alpha1.RunOutcome, at time.Time) {
	ended := metav1.NewTime(at.Truncate(time.Second))
	if ended.Before(&told.Started) {
		ended = told.Started
	}
	told.Ended, told.Outcome = &ended, outcome
	if outcome == v1alpha1.RunComplete {
		d.out.Status.LastSuccessfulTime = &ended
	}
	d.out.Closed = append(d.out.Closed, told.Name)
}

// prune picks the ended runs that exceed the numbers to keep. A run stays until the
// written status says that it has ended.
func (d *decision) prune() {
	kept := make(map[v1alpha1.RunOutcome]int32)
	limits := map[v1alpha1.RunOutcome]int32{v1alpha1.RunComplete: d.Spec.KeepComplete, v1alpha1.RunFailed: d.Spec.KeepFailed, v1alpha1.RunStopped: 0}
	runs := slices.Clone(d.Runs)
	slices.SortFunc(runs, func(a, b Run) int { return b.Created.Compare(a.Created) })
	for _, run := range runs {
		if run.Leaving || run.Outcome == "" || !Closed(d.Past, run) {
			continue
		}
		if kept[run.Outcome]++; d.Spec.Removed || kept[run.Outcome] > limits[run.Outcome] {
			d.out.Prune = append(d.out.Prune, run.Name)
		}
	}
}

// keepTime updates the next time of the schedule. Times that pass while no run may
// begin are not made up for.
func (d *decision) keepTime(table *timetable) {
	s := &d.out.Status
	if table == nil || d.Spec.resting() {
		s.Schedule, s.NextScheduleTime = "", nil
		return
	}
	follows := strings.TrimSpace(d.Spec.Schedule + " " + d.Spec.TimeZone)
	if s.Schedule != follows || s.NextScheduleTime == nil {
		after := d.Now
		if !d.Unseen.IsZero() {
			after = d.Unseen // include times that came due before the operator looked
		}
		s.Schedule = follows
		d.setNext(table.next(after))
	}
	if last := s.LastScheduleTime; last != nil && !s.NextScheduleTime.After(last.Time) {
		d.setNext(table.next(last.Time))
	}
	// A run that is due waits for its obstacle to go away, and that change causes a new
	// decision.
	if wait := s.NextScheduleTime.Sub(d.Now); wait > 0 {
		d.recheck(wait)
	}
}

func (d *decision) setNext(at time.Time) { d.out.Status.NextScheduleTime = new(metav1.NewTime(at)) }

// dueAt returns the last time of the schedule that has come and was not acted on; zero
// if there is none.
func (d *decision) dueAt(table *timetable) time.Time {
	next := d.out.Status.NextScheduleTime
	if table == nil || next == nil || next.After(d.Now) {
		return time.Time{}
	}
	return table.last(next.Time, d.Now)
}

// requested returns the run that the annotation asks for and that was not acted on.
func (d *decision) requested() string {
	if d.Spec.Token == "" {
		return ""
	}
	if name := requestedName(d.Name, d.UID, d.Spec.Token); name != d.out.Status.RequestedRun {
		return name
	}
	return ""
}

// begin starts a run if one is due.
func (d *decision) begin(table *timetable) {
	if d.Spec.resting() {
		return
	}
	due := d.requested()
	if at := d.dueAt(table); due == "" && !at.IsZero() {
		due = scheduledName(d.Name, at)
	}
	s := &d.out.Status
	if due == "" && d.Spec.Schedule == "" && s.LastStartTime == nil && s.RequestedRun == "" {
		due = firstName(d.Name, d.UID)
	}
	switch {
	case due == "":
	case d.Blocked != "":
		d.out.Message = d.Blocked
	default:
		d.out.Start = due
	}
}

// skip passes over due runs while another run is open.
func (d *decision) skip(table *timetable) {
	if d.Spec.resting() {
		return
	}
	open := d.out.Open.Name
	if due := d.requested(); due != "" {
		d.out.Status.RequestedRun = due
		d.out.Skipped = append(d.out.Skipped, fmt.Sprintf(
			"The run that %s requests is skipped, because the run %s is still under way. Set another value when it has ended", v1alpha1.AnnotationRunAt, open))
	}
	at := d.dueAt(table)
	if at.IsZero() {
		return
	}
	d.setNext(table.next(d.Now))
	d.recheck(d.out.Status.NextScheduleTime.Sub(d.Now))
	d.out.Skipped = append(d.out.Skipped, fmt.Sprintf(
		"The run of %s is skipped, because the run %s is still under way", at.Format(time.RFC3339), open))
}
