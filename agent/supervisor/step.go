// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"time"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/api/protocol"
)

// killMargin is how long before the end of the pod's grace period the agent kills all
// remaining processes, so that it can still report the last counts.
const killMargin = 3 * time.Second

// step is one call of Step.
type step struct {
	*State
	now     time.Time
	actions []Action
}

// Step computes the next state and the actions that an event requires.
func Step(state State, event Event, now time.Time) (State, []Action) {
	state.Slots = slices.Clone(state.Slots)
	s := &step{State: &state, now: now}
	event.apply(s)
	s.settle()
	return state, s.actions
}

func (s *step) do(action Action) { s.actions = append(s.actions, action) }

// slot returns the slot in which a process runs, or nil if it no longer runs.
func (s *step) slot(number, pid int) *Slot {
	if number < 0 || number >= len(s.Slots) || pid == 0 || s.Slots[number].Process.PID != pid {
		return nil
	}
	return &s.Slots[number]
}

func (Begin) apply(*step) {}

func (Tick) apply(*step) {}

func (Terminate) apply(s *step) {
	if s.Terminating {
		return // a second signal changes nothing
	}
	s.Terminating = true
	s.Deadline = s.now.Add(max(s.Settings.Grace-killMargin, 0))
}

func (e ControlRead) apply(s *step) {
	s.ControlError = e.Err
	if e.Document == nil {
		return
	}
	first := s.Control == nil
	s.Control = e.Document
	s.finishing = s.finishing || s.Settings.Run != "" && e.Document.Finish == s.Settings.Run
	pool := changed(&s.restartToken, e.Document.RestartToken)
	own := changed(&s.podRestartToken, e.Document.PodRestartToken)
	killPool := changed(&s.killToken, e.Document.KillToken)
	killOwn := changed(&s.podKillToken, e.Document.PodKillToken)
	if !first && (killPool || killOwn) {
		s.killOnRequest()
	}
	switch {
	case first:
	case own:
		s.restartAsked, s.restartAt = s.now, s.now
	case pool:
		spread := time.Duration(e.Document.RestartSpreadSeconds) * time.Second
		s.restartAsked, s.restartAt = s.now, s.now.Add(share(max(spread, 0), s.Settings.PodName, 0, 0))
	}
}

// killOnRequest kills every running process, even in the middle of a job.
func (s *step) killOnRequest() {
	for i := range s.Slots {
		if slot := &s.Slots[i]; slot.Running() && slot.Process.Killed == "" {
			s.kill(slot, protocol.ExitKilledOnRequest)
		}
	}
}

// changed stores a token and reports whether it differs from the last one. An empty token
// means no request.
func changed(last *string, token string) bool {
	if token == "" || token == *last {
		return false
	}
	*last = token
	return true
}

// share returns a part of a duration that is determined by a pod's name, a slot and a
// count.
func share(of time.Duration, pod string, slot int, count uint64) time.Duration {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(pod + "/" + strconv.Itoa(slot) + "/" + strconv.FormatUint(count, 10)))
	x := hash.Sum64()
	// The last bytes hashed hardly affect the high bits without this mixing.
	x ^= x >> 32
	x *= 0x9e3779b97f4a7c15
	return time.Duration(float64(of) * (float64(x>>11) / (1 << 53)))
}

func (e FactsLearned) apply(s *step) {
	s.asking, s.answered = false, true
	s.Facts = e.Facts
}

func (e Inspected) apply(s *step) {
	s.Facts.Findings = e.Findings
	s.inspected = e.Complete
}

func (Wrapped) apply(s *step) { s.Facts.ShellWrapped = true }

func (e Started) apply(s *step) {
	slot := &s.Slots[e.Slot]
	slot.starting, slot.RecycleDue = false, false
	slot.Process = Process{PID: e.PID, StartedAt: s.now, MaxTime: slot.Process.MaxTime}
}

