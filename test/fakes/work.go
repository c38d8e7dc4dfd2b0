// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package fakes

import (
	"encoding/json"
	"maps"
	"time"

	"queueworker.dev/queueworker/api/protocol"
)

// read obeys the control document with the highest revision, or the pod's own if both
// have the same, unless the agent has already obeyed that revision or a newer one.
func (a *Agent) read(files map[string]string) {
	var newest protocol.Control
	for _, name := range []string{protocol.ControlFile, protocol.ControlPodFile} {
		var document protocol.Control
		if json.Unmarshal([]byte(files[name]), &document) == nil && document.Revision >= newest.Revision {
			newest = document
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pins = files[protocol.OperatorFile]
	var own protocol.Control
	if json.Unmarshal([]byte(files[protocol.ControlPodFile]), &own) == nil && own.Revision > 0 && own.Revision < newest.Revision {
		newest = newest.WithOwn(own)
	}
	if newest.Revision > a.status.ControlRevision {
		a.status.ControlRevision = newest.Revision
		a.obey(newest)
	}
}

// obey brings the slots to the state for which the document asks.
func (a *Agent) obey(control protocol.Control) {
	if a.killAsked(control) {
		defer a.killAll()
	}
	if a.restartAsked(control) {
		for i := range a.status.Workers {
			a.retire(&a.status.Workers[i], protocol.ExitRestartRequested)
		}
	}
	if a.status.Phase == protocol.PhaseTerminating {
		return
	}
	if a.finishAsked(control) {
		a.finish()
		return
	}
	a.change(asked(control))
}

// change brings the slots into a phase.
func (a *Agent) change(phase protocol.Phase, idle protocol.WorkerState, why protocol.ExitReason) {
	a.status.Phase = phase
	for i := range a.status.Workers {
		worker := &a.status.Workers[i]
		switch {
		case a.status.Phase != protocol.PhaseRunning && worker.State != idle:
			a.retire(worker, why)
		case a.status.Phase == protocol.PhaseRunning && (worker.State == protocol.WorkerPaused || worker.State == protocol.WorkerStopped):
			worker.State, worker.PID, worker.RecycleDue = protocol.WorkerIdle, a.nextPID(), false
		}
	}
}

// killAsked reports whether a document asks to kill all processes at once.
func (a *Agent) killAsked(control protocol.Control) bool {
	pool, own := tokenChanged(&a.kill, control.KillToken), tokenChanged(&a.podKill, control.PodKillToken)
	return (pool || own) && a.heard
}

// killAll ends every process, whatever it does, and records the interrupted jobs.
func (a *Agent) killAll() {
	for i := range a.status.Workers {
		worker := &a.status.Workers[i]
		if job := worker.Job; job != nil {
			killed := protocol.KilledJob{Sequence: a.exits + 1, Class: job.Class, ID: job.ID}
			a.status.KilledJobs = append([]protocol.KilledJob{killed}, a.status.KilledJobs...)
		}
		if worker.PID != 0 {
			a.end(worker, protocol.ExitKilledOnRequest)
		}
	}
}

// asked returns the phase for which a document asks, the state of a slot without a
// process in that phase, and the reason why its last process ended.
func asked(control protocol.Control) (protocol.Phase, protocol.WorkerState, protocol.ExitReason) {
	switch {
	case control.Cordoned:
		return protocol.PhaseCordoned, protocol.WorkerStopped, protocol.ExitDrained
	case control.Paused:
		return protocol.PhasePaused, protocol.WorkerPaused, protocol.ExitPaused
	}
	return protocol.PhaseRunning, "", ""
}

// restartAsked reports whether a document asks for a restart.
func (a *Agent) restartAsked(control protocol.Control) bool {
	pool, own := tokenChanged(&a.token, control.RestartToken), tokenChanged(&a.podToken, control.PodRestartToken)
	first := !a.heard
	a.heard = true
	return (pool || own) && !first
}

// tokenChanged remembers a token and reports whether it differs from the last token. An
// empty token changes nothing. The tokens of the first document are the baseline.
func tokenChanged(last *string, token string) bool {
	if token == "" || token == *last {
		return false
	}
	*last = token
	return true
}

// retire ends a slot's process after its job, or at once if it has none.
func (a *Agent) retire(worker *protocol.Worker, why protocol.ExitReason) {
	switch worker.State {
	case protocol.WorkerBusy:
		worker.State = protocol.WorkerRetiring
	case protocol.WorkerRetiring:
	case protocol.WorkerStarting, protocol.WorkerIdle, protocol.WorkerPaused, protocol.WorkerBackingOff, protocol.WorkerStopped:
		a.end(worker, why)
	}
}

// end ends a slot's process and starts the next process if the phase wants one.
func (a *Agent) end(worker *protocol.Worker, why protocol.ExitReason) {
	if worker.PID != 0 {
		a.count(worker.Slot, why, "")
	}
	worker.PID, worker.Job, a.jobs[worker.Slot] = 0, nil, 0
	switch a.status.Phase {
	case protocol.PhaseTerminating, protocol.PhaseFinishing:
		worker.State = protocol.WorkerStopped
		a.checkEnded()
	case protocol.PhaseCordoned:
		worker.State = protocol.WorkerStopped
	case protocol.PhasePaused:
		worker.State = protocol.WorkerPaused
	case protocol.PhaseRunning:
		worker.State, worker.PID, worker.RecycleDue = protocol.WorkerIdle, a.nextPID(), false
	}
}

// count counts the end of a process.
func (a *Agent) count(slot int32, why protocol.ExitReason, message string) {
	a.exits++
	exits := maps.Clone(a.status.Counters.Exits)
	if exits == nil {
		exits = map[protocol.ExitReason]int64{}
	}
	exits[why]++
	a.status.Counters.Exits = exits
	exit := protocol.Exit{Sequence: a.exits, Slot: slot, Reason: why, Message: message}
	a.status.RecentExits = append([]protocol.Exit{exit}, a.status.RecentExits[:min(len(a.status.RecentExits), 9)]...)
	a.exitedAt = append([]time.Time{time.Now()}, a.exitedAt[:min(len(a.exitedAt), 9)]...)
	for i := range a.status.Workers {
		if a.status.Workers[i].Slot == slot {
			a.status.Workers[i].LastExit = &exit
		}
	}
}

// Start begins a job in a slot and reports whether the slot was idle.
func (a *Agent) Start(slot int, class string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	worker := &a.status.Workers[slot]
	if worker.State != protocol.WorkerIdle {
		return false
	}
	worker.State, worker.Job = protocol.WorkerBusy, &protocol.Job{ID: "1", Class: class}
	return true
}

// Finish ends the job of a slot.
func (a *Agent) Finish(slot int, outcome Outcome) {
	a.mu.Lock()
	worker := &a.status.Workers[slot]
	a.countJob(worker, outcome)
	worker.Job = nil
	if worker.State == protocol.WorkerBusy {
		worker.State = protocol.WorkerIdle
		a.replaceFailing(worker)
	} else {
		why := protocol.ExitRestartRequested
		switch a.status.Phase {
		case protocol.PhasePaused:
			why = protocol.ExitPaused
		case protocol.PhaseFinishing:
			why = protocol.ExitFinished
		case protocol.PhaseTerminating, protocol.PhaseCordoned:
			why = protocol.ExitDrained
		case protocol.PhaseRunning:
		}
		a.end(worker, why)
	}
	a.mu.Unlock()
	a.changed()
}

// Work counts jobs that began and ended unseen between two requests. It does nothing once
// the pod was asked to end.
func (a *Agent) Work(slot int, jobs int, outcome Outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.status.Phase == protocol.PhaseTerminating {
		return
	}
	for range jobs {
		a.countJob(&a.status.Workers[slot], outcome)
		a.replaceFailing(&a.status.Workers[slot])
	}
}

func (a *Agent) countJob(worker *protocol.Worker, outcome Outcome) {
	counters := &a.status.Counters
	counters.JobMilliseconds += 10
	a.jobs[worker.Slot]++
	if most := a.config.MaxJobs; a.config.Recycle == protocol.RecyclePod && most > 0 && a.jobs[worker.Slot] >= most {
		worker.RecycleDue = true
	}
	switch outcome {
	case Processed:
		counters.Processed++
		worker.Processed++
		worker.FailuresInARow = 0
	case Failed:
		counters.Failed++
		worker.Failed++
		worker.FailuresInARow++
		a.remember(worker)
	case Released:
		counters.Released++
	}
}

// remember records a failed job, which threw a RuntimeException.
func (a *Agent) remember(worker *protocol.Worker) {
	failure := protocol.Failure{Slot: worker.Slot, Class: `App\Jobs\Unseen`, Exception: "RuntimeException"}
	if worker.Job != nil {
		failure.Class, failure.ID = worker.Job.Class, worker.Job.ID
	}
	a.status.RecentFailures = append([]protocol.Failure{failure}, a.status.RecentFailures[:min(len(a.status.RecentFailures), 9)]...)
	a.failedAt = append([]time.Time{time.Now()}, a.failedAt[:min(len(a.failedAt), 9)]...)
}

// replaceFailing replaces a slot's process if its jobs have failed maxExceptions times in
// a row.
func (a *Agent) replaceFailing(worker *protocol.Worker) {
	if most := int64(a.config.MaxExceptions); most > 0 && worker.FailuresInARow >= most && worker.State == protocol.WorkerIdle {
		worker.FailuresInARow = 0
		a.end(worker, protocol.ExitMaxExceptions)
	}
}

// Exit ends a slot's process for a reason. If the reason is intended, a successor starts
// at once; otherwise the successor waits.
func (a *Agent) Exit(slot int, why protocol.ExitReason, message string) {
	a.mu.Lock()
	worker := &a.status.Workers[slot]
	a.count(worker.Slot, why, message)
	worker.Job = nil
	if why.Intended() {
		worker.State, worker.PID = protocol.WorkerIdle, a.nextPID()
	} else {
		worker.State, worker.PID = protocol.WorkerBackingOff, 0
	}
	a.status.Ready = a.anyAlive()
	a.mu.Unlock()
	a.changed()
}

// Recover starts the successors that wait after Exit.
func (a *Agent) Recover() {
	a.mu.Lock()
	for i := range a.status.Workers {
		if worker := &a.status.Workers[i]; worker.State == protocol.WorkerBackingOff {
			worker.State, worker.PID = protocol.WorkerIdle, a.nextPID()
		}
	}
	a.status.Ready = true
	a.mu.Unlock()
	a.changed()
}

// KillContainer ends the whole container, including the agent, as the kernel does on
// cgroup v2 when the container reaches its memory limit. The kubelet starts it again.
func (a *Agent) KillContainer(reason string, code int32) {
	a.mu.Lock()
	a.restart = &containerEnd{reason, code}
	for i := range a.status.Workers {
		a.status.Workers[i].Job, a.status.Workers[i].State, a.status.Workers[i].PID = nil, protocol.WorkerIdle, a.nextPID()
	}
	a.mu.Unlock()
	a.changed()
}

func (a *Agent) takeRestart() *containerEnd {
	a.mu.Lock()
	defer a.mu.Unlock()
	end := a.restart
	a.restart = nil
	return end
}

// finishAsked reports whether a document says that the pod's run is over.
func (a *Agent) finishAsked(control protocol.Control) bool {
	return a.config.Run != "" && control.Finish == a.config.Run
}

// finish ends every process after its job, and then the pod.
func (a *Agent) finish() {
	a.finished, a.status.Phase = true, protocol.PhaseFinishing
	for i := range a.status.Workers {
		a.retire(&a.status.Workers[i], protocol.ExitFinished)
	}
	a.checkEnded()
}

// over reports whether the agent has ended because its run is over.
func (a *Agent) over() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.finished && a.closed
}

// exitCode returns CodeInterrupted for a pod that was ended before its run was over.
func (a *Agent) exitCode() int32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.config.Run != "" && !a.finished {
		return protocol.CodeInterrupted
	}
	return 0
}

// terminate asks the agent to end. The channel is closed when no process is left.
func (a *Agent) terminate() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status.Phase, a.status.Ready = protocol.PhaseTerminating, false
	for i := range a.status.Workers {
		a.retire(&a.status.Workers[i], protocol.ExitDrained)
	}
	a.checkEnded()
	return a.ended
}

func (a *Agent) checkEnded() {
	if !a.closed && a.allEnded() {
		a.closed = true
		close(a.ended)
	}
}

func (a *Agent) allEnded() bool {
	for i := range a.status.Workers {
		if a.status.Workers[i].State != protocol.WorkerStopped {
			return false
		}
	}
	return true
}

func (a *Agent) anyAlive() bool {
	for i := range a.status.Workers {
		if a.status.Workers[i].State != protocol.WorkerBackingOff {
			return true
		}
	}
	return false
}
