// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// own are the reasons whose messages are the operator's own words, with numbers and the
// names of objects, queues and containers.
var own = reasons(
	v1alpha1.ReasonAsWanted, v1alpha1.ReasonPaused, v1alpha1.ReasonPausedUntil, v1alpha1.ReasonPausing, v1alpha1.ReasonNotPaused,
	v1alpha1.ReasonStopped, v1alpha1.ReasonAppNotFound, v1alpha1.ReasonAppAmbiguous, v1alpha1.ReasonAppInvalid, v1alpha1.ReasonContainerNotFound,
	v1alpha1.ReasonRunsAsRoot, v1alpha1.ReasonForeignObject, v1alpha1.ReasonForeignScaler, v1alpha1.ReasonScaledToZero,
	v1alpha1.ReasonNoDriver, v1alpha1.ReasonInOrder, v1alpha1.ReasonRetryAfterBelowTimeout, v1alpha1.ReasonFollowing,
	v1alpha1.ReasonNotLimited, v1alpha1.ReasonMaximum, v1alpha1.ReasonSharedCap, v1alpha1.ReasonIdleWithWork, v1alpha1.ReasonReporting,
	v1alpha1.ReasonNoPods, v1alpha1.ReasonGraceful, v1alpha1.ReasonNoPcntl, v1alpha1.ReasonShellWrapper, v1alpha1.ReasonGraceBelowTimeout,
	v1alpha1.ReasonNoTimeout, v1alpha1.ReasonNotChecked, v1alpha1.ReasonMemoryLimitLow, v1alpha1.ReasonFinishing, v1alpha1.ReasonRunComplete,
	v1alpha1.ReasonRunFailed, v1alpha1.ReasonRunStopped, v1alpha1.ReasonAwaitingRun, v1alpha1.ReasonScheduleInvalid,
	v1alpha1.ReasonTooLarge, v1alpha1.ReasonApplied, v1alpha1.ReasonNotPermitted, v1alpha1.ReasonFromBefore,
	v1alpha1.EventResumed, v1alpha1.EventScaled, v1alpha1.EventStuck, v1alpha1.EventRecovered,
	v1alpha1.EventUnaccounted, v1alpha1.EventRunStarted, v1alpha1.EventRunSkipped, v1alpha1.EventRunFinishing, v1alpha1.EventRunEnded,
)

// quoting are the reasons whose messages begin with the operator's own words and then
// quote: a program's output, an agent, a probe, or a refusal by the API server. The text
// up to and including the first mark stays.
var quoting = reasons(
	v1alpha1.ReasonProgressing, v1alpha1.ReasonImagePull, v1alpha1.ReasonConfigError, v1alpha1.ReasonPodFailed,
	v1alpha1.ReasonUnschedulable, v1alpha1.ReasonWorkersCrashing, v1alpha1.ReasonCommandNotFound, v1alpha1.ReasonRejected,
	v1alpha1.ReasonMeasured, v1alpha1.ReasonUnreachable, v1alpha1.ReasonPausedByFailing, v1alpha1.ReasonAboveThreshold,
	v1alpha1.ReasonNearTimeout, v1alpha1.ReasonCrashes, v1alpha1.ReasonMaxExceptions, v1alpha1.ReasonRunning, v1alpha1.EventJobsKilled,
	// Reasons of events: of the alerts, by the type of their condition, and of processes
	// that ended.
	v1alpha1.ConditionMemoryHigh, v1alpha1.ConditionSlowJobs, v1alpha1.ConditionFailuresHigh, v1alpha1.ConditionWorkersFailing,
	"MaxJobs", "MaxTime", "Memory", "JobTimeout", "OOMKilled", v1alpha1.EventRestartRequested, "GraceExceeded", "KilledOnRequest", "Killed", "Crashed",
)

// unquotable are the reasons whose messages are removed as a whole, except in the
// condition PreflightPassed. Their words come from the agent, the probe or a command from
// the beginning.
var unquotable = reasons(
	v1alpha1.ReasonPassed, v1alpha1.ReasonNotPassed, v1alpha1.ReasonSucceeded, v1alpha1.ReasonCommandFailed,
	v1alpha1.ReasonDeadlineExceeded, v1alpha1.ReasonJobGone, v1alpha1.ReasonWorkerNotFound,
)

// marks are where the quoted text begins in a message whose reason is in quoting.
var marks = []string{": ", ", last ", ", longest ", ". The largest is ", ". The longest is ", " at work on ", ", while it works on ", " while it worked on ", " with "}

func reasons(all ...string) map[string]bool {
	set := make(map[string]bool, len(all))
	for _, reason := range all {
		set[reason] = true
	}
	return set
}

// said is a message and what is known about its author.
type said struct {
	// byOperator is true for the status of a QueueWorker, QueueApp or QueueCommand, or
	// for an event that the operator wrote about one of these.
	byOperator bool
	// condition is the type of the message's condition; empty if the message is not in a
	// condition.
	condition, reason, text string
}

// Message returns the words of a message that come from the operator or from Kubernetes.
// Only listed messages stay: a message with an unknown reason is removed.
func (r *Redactor) Message(m said) string {
	kept := ""
	switch {
	case !m.byOperator:
		kept = shaped(m.text)
	case m.condition == v1alpha1.ConditionBacklogKnown && m.reason == v1alpha1.ReasonUnreachable: // the probe's words
	case m.condition == v1alpha1.ConditionPreflightPassed, own[m.reason]:
		kept = m.text
	case quoting[m.reason]:
		kept = beforeMark(m.text)
	}
	return r.cutOff(m.text, kept)
}

// Conditions returns the redacted conditions of a QueueWorker or QueueApp.
func (r *Redactor) Conditions(conditions []metav1.Condition) []metav1.Condition {
	out := slices.Clone(conditions)
	for i := range out {
		out[i].Message = r.Message(said{byOperator: true, condition: out[i].Type, reason: out[i].Reason, text: out[i].Message})
	}
	return out
}

// cutOff replaces what follows the kept beginning of a text. It remembers the removed
// part, because other texts may repeat it.
func (r *Redactor) cutOff(text, kept string) string {
	rest := text[len(kept):]
	if strings.TrimSpace(rest) == "" {
		return r.Text(text)
	}
	r.printed(rest)
	if kept != "" && !strings.HasSuffix(kept, " ") {
		kept += " "
	}
	return r.Text(kept) + gone(rest)
}

// beforeMark returns the beginning of a text up to the end of the first mark.
func beforeMark(text string) string {
	end := len(text)
	for _, mark := range marks {
		if at := strings.Index(text, mark); at >= 0 {
			end = min(end, at+len(mark))
		}
	}
	return text[:end]
}

// shortestPrinted is the minimum length at which a program's output is removed from other
// text. A shorter text, such as Completed, occurs in the operator's own words too.
const shortestPrinted = 12

// printed remembers a text that a program wrote, and its lines.
func (r *Redactor) printed(text string) {
	text = strings.Trim(text, " \t\n\"'.…")
	r.fragments(text)
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); len(line) >= shortestPrinted {
			r.learn("", line)
		}
	}
	if len(text) >= shortestPrinted {
		r.learn("", text)
	}
}

// identifier matches the name of a class. A class says where to look and reveals nothing
// of a job's data. A job may give itself any other name, which may contain data.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}(\\[A-Za-z_][A-Za-z0-9_]{0,127})*$`)

// class returns the redacted class of a job.
func (r *Redactor) class(text string) string {
	if text == "" || identifier.MatchString(text) {
		return r.Text(text)
	}
	r.printed(text)
	return gone(text)
}