func (e NotStarted) apply(s *step) {
	slot := &s.Slots[e.Slot]
	slot.starting = false
	slot.Process.StartedAt = s.now
	s.ended(e.Slot, Ending{StartError: e.Err, NotFound: e.NotFound}, 0)
}

func (e Printed) apply(s *step) {
	s.count(&e.Tally)
	s.rememberFailures(e.Slot, e.Tally.Failures)
	slot := s.slot(e.Slot, e.PID)
	if slot == nil {
		return // read after its process had ended: counted only for the pod
	}
	p, t := &slot.Process, &e.Tally
	p.Printed = true
	p.Jobs += t.Started
	p.Open, p.OpenCount, p.Last = t.Open, t.OpenCount, t.Last
	p.FailuresInARow = t.FailuresInARow
	finished := t.Processed + t.Failed + t.Released
	if finished == 0 {
		return
	}
	p.Finished += finished
	slot.Processed += t.Processed
	slot.Failed += t.Failed
	slot.Crashes = 0
}

// count adds the reported jobs to the pod's counts.
func (s *step) count(t *dialect.Tally) {
	if t.Processed+t.Failed+t.Released == 0 {
		return
	}
	s.Counters.Processed += t.Processed
	s.Counters.Failed += t.Failed
	s.Counters.Released += t.Released
	s.Counters.JobMilliseconds += s.milliseconds(t.Spent)
	s.Changes++
}

// rememberFailures inserts failures, which are oldest first, before the known failures.
func (s *step) rememberFailures(slot int, failures []dialect.Failure) {
	if len(failures) == 0 {
		return
	}
	all := make([]Failure, 0, len(failures)+len(s.RecentFailures))
	for i := range slices.Backward(failures) {
		all = append(all, Failure{Failure: failures[i], Slot: slot})
	}
	all = append(all, s.RecentFailures...)
	s.RecentFailures = all[:min(len(all), recentFailures)]
}

// milliseconds truncates spent and carries the remainder over, so that the parts add up.
func (s *step) milliseconds(spent time.Duration) int64 {
	s.spentRest += spent
	whole := s.spentRest / time.Millisecond
	s.spentRest -= whole * time.Millisecond
	return int64(whole)
}

func (e Measured) apply(s *step) {
	slot := s.slot(e.Slot, e.PID)
	if slot == nil {
		return
	}
	p := &slot.Process
	since, used := p.measured, e.CPU-p.CPU
	if since.IsZero() {
		since = p.StartedAt
	}
	if passed := s.now.Sub(since); passed > 0 {
		p.Cores = max(used.Seconds()/passed.Seconds(), 0)
	}
	p.Memory, p.measured = e.Memory, s.now
	p.CPU = max(p.CPU, e.CPU)
}

// apply kills the process that uses the most memory, so that the kernel does not kill the
// whole container.
func (e Pressure) apply(s *step) {
	var largest *Slot
	for i := range s.Slots {
		slot := &s.Slots[i]
		if !slot.Running() {
			continue
		}
		if slot.Process.Killed != "" {
			return // one at a time: wait until its memory is freed
		}
		if largest == nil || slot.Process.Memory > largest.Process.Memory {
			largest = slot
		}
	}
	if largest != nil {
		largest.Process.pressure = e
		s.kill(largest, protocol.ExitOOMKilled)
	}
}

func (e Exited) apply(s *step) {
	slot := s.slot(e.Slot, e.PID)
	if slot == nil {
		return
	}
	p := &slot.Process
	if e.Signal == 0 && (e.Code == 0 || s.Settings.Worker.tooLarge(e.Code)) && p.OpenCount > 0 {
		// A worker that ends by itself has released its open jobs.
		s.Counters.Released += int64(p.OpenCount)
		s.Counters.JobMilliseconds += s.milliseconds(max(s.now.Sub(p.Open.Since), 0))
		p.Finished += int64(p.OpenCount)
		slot.Crashes = 0
	}
	s.ended(e.Slot, Ending{
		Code: e.Code, Signal: e.Signal, OutOfMemory: e.OutOfMemory, Tail: e.Tail,
		Asked: p.Retiring, Killed: p.Killed, Pressure: p.pressure,
		Open: p.Open, Last: p.Last, Jobs: p.Jobs, Memory: p.Memory, MaxTime: p.MaxTime,
		FailuresInARow: p.FailuresInARow,
	}, e.CPU)
}

