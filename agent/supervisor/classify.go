// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"fmt"
	"syscall"
	"time"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/api/protocol"
)

// Exit codes with a known meaning.
const (
	exitNotRunnable = 126 // from a shell: found but not executable
	exitNotFound    = 127 // from a shell: not found
	exitFatal       = 255 // PHP's fatal error; the last code of any program
)

// timeoutSlack is how much before its timeout a job may appear to be killed, because a
// worker may start its alarm before it prints the job's line, as Laravel's does.
const timeoutSlack = 500 * time.Millisecond

// lastWord bounds the time between the last line of a process that kills itself and its
// end.
const lastWord = 2 * time.Second

// Ending holds everything that is known about an end when it is classified.
type Ending struct {
	Settings Settings
	Now      time.Time
	Uptime   time.Duration

	// StartError is why the process could not be started at all.
	StartError string
	NotFound   bool

	Code, Signal int
	OutOfMemory  bool
	Tail         string

	// Asked is why the agent asked the process to end, Killed why it killed the process.
	Asked, Killed protocol.ExitReason
	Pressure      Pressure

	Open    *dialect.Job
	Last    dialect.Ending
	Jobs    int64
	Memory  int64
	MaxTime time.Duration
	// FailuresInARow counts the failed jobs since the last successful job.
	FailuresInARow int64
}

// Verdict is the reason of an end in the terms of the status document.
type Verdict struct {
	Reason   protocol.ExitReason
	Code     int
	Message  string
	JobClass string
}

// Classify returns the reason of an end. The first rule that matches decides.
func Classify(e Ending) Verdict {
	if e.StartError != "" {
		return notStarted(e)
	}
	v := Verdict{Code: e.Code}
	if e.Open != nil {
		v.JobClass = e.Open.Class
	}
	e.Signal = signalOf(e)
	switch {
	case e.Signal != 0:
		v.Reason, v.Message = bySignal(e)
	case e.Code == 0:
		v.Reason, v.Message = byItself(e)
	case e.Settings.Worker.tooLarge(e.Code):
		v.Reason = protocol.ExitMemory
		v.Message = fmt.Sprintf("It used more memory than its limit of %s and ended after its job.", mebibytes(e.Settings.MemoryBytes))
	default:
		v.Reason, v.Message = byFailure(e)
	}
	if (v.Reason == protocol.ExitJobTimeout || v.Reason == protocol.ExitMaxExceptions) && v.JobClass == "" {
		v.JobClass = e.Last.Class
	}
	return v
}

// signalOf returns the signal that ended a process. A shell reports a signal n that ended
// its child as exit code 128+n.
func signalOf(e Ending) int {
	if e.Signal == 0 && e.Code > 128 && e.Code <= 128+int(syscall.SIGSYS) {
		return e.Code - 128
	}
	return e.Signal
}

func notStarted(e Ending) Verdict {
	if e.NotFound {
		return Verdict{
			Reason: protocol.ExitCommandNotFound, Code: exitNotFound,
			Message: "Its command cannot be run: " + sentence(e.StartError),
		}
	}
	return Verdict{
		Reason: protocol.ExitCrashed, Code: exitNotRunnable,
		Message: "It could not be started: " + sentence(e.StartError),
	}
}

// bySignal classifies an end by a signal. SIGKILL comes from the agent, from the worker
// itself for a job over its timeout, from the kernel, or from elsewhere.
func bySignal(e Ending) (protocol.ExitReason, string) {
	sig := syscall.Signal(e.Signal)
	if sig == syscall.SIGKILL {
		switch {
		case e.Killed != "":
			return byAgent(e)
		case timedOut(e):
			return protocol.ExitJobTimeout, timeoutMessage(e)
		case e.OutOfMemory:
			return protocol.ExitOOMKilled, "The kernel killed it because the container reached its memory limit" + during(e) + "."
		}
		return protocol.ExitKilled, "Something outside the pod's agent killed it with " + signalName(sig) + during(e) + "."
	}
	switch sig {
	case syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGILL, syscall.SIGFPE, syscall.SIGSYS, syscall.SIGTRAP:
		return protocol.ExitCrashed, "It crashed with " + signalName(sig) + during(e) + withTail(e)
	case syscall.SIGALRM:
		if timedOut(e) {
			return protocol.ExitJobTimeout, timeoutMessage(e)
		}
	}
	if e.Asked != "" && sig == syscall.SIGTERM {
		return e.Asked, asked(e)
	}
	return protocol.ExitKilled, "Something outside the pod's agent ended it with " + signalName(sig) + during(e) + "."
}

