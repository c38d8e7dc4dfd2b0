// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/alerts"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/status"
)

// watchLimits returns the limits above which an agent's report wakes the pool, even if
// the report changes no condition by itself.
func watchLimits(spec *v1alpha1.QueueWorkerSpec) collector.Limits {
	rules := alerts.RulesOf(spec)
	return collector.Limits{Memory: rules.MemoryLimit(), Job: rules.SlowAfter(), Failures: rules.FailedPercent > 0}
}

func alertsInput(o *observation) alerts.Input {
	in := alerts.Input{
		Now:     o.now,
		Rules:   alerts.RulesOf(&o.worker.Spec),
		Jobs:    o.reports.Latest,
		Watched: o.reports.Samples.Since,
		Pause:   o.worker.Status.OnFailing,
		Token:   effective.ResumeToken(o.worker),
		Memory:  o.past.alerts,
	}
	for _, conditionType := range status.AlertTypes {
		if condition := meta.FindStatusCondition(o.worker.Status.Conditions, conditionType); condition != nil {
			in.Was = append(in.Was, alerts.Alert{Type: conditionType, Reason: condition.Reason, Message: condition.Message})
		}
	}
	for _, pod := range o.pods {
		report := o.reports.Pods[pod.UID]
		if end, ended := containerEnd(pod); ended {
			in.Ends = append(in.Ends, end)
		}
		if report.Status == nil {
			continue
		}
		in.Ends = append(in.Ends, processEnds(pod, report)...)
		in.Failures = append(in.Failures, failures(pod, report)...)
		if podstate.Active(pod) && !report.Unreachable {
			in.Processes = append(in.Processes, processes(pod, report)...)
		}
	}
	return in
}

func processName(pod *corev1.Pod, slot int32) string { return fmt.Sprintf("%s/%d", pod.Name, slot) }

func processes(pod *corev1.Pod, report collector.PodReport) []alerts.Process {
	out := make([]alerts.Process, 0, len(report.Status.Workers))
	for i := range report.Status.Workers {
		worker := &report.Status.Workers[i]
		process := alerts.Process{Name: processName(pod, worker.Slot), PID: worker.PID, Memory: worker.MemoryBytes}
		if job := worker.Job; job != nil {
			process.Working, process.Class, process.Age = true, job.Class, protocol.Duration(job.AgeSeconds)
		}
		out = append(out, process)
	}
	return out
}

func failures(pod *corev1.Pod, report collector.PodReport) []alerts.Failure {
	out := make([]alerts.Failure, 0, len(report.Status.RecentFailures))
	for _, failure := range report.Status.RecentFailures {
		out = append(out, alerts.Failure{
			Process: processName(pod, failure.Slot), Class: failure.Class, Exception: failure.Exception,
			At: report.PulledAt.Add(-protocol.Duration(failure.AgeSeconds)),
		})
	}
	return out
}

// processEnds returns the ended processes of a pod that crashed, or were restarted
// because of failure after failure.
func processEnds(pod *corev1.Pod, report collector.PodReport) []alerts.End {
	var out []alerts.End
	for _, exit := range report.Status.RecentExits {
		if !crashed(exit.Reason) && exit.Reason != protocol.ExitMaxExceptions {
			continue
		}
		out = append(out, alerts.End{
			ID: fmt.Sprintf("%s/%d", pod.UID, exit.Sequence), Process: processName(pod, exit.Slot),
			MaxExceptions: exit.Reason == protocol.ExitMaxExceptions, Message: exit.Message,
			At: report.PulledAt.Add(-protocol.Duration(exit.AgeSeconds)),
		})
	}
	return out
}

// crashed reports whether a process that ended for this reason counts as crashed. A job
// over its timeout is a slow job, and a process that ends with its pod was meant to end.
func crashed(reason protocol.ExitReason) bool {
	switch reason {
	case protocol.ExitCrashed, protocol.ExitOOMKilled, protocol.ExitKilled, protocol.ExitConfigError, protocol.ExitCommandNotFound:
		return true
	default:
		return false
	}
}

// containerEnd returns the last end of a pod's whole container, including the agent,
// which therefore cannot report it.
func containerEnd(pod *corev1.Pod) (alerts.End, bool) {
	container := podstate.WorkerContainer(pod)
	if container == nil || container.LastTerminationState.Terminated == nil || container.LastTerminationState.Terminated.ExitCode == 0 {
		return alerts.End{}, false
	}
	last := container.LastTerminationState.Terminated
	return alerts.End{
		ID: fmt.Sprintf("%s/container/%d", pod.UID, container.RestartCount), Process: pod.Name, At: last.FinishedAt.Time,
		Message: fmt.Sprintf("Its container ended with exit code %d (%s), agent and all.", last.ExitCode, cmp.Or(last.Reason, "no reason given")),
	}, true
}