// ended records the end of a process and decides when the successor may start.
func (s *step) ended(number int, ending Ending, cpu time.Duration) {
	slot := &s.Slots[number]
	p := &slot.Process
	ending.Settings, ending.Uptime, ending.Now = s.Settings, s.now.Sub(p.StartedAt), s.now
	verdict := Classify(ending)

	s.Sequence++
	s.Changes++
	s.Counters.Exits = maps.Clone(s.Counters.Exits)
	if s.Counters.Exits == nil {
		s.Counters.Exits = map[protocol.ExitReason]int64{}
	}
	s.Counters.Exits[verdict.Reason]++
	exit := Exit{At: s.now, Exit: protocol.Exit{
		Sequence: s.Sequence, Slot: int32(number), Reason: verdict.Reason,
		Code: int32(verdict.Code), Signal: int32(ending.Signal), Message: verdict.Message,
		UptimeSeconds: ending.Uptime.Seconds(), JobClass: verdict.JobClass,
	}}
	slot.LastExit = &exit
	if verdict.Reason == protocol.ExitKilledOnRequest && ending.Open != nil {
		s.remember(exit, ending.Open)
	}
	s.RecentExits = slices.Concat([]Exit{exit}, s.RecentExits[:min(len(s.RecentExits), recentExits-1)])
	slot.CPU += max(cpu, p.CPU)
	// A process that has worked may also have ended because the application asked its
	// workers to restart. It is replaced by one more, which makes sure that the queues are
	// empty.
	slot.Done = verdict.Reason == protocol.ExitFinished && ending.Asked == "" && ending.Jobs == 0
	s.backOff(slot, verdict, ending)
	slot.Process = Process{}
	if !s.Facts.Final {
		s.answered = false // the fault may be repaired: ask again
	}
	if s.inspecting && !s.inspected {
		s.inspecting = false
	}
}

// remember records the job that a kill has interrupted.
func (s *step) remember(exit Exit, job *dialect.Job) {
	killed := KilledJob{At: exit.At, KilledJob: protocol.KilledJob{Sequence: exit.Sequence, Class: job.Class, ID: job.ID}}
	s.KilledJobs = slices.Concat([]KilledJob{killed}, s.KilledJobs[:min(len(s.KilledJobs), protocol.MaxKilledJobs-1)])
}

func (s *step) backOff(slot *Slot, verdict Verdict, ending Ending) {
	// A process that ends at once without a job has failed, whatever its exit code.
	early := ending.Asked == "" && ending.Killed != protocol.ExitKilledOnRequest &&
		slot.Process.Finished == 0 && ending.Uptime < healthyAfter
	if verdict.Reason.Intended() && !early {
		slot.RetryAt = time.Time{}
		return
	}
	if !verdict.Reason.Intended() {
		s.Trouble = verdict.Message
	}
	if ending.Uptime >= forgiveAfter {
		slot.Crashes = 0
	}
	slot.Crashes++
	slot.Healthy = false
	slot.RetryAt = s.now.Add(wait(slot.Crashes))
}

// forgiveAfter is how long a process must live to reset the wait if it finishes no job
// that the agent can see.
const forgiveAfter = 10 * time.Minute

// longestWait bounds the wait after crashes. The supervisor never gives up.
const longestWait = 60 * time.Second

// wait returns the wait after a number of crashes in a row: 1, 2, 4 ... 60 s.
func wait(crashes int) time.Duration {
	return min(time.Second<<min(max(crashes-1, 0), 10), longestWait)
}