func byAgent(e Ending) (protocol.ExitReason, string) {
	if e.Killed == protocol.ExitJobTimeout {
		return e.Killed, timeoutMessage(e)
	}
	if e.Killed == protocol.ExitOOMKilled {
		return e.Killed, fmt.Sprintf("It used %s itself when the agent killed it, because the container used %s of its memory limit of %s%s.",
			mebibytes(e.Memory), mebibytes(e.Pressure.Used), mebibytes(e.Pressure.Limit), during(e))
	}
	if e.Killed == protocol.ExitKilledOnRequest {
		return e.Killed, "It was killed on request (killAt)" + during(e) + "."
	}
	return e.Killed, "The agent killed it at the end of the pod's grace period" + during(e) + "."
}

// byItself classifies exit code 0, for which a worker prints no reason.
func byItself(e Ending) (protocol.ExitReason, string) {
	most := e.Settings.MaxJobs
	switch {
	case e.Asked != "":
		return e.Asked, asked(e)
	case e.Settings.RecyclePod: // the worker does not know the limits
	case most > 0 && e.Jobs >= most:
		return protocol.ExitMaxJobs, fmt.Sprintf("It ended after %d jobs, as maxJobs asks.", e.Jobs)
	case e.MaxTime > 0 && e.Uptime >= e.MaxTime:
		return protocol.ExitMaxTime, fmt.Sprintf("It ended after %s, as maxTime asks.", e.Uptime.Round(time.Second))
	}
	if e.Settings.StopWhenEmpty {
		return protocol.ExitFinished, fmt.Sprintf("It ended after %d job(s), because it found its queues empty.", e.Jobs)
	}
	return protocol.ExitRestartRequested, fmt.Sprintf("It ended by itself with exit code 0 after %s: %s.",
		e.Uptime.Round(time.Millisecond), e.Settings.Worker.Unasked)
}

func byFailure(e Ending) (protocol.ExitReason, string) {
	jobless := e.Jobs == 0 && e.Open == nil
	switch {
	case e.Code == exitNotFound || e.Code == exitNotRunnable:
		return protocol.ExitCommandNotFound, fmt.Sprintf("Its command cannot be run (exit code %d)", e.Code) + withTail(e)
	case e.Code == 1 && timedOut(e):
		return protocol.ExitJobTimeout, timeoutMessage(e)
	case jobless && e.Uptime < healthyAfter && (e.Code == 1 || e.Code == exitFatal):
		return protocol.ExitConfigError, fmt.Sprintf("It ended at once with exit code %d, before it took a job", e.Code) + withTail(e)
	}
	return protocol.ExitCrashed, fmt.Sprintf("It failed with exit code %d%s", e.Code, during(e)) + withTail(e)
}

// timedOut reports whether the open job, or the job whose failure was the last line, had
// run for its timeout.
func timedOut(e Ending) bool {
	limit := e.Settings.Timeout
	if limit <= 0 {
		return false
	}
	limit = max(limit-timeoutSlack, limit/2)
	if e.Open != nil {
		return e.Now.Sub(e.Open.Since) >= limit
	}
	return e.Last.Failed && e.Last.Duration >= limit && e.Now.Sub(e.Last.At) < lastWord
}

func timeoutMessage(e Ending) string {
	class, ran := e.Last.Class, e.Last.Duration
	if e.Open != nil {
		class, ran = e.Open.Class, e.Now.Sub(e.Open.Since)
	}
	return fmt.Sprintf("Its job%s ran for %s, longer than the timeout of %s, and was killed.",
		called(class), ran.Round(100*time.Millisecond), e.Settings.Timeout)
}

// asked returns the message for an end that the agent asked for.
func asked(e Ending) string {
	messages := map[protocol.ExitReason]string{
		protocol.ExitPaused:           "It was asked to end because the pool is paused.",
		protocol.ExitDrained:          "It was asked to end because its pod is being removed.",
		protocol.ExitFinished:         "It was asked to end because its run is over.",
		protocol.ExitRestartRequested: "It was asked to end because a restart was requested.",
		protocol.ExitMaxJobs:          fmt.Sprintf("It was replaced after %d jobs, %s", e.Jobs, limitAsks(e, "maxJobs")),
		protocol.ExitMaxExceptions: fmt.Sprintf("%d jobs in a row had failed, last%s, and it was replaced, as maxExceptions asks.",
			e.FailuresInARow, called(e.Last.Class)),
		protocol.ExitMaxTime: fmt.Sprintf("It was replaced after %s, %s", e.Uptime.Round(time.Second), limitAsks(e, "maxTime")),
		protocol.ExitMemory: fmt.Sprintf("It used %s, more than the %s at which a process is replaced, and ended after its job.",
			mebibytes(e.Memory), mebibytes(e.Settings.RetireBytes)),
	}
	return messages[e.Asked]
}

// limitAsks completes a message about the limit that a process has reached.
func limitAsks(e Ending, limit string) string {
	if e.Settings.RecyclePod {
		return "twice " + limit + ", because its pod had not been replaced by then."
	}
	return "as " + limit + " asks."
}
