// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/status"
)

const deadlineExceeded = batchv1.JobReasonDeadlineExceeded

// newest returns the newest pod; nil if there is none. A Job with one try creates one pod.
func newest(pods []*corev1.Pod) *corev1.Pod {
	var found *corev1.Pod
	for _, pod := range pods {
		if found == nil || found.CreationTimestamp.Before(&pod.CreationTimestamp) {
			found = pod
		}
	}
	return found
}

// commandStatus returns the status of the command's container, the only one that is not
// an init container.
func commandStatus(pod *corev1.Pod) *corev1.ContainerStatus {
	if pod == nil || len(pod.Status.ContainerStatuses) == 0 {
		return nil
	}
	return &pod.Status.ContainerStatuses[0]
}

// terminated returns how the command's container has ended; nil if it has not.
func terminated(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	container := commandStatus(pod)
	if container == nil || container.State.Terminated == nil || container.State.Terminated.StartedAt.IsZero() {
		// The kubelet also reports containers as terminated that it never started.
		return nil
	}
	return container.State.Terminated
}

func suspended(job *batchv1.Job) bool { return job.Spec.Suspend != nil && *job.Spec.Suspend }

// failure returns the condition with which the Job has failed or is about to fail; nil
// if there is none. An empty reason matches any reason.
func failure(job *batchv1.Job, reason string) *batchv1.JobCondition {
	if job == nil {
		return nil
	}
	for i := range job.Status.Conditions {
		condition := &job.Status.Conditions[i]
		if (condition.Type == batchv1.JobFailed || condition.Type == batchv1.JobFailureTarget) &&
			condition.Status == corev1.ConditionTrue && (reason == "" || condition.Reason == reason) {
			return condition
		}
	}
	return nil
}

func finished(job *batchv1.Job) bool {
	for _, condition := range job.Status.Conditions {
		if condition.Type == batchv1.JobComplete && condition.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

// conclude ends a command whose container has ended.
func conclude(in Input, pod *corev1.Pod, ended *corev1.ContainerStateTerminated) Output {
	output := Clean(ended.Message)
	last := sentence(gist(output))
	var out Output
	switch {
	case ended.ExitCode == 0 && last != "":
		out = end(in.Now, in.Command, v1alpha1.CommandSucceeded, v1alpha1.ReasonSucceeded, last)
	case ended.ExitCode == 0:
		out = end(in.Now, in.Command, v1alpha1.CommandSucceeded, v1alpha1.ReasonSucceeded, "The command has ended and printed nothing.")
	case ended.Reason == "OOMKilled":
		out = fail(in.Now, in.Command, v1alpha1.ReasonCommandFailed, fmt.Sprintf(
			"The command was killed for lack of memory in pod %s; give the worker container of the QueueApp a higher memory limit.", pod.Name))
	case last != "":
		out = fail(in.Now, in.Command, v1alpha1.ReasonCommandFailed, fmt.Sprintf("The command failed with exit code %d: %s", ended.ExitCode, last))
	default:
		out = fail(in.Now, in.Command, v1alpha1.ReasonCommandFailed, fmt.Sprintf(
			"The command failed with exit code %d and printed nothing; see the log of pod %s.", ended.ExitCode, pod.Name))
	}
	out.Status.Output, out.Status.ExitCode = output, new(ended.ExitCode)
	out.Status.StartedTime = ended.StartedAt.DeepCopy()
	if !ended.FinishedAt.IsZero() {
		out.Status.EndedTime = ended.FinishedAt.DeepCopy()
	}
	return out
}

// failedJob ends a command whose Job has failed without a message from its container.
func failedJob(in Input, pod *corev1.Pod, failed *batchv1.JobCondition) Output {
	if failed.Reason == deadlineExceeded {
		out := fail(in.Now, in.Command, v1alpha1.ReasonDeadlineExceeded, overdue(in, pod))
		if ended := terminated(pod); ended != nil {
			out.Status.Output, out.Status.ExitCode = Clean(ended.Message), new(ended.ExitCode)
		}
		return out
	}
	if pod != nil {
		for i := range pod.Status.InitContainerStatuses {
			container := &pod.Status.InitContainerStatuses[i]
			if ended := container.State.Terminated; ended != nil && ended.ExitCode != 0 {
				return fail(in.Now, in.Command, v1alpha1.ReasonPodFailed, fmt.Sprintf(
					"The init container %s of pod %s ended with exit code %d, so the command was not run: %s",
					container.Name, pod.Name, ended.ExitCode, wordsOr(Clean(ended.Message), "see its log.")))
			}
		}
	}
	if wait := failed.LastTransitionTime.Add(wordTime).Sub(in.Now); wait > 0 {
		return Output{Status: in.Command.Status, Recheck: min(wait, time.Second)}
	}
	message := "The pod of the command was removed or failed before the command reported how it ended"
	if pod != nil && pod.Status.Message != "" {
		message += ": " + pod.Status.Message
	}
	return fail(in.Now, in.Command, v1alpha1.ReasonPodFailed, sentence(message))
}

// overdue says why a command was stopped because of its deadline.
func overdue(in Input, pod *corev1.Pod) string {
	limit := time.Duration(0)
	if seconds := in.Job.Spec.ActiveDeadlineSeconds; seconds != nil {
		limit = time.Duration(*seconds) * time.Second
	}
	if in.Command.Status.StartedTime != nil {
		return fmt.Sprintf("The command did not end within %s and was stopped.", limit)
	}
	why := in.Command.Status.Message
	if pod != nil {
		if problem := status.StartProblem(pod); problem != nil {
			why = problem.Message
		}
	}
	return fmt.Sprintf("The command could not be started within %s: %s", limit, wordsOr(why, "its pod did not start."))
}

// silent waits briefly for the output of a Job that has succeeded.
func silent(in Input, job *batchv1.Job) Output {
	at := in.Now
	if job.Status.CompletionTime != nil {
		at = job.Status.CompletionTime.Time
	}
	if wait := at.Add(wordTime).Sub(in.Now); wait > 0 {
		return Output{Status: in.Command.Status, Recheck: min(wait, time.Second)}
	}
	out := end(in.Now, in.Command, v1alpha1.CommandSucceeded, v1alpha1.ReasonSucceeded,
		"The command succeeded, but its pod was removed before its output was read.")
	out.Status.ExitCode = new(int32(0))
	return out
}

// progress decides how far a command that has not ended is.
func progress(in Input, job *batchv1.Job, pod *corev1.Pod) Output {
	if pod == nil {
		since := in.Now
		if job.Status.StartTime != nil {
			since = job.Status.StartTime.Time
		}
		if wait := since.Add(podTime).Sub(in.Now); wait > 0 {
			out := pending(in.Command, "The Job "+job.Name+" is being started.")
			out.Recheck = wait
			return out
		}
		return pending(in.Command, fmt.Sprintf(
			"The Job %s has made no pod; its events say why, such as a quota: kubectl describe job %s.", job.Name, job.Name))
	}
	container := commandStatus(pod)
	if container != nil && container.State.Running != nil {
		out := pending(in.Command, "The command runs in pod "+pod.Name+".")
		out.Status.State = v1alpha1.CommandRunning
		out.Status.StartedTime = container.State.Running.StartedAt.DeepCopy()
		return out
	}
	if problem := status.StartProblem(pod); problem != nil {
		return pending(in.Command, problem.Message)
	}
	return pending(in.Command, "Pod "+pod.Name+" is starting.")
}
