// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/runtimes"
	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	// probePatience is how long a command waits for a backlog probe that gives no list. The
	// probe may be starting, and its kubelet takes a moment to give it the key's hash.
	probePatience = 90 * time.Second
	// askSilent is the time until a silent probe is asked again, because each try takes
	// the operator's time.
	askSilent = 5 * time.Second
)

// ListInput holds everything that decides how far a ListFailed is.
type ListInput struct {
	Now time.Time
	// Since is since when this operator has waited for the probe, moved forward by the time
	// in which other probes were asked. A probe that was not asked has not been waited for.
	Since   time.Time
	Command *v1alpha1.QueueCommand
	// Problem is why no probe can ever answer; nil if one can.
	Problem *effective.Problem
	// Trouble is why there is no answer yet; empty if there is one. Silent reports whether
	// the probe was asked in vain, and Busy whether other probes are asked first.
	Trouble      string
	Silent, Busy bool
	// Answer is the probe's answer; nil if there is none yet.
	Answer *protocol.FailedList
}

// Question returns the question that a command puts to the backlog probe.
func Question(command *v1alpha1.QueueCommand) protocol.FailedRequest {
	spec := &command.Spec
	out := protocol.FailedRequest{Queue: spec.Queue, Search: spec.Search, Limit: effective.ListLimit(spec), Continue: spec.Continue}
	return out
}

// CannotList returns why the failed jobs of an application cannot be listed; nil if its
// backlog probe can list them.
func CannotList(app *v1alpha1.QueueApp) *effective.Problem {
	runtime := runtimes.Of(app.Spec.Runtime)
	switch {
	case !runtime.ListsFailed:
		return &effective.Problem{Reason: v1alpha1.ReasonAppInvalid, Message: fmt.Sprintf(
			"The QueueApp %q has the runtime %s; only Laravel's failed jobs can be listed.", app.Name, runtime.Name)}
	case !effective.NeedsProbe(app):
		return &effective.Problem{Reason: v1alpha1.ReasonNoDriver, Message: fmt.Sprintf(
			"The QueueApp %q has no backlog probe to list failed jobs, because its spec.connection.driver is None or not set. Set it to the backend that holds the queues.", app.Name)}
	}
	return nil
}

// DecideList decides how far a ListFailed is.
func DecideList(in ListInput) Output {
	if in.Problem != nil {
		return obstructed(in.Now, in.Command, *in.Problem)
	}
	if in.Answer == nil {
		age := in.Now.Sub(in.Command.CreationTimestamp.Time)
		if !in.Busy && age >= probePatience && in.Now.Sub(in.Since) >= probePatience {
			return fail(in.Now, in.Command, v1alpha1.ReasonUnreachable, in.Trouble)
		}
		out := pending(in.Command, in.Trouble)
		if out.Recheck = askAgain(age); in.Silent {
			out.Recheck = askSilent
		}
		return out
	}
	if in.Answer.Reason != "" {
		return fail(in.Now, in.Command, string(in.Answer.Reason), in.Answer.Message)
	}
	out := end(in.Now, in.Command, v1alpha1.CommandSucceeded, v1alpha1.ReasonSucceeded, found(in.Answer))
	out.Status.StartedTime = new(metav1.NewTime(in.Now))
	out.Status.Total, out.Status.Continue = in.Answer.Total, in.Answer.Continue
	for _, job := range in.Answer.Jobs {
		out.Status.FailedJobs = append(out.Status.FailedJobs, listed(job))
	}
	return out
}

// askAgain returns how soon a probe is asked again for a command of some age: often at
// first, because a user waits for the answer, and later less often, because many
// waiting commands must not keep the operator busy.
func askAgain(age time.Duration) time.Duration {
	switch {
	case age < 5*time.Second:
		return 500 * time.Millisecond
	case age < 30*time.Second:
		return 2 * time.Second
	default:
		return 5 * time.Second
	}
}

func found(answer *protocol.FailedList) string {
	text := fmt.Sprintf("%d failed jobs", len(answer.Jobs))
	switch {
	case len(answer.Jobs) == 0 && answer.Continue == "":
		return "No failed job was found."
	case len(answer.Jobs) == 1:
		text = "1 failed job"
	}
	if answer.Total != nil {
		text += fmt.Sprintf(" of %d", *answer.Total)
		if *answer.Total >= protocol.MaxFailedCount {
			text += " or more"
		}
	}
	if answer.Continue != "" {
		text += "; there may be more: set spec.continue of the next list to status.continue"
	}
	return text + "."
}

func listed(job protocol.FailedJob) v1alpha1.FailedJob {
	out := v1alpha1.FailedJob{ID: job.ID, Class: job.Class, Connection: job.Connection, Queue: job.Queue, Exception: job.Exception}
	if at, err := time.Parse(time.RFC3339, job.FailedAt); err == nil {
		out.FailedTime = new(metav1.NewTime(at.UTC()))
	}
	return out
}
