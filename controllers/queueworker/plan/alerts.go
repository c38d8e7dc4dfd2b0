// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/alerts"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/status"
)

func alertsInput(w *World) alerts.Input {
	in := alerts.Input{
		Now:     w.Now,
		Rules:   alerts.RulesOf(&w.Worker.Spec),
		Jobs:    w.Reports.Latest,
		Watched: w.Reports.Samples.Since,
		Pause:   w.Worker.Status.OnFailing,
		Token:   effective.ResumeToken(w.Worker),
		Memory:  w.Memory.Alerts,
	}
	for _, conditionType := range status.AlertTypes {
		if condition := meta.FindStatusCondition(w.Worker.Status.Conditions, conditionType); condition != nil {
			in.Was = append(in.Was, alerts.Alert{Type: conditionType, Reason: condition.Reason, Message: condition.Message})
		}
	}
	for _, pod := range w.Pods {
		report := pod.Report
		if end, ended := containerEnd(pod); ended {
			in.Ends = append(in.Ends, end)
		}
		if report.Status == nil {
			continue
		}
		in.Ends = append(in.Ends, processEnds(pod)...)
		in.Failures = append(in.Failures, failures(pod)...)
		if podstate.Active(pod.Pod) && !report.Unreachable {
			in.Processes = append(in.Processes, processes(pod)...)
		}
	}
	return in
}

func processName(pod *Pod, slot int32) string { return fmt.Sprintf("%s/%d", pod.Name, slot) }

func processes(pod *Pod) []alerts.Process {
	report := pod.Report
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

func failures(pod *Pod) []alerts.Failure {
	report := pod.Report
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
func processEnds(pod *Pod) []alerts.End {
	report := pod.Report
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
func containerEnd(pod *Pod) (alerts.End, bool) {
	container := podstate.WorkerContainer(pod.Pod)
	if container == nil || container.LastTerminationState.Terminated == nil || container.LastTerminationState.Terminated.ExitCode == 0 {
		return alerts.End{}, false
	}
	last := container.LastTerminationState.Terminated
	return alerts.End{
		ID: fmt.Sprintf("%s/container/%d", pod.UID, container.RestartCount), Process: pod.Name, At: last.FinishedAt.Time,
		Message: fmt.Sprintf("Its container ended with exit code %d (%s), and the agent ended with it.", last.ExitCode, cmp.Or(last.Reason, "no reason given")),
	}, true
}
