// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	// patience is how long a command waits for a QueueApp or QueueWorker that does not
	// exist: a user may create it together with the command, in one file.
	patience = 2 * time.Minute
	// lookAgain is the time until it is looked for again.
	lookAgain = 2 * time.Second
	// podTime is how long a Job may take to create its pod before the status reports it.
	podTime = 10 * time.Second
	// wordTime is how long after a Job's end the operator waits for its pod's output.
	wordTime = 10 * time.Second
)

// Step is a write that is needed in addition to the status.
type Step string

// The steps.
const (
	// StepNone: no write.
	StepNone Step = ""
	// StepCreate: create the Job, suspended, before the status is written.
	StepCreate Step = "Create"
	// StepBegin: resume the Job, once the status that names it is written.
	StepBegin Step = "Begin"
	// StepRemove: delete the QueueCommand, which was kept long enough.
	StepRemove Step = "Remove"
)

// Input holds everything that decides how far a command that runs as a Job is.
type Input struct {
	Now     time.Time
	Command *v1alpha1.QueueCommand
	// Problem is why there can be no Job; nil if there can be one.
	Problem *effective.Problem
	// Rejected is the API server's refusal of the Job; empty if there was none.
	Rejected string
	// Job is the Job of the command's name, whoever owns it; nil if there is none.
	Job *batchv1.Job
	// Pods are the pods of the Job that the status names.
	Pods []*corev1.Pod
}

// Output is the decision.
type Output struct {
	Status v1alpha1.QueueCommandStatus
	Step   Step
	// Recheck is the time after which to look again; 0 means when something changes.
	Recheck time.Duration
}

// Decide decides how far a command that runs as a Job is.
func Decide(in Input) Output {
	if Ended(in.Command) {
		return Expire(in.Now, in.Command)
	}
	if in.Command.Status.JobUID == "" {
		return prepare(in)
	}
	return follow(in)
}

// Ended reports whether a command has ended.
func Ended(command *v1alpha1.QueueCommand) bool {
	return command.Status.State == v1alpha1.CommandSucceeded || command.Status.State == v1alpha1.CommandFailed
}

// Expire removes an ended command when its time is up. The time begins when the end was
// reported, which is the condition's time: no user can have read the end before.
func Expire(now time.Time, command *v1alpha1.QueueCommand) Output {
	out := Output{Status: command.Status}
	told := command.CreationTimestamp.Time
	if len(command.Status.Conditions) > 0 {
		told = command.Status.Conditions[0].LastTransitionTime.Time
	}
	if out.Recheck = told.Add(effective.TTL(&command.Spec)).Sub(now); out.Recheck <= 0 {
		out.Step, out.Recheck = StepRemove, 0
	}
	return out
}

// prepare takes a command to the point where its status names its Job.
func prepare(in Input) Output {
	switch {
	case in.Job == nil && in.Problem != nil:
		return obstructed(in.Now, in.Command, *in.Problem)
	case in.Job == nil && in.Rejected != "":
		return fail(in.Now, in.Command, v1alpha1.ReasonRejected, sentence(in.Rejected))
	case in.Job == nil:
		return Output{Status: in.Command.Status, Step: StepCreate}
	case !metav1.IsControlledBy(in.Job, in.Command):
		return fail(in.Now, in.Command, v1alpha1.ReasonForeignObject, fmt.Sprintf(
			"The Job %s exists already and does not belong to this QueueCommand, so the command was not run. Create a QueueCommand of another name, or delete the Job first.", in.Job.Name))
	}
	out := pending(in.Command, "The Job "+in.Job.Name+" is being started.")
	out.Status.JobName, out.Status.JobUID = in.Job.Name, in.Job.UID
	out.Step = StepBegin
	return out
}

// obstructed waits for an object that may still be created, and fails for any other
// problem.
func obstructed(now time.Time, command *v1alpha1.QueueCommand, problem effective.Problem) Output {
	waits := problem.Reason == v1alpha1.ReasonAppNotFound || problem.Reason == v1alpha1.ReasonWorkerNotFound
	left := command.CreationTimestamp.Add(patience).Sub(now)
	if !waits || left <= 0 {
		return fail(now, command, problem.Reason, problem.Message)
	}
	out := pending(command, problem.Message)
	out.Recheck = min(left, lookAgain)
	return out
}

// follow decides from the Job that the status names, and its pod.
func follow(in Input) Output {
	pod := newest(in.Pods)
	job := in.Job
	if job != nil && job.UID != in.Command.Status.JobUID {
		job = nil
	}
	if ended := terminated(pod); ended != nil && failure(job, deadlineExceeded) == nil {
		return conclude(in, pod, ended)
	}
	switch {
	case job == nil:
		return fail(in.Now, in.Command, v1alpha1.ReasonJobGone, fmt.Sprintf(
			"The Job %s was deleted before the command reported how it ended. The command is not run again, because it may have run already. To run it again, create another QueueCommand.", in.Command.Status.JobName))
	case suspended(job) && job.Annotations[v1alpha1.AnnotationBegun] == "":
		return Output{Status: in.Command.Status, Step: StepBegin}
	case suspended(job):
		return fail(in.Now, in.Command, v1alpha1.ReasonJobGone, fmt.Sprintf(
			"The Job %s was suspended after it started. The command is not run again, because it may have run already. To run it again, create another QueueCommand.", job.Name))
	}
	if failed := failure(job, ""); failed != nil {
		return failedJob(in, pod, failed)
	}
	if finished(job) {
		return silent(in, job)
	}
	return progress(in, job, pod)
}

func pending(command *v1alpha1.QueueCommand, message string) Output {
	out := Output{Status: *command.Status.DeepCopy()}
	out.Status.State, out.Status.Message = v1alpha1.CommandPending, message
	return out
}

func fail(now time.Time, command *v1alpha1.QueueCommand, reason, message string) Output {
	return end(now, command, v1alpha1.CommandFailed, reason, message)
}

// end ends a command.
func end(now time.Time, command *v1alpha1.QueueCommand, state v1alpha1.CommandState, reason, message string) Output {
	out := Output{Status: *command.Status.DeepCopy()}
	out.Status.State, out.Status.Message = state, message
	out.Status.EndedTime = new(metav1.NewTime(now))
	kind := v1alpha1.ConditionComplete
	if state == v1alpha1.CommandFailed {
		kind = v1alpha1.ConditionFailed
	}
	out.Status.Conditions = []metav1.Condition{{
		Type: kind, Status: metav1.ConditionTrue, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(now),
	}}
	out.Recheck = Expire(now, &v1alpha1.QueueCommand{ObjectMeta: command.ObjectMeta, Spec: command.Spec, Status: out.Status}).Recheck
	return out
}
