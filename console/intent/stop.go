// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package intent

import (
	"strings"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// Stop leaves a pool without pods, or removes one worker from it. With now, running jobs
// are killed instead of finished.
func Stop(in Input, now bool) (Plan, error) {
	if in.Pod != nil {
		return stopPod(in, now)
	}
	if in.Worker.Spec.Stopped && !now {
		return Plan{Done: in.about(AlreadyStopped)}, nil
	}
	plan := Plan{Worker: spec(map[string]any{"stopped": true}), Done: in.about(Stopped)}
	if now {
		plan.Worker.annotate(v1alpha1.AnnotationKillAt, in.Token)
		plan.Done = in.about(Killed)
		plan.Danger = danger(in)
	}
	return plan, nil
}

func stopPod(in Input, now bool) (Plan, error) {
	if err := Belongs(in.Worker, in.Pod); err != nil {
		return Plan{}, err
	}
	if effective.IsBatch(&in.Worker.Spec) {
		return Plan{}, refuse(in.about(RunKeepsWorkers))
	}
	plan := Plan{Pod: annotation(v1alpha1.AnnotationRetire, v1alpha1.AnnotationTrue), Done: in.about(WorkerRetired)}
	if now {
		plan.Pod.annotate(v1alpha1.AnnotationKillAt, in.Token)
		plan.Done = in.about(WorkerKilled)
		plan.Danger = danger(in)
	}
	switch {
	case in.Pod.Annotations[v1alpha1.AnnotationRetire] == v1alpha1.AnnotationTrue:
		// The pool's size was lowered when the pod was first marked.
		if !now {
			return Plan{Done: in.about(AlreadyRetired)}, nil
		}
	case in.Worker.Spec.Autoscaling != nil:
		plan.note(ReplacedIfNeeded, in.Worker)
	default:
		fewer(in.Worker, &plan)
	}
	return plan, nil
}

// fewer lowers the pool's size by one pod. All pods of a pool hold the same number of
// processes. If the size is no multiple of that number, fewer lowers it by the remainder
// only.
func fewer(worker *v1alpha1.QueueWorker, plan *Plan) {
	wanted, perPod := effective.SpecProcesses(&worker.Spec), effective.ProcessesPerPod(&worker.Spec)
	if wanted == 0 {
		return
	}
	left := (effective.Pods(wanted, &worker.Spec) - 1) * perPod
	plan.Worker = spec(map[string]any{"processes": left})
	plan.Worker.Locked = true
	plan.Done.From, plan.Done.To = wanted, left
}

// shownJobs is the maximum number of jobs that a danger names.
const shownJobs = 10

// danger says which jobs a kill interrupts, and how often a job is attempted.
func danger(in Input) *Message {
	message := in.about(InterruptsJobs)
	message.Tries = effective.Tries(&in.Worker.Spec)
	for i := range in.Worker.Status.Workers {
		row := &in.Worker.Status.Workers[i]
		pod, _, _ := strings.Cut(row.Name, "/")
		if row.CurrentJob == nil || in.Pod != nil && pod != in.Pod.Name {
			continue
		}
		if len(message.Jobs) == shownJobs {
			message.More++
			continue
		}
		message.Jobs = append(message.Jobs, Job{Class: row.CurrentJob.Class, ID: row.CurrentJob.ID, Worker: row.Name})
	}
	return &message
}
