// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/runtimes"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/alerts"
	"queueworker.dev/queueworker/controllers/batch"
	"queueworker.dev/queueworker/controllers/drain"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/requeue"
	"queueworker.dev/queueworker/controllers/scaling"
	"queueworker.dev/queueworker/controllers/stuck"
)

// Decision is the wanted state.
type Decision struct {
	Problem  *effective.Problem
	Size     Size
	Removal  drain.Plan
	Stuck    stuck.Output
	Alerts   alerts.Output
	Controls objects.Controls
	Objects  objects.Objects
	// Runs is nil for a pool that has nothing to do with runs.
	Runs *batch.Output
	// RunsDrained reports whether no job is lost with the runs that will be ended.
	RunsDrained bool
}

// Decide is a pure function of the observation and of the decided size.
func Decide(w *World, s Size, agentImage string) Decision {
	d := Decision{Problem: w.Problem, Size: s}
	d.Runs = decideRuns(w, s, d.Problem)
	inRuns := d.Runs != nil && (effective.IsBatch(&w.Worker.Spec) || d.Runs.Open != nil && !objects.HasDeployment(w.Worker, w.Deployment))
	d.planRemoval(w, inRuns)
	d.Stuck = stuck.Find(stuckInput(w))
	d.Alerts = alerts.Decide(alertsInput(w))
	d.Controls = objects.Control(objects.ControlInput{
		Now:       w.Now,
		Worker:    w.Worker,
		Processes: d.Size.Processes,
		Finish:    finishedRun(w, d.Runs),
		Live:      w.OwnConfigMap(),
		Pods:      controlledPods(w, d.Removal),
	})
	in := objects.Input{
		Worker:      w.Worker,
		App:         usableApp(w, inRuns),
		Most:        d.Size.Most,
		Replicas:    d.Removal.Replicas,
		Control:     d.Controls.Pool,
		AgentImage:  agentImage,
		Live:        w.Deployment,
		Runs:        w.Runs,
		OperatorPin: w.Pin,
	}
	if inRuns {
		in.Run = d.Runs.Start
	}
	built, problem := objects.Build(in)
	d.Objects = built
	if d.Problem == nil {
		d.Problem = problem
	}
	if d.Problem == nil && d.Runs != nil && d.Runs.Invalid != "" {
		d.Problem = &effective.Problem{Reason: v1alpha1.ReasonScheduleInvalid, Message: d.Runs.Invalid}
	}
	return d
}

// usableApp returns the QueueApp that the pool's objects are built from. It returns nil
// while the QueueApp cannot be used, and while the Deployment of a pool waits for the
// end of a run.
func usableApp(w *World, inRuns bool) *v1alpha1.QueueApp {
	if w.Problem != nil || inRuns && !effective.IsBatch(&w.Worker.Spec) {
		return nil
	}
	return w.App
}

// planRemoval plans what happens to the present pods: the pods of runs that will be
// ended, and the pods of the Deployment.
func (d *Decision) planRemoval(w *World, inRuns bool) {
	pods := effective.Pods(d.Size.Processes, &w.Worker.Spec)
	ending := endingRun(w, d.Runs)
	d.RunsDrained = ending.Replicas == 0
	if inRuns {
		d.Removal, d.Removal.Replicas = ending, pods
		return
	}
	d.Removal = removalOf(w, pods)
	d.Removal.Cordon = slices.Concat(d.Removal.Cordon, ending.Cordon)
	d.Removal.Recheck = requeue.Sooner(d.Removal.Recheck, ending.Recheck)
}

// controlledPods returns the pods that control documents are for: the pods that stay.
func controlledPods(w *World, removal drain.Plan) []objects.ControlledPod {
	var out []objects.ControlledPod
	cordon, uncordon := SetOf(removal.Cordon), SetOf(removal.Uncordon)
	for _, pod := range w.Pods {
		if !podstate.Active(pod.Pod) {
			continue
		}
		cordoned := pod.Control.Cordoned
		controlled := objects.ControlledPod{
			Name:         pod.Name,
			RestartToken: objects.Token(pod.Pod, v1alpha1.AnnotationRestartedAt),
			KillToken:    objects.Token(pod.Pod, v1alpha1.AnnotationKillAt),
			Paused:       podstate.PausedAlone(pod.Pod),
			Cordoned:     (cordoned || cordon[pod.Name]) && !uncordon[pod.Name],
			Document:     pod.Annotations[v1alpha1.AnnotationControl],
			Control:      pod.Control,
		}
		report := pod.Report
		if report.Status != nil {
			controlled.Reported = report.Status.ControlRevision
			controlled.Overdue = pod.Write.overdue(w.Now, report.PulledAt)
		}
		out = append(out, controlled)
	}
	return out
}

// SetOf makes a set of names, because a pool may have thousands of pods.
func SetOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// stuckInput leaves out pods that are not meant to take jobs.
func stuckInput(w *World) stuck.Input {
	in := stuck.Input{Now: w.Now, Patience: stuck.Patience(effective.LongestSleep(&w.Worker.Spec)), Memory: w.Memory.Stuck}
	backlog := scalingBacklog(w)
	if backlog == nil || effective.PausedBy(w.Worker, w.Now) != "" || w.Worker.Spec.Stopped || !tellsStarts(w.App) {
		return in
	}
	in.Ready, in.Oldest = backlog.Ready, backlog.Oldest
	for _, pod := range w.Pods {
		report := pod.Report
		if !podstate.Active(pod.Pod) || report.Status == nil || report.Unreachable || report.Status.Phase != protocol.PhaseRunning {
			continue
		}
		for i := range report.Status.Workers {
			worker := &report.Status.Workers[i]
			in.Processes = append(in.Processes, stuck.Process{
				Pod: pod.Name, Slot: worker.Slot, Idle: worker.State == protocol.WorkerIdle,
				Done: stuck.Progress{PID: worker.PID, Ended: worker.Processed + worker.Failed, PodEnded: report.Status.Counters.Released},
			})
		}
	}
	return in
}

// tellsStarts reports whether the application's workers say when they begin a job.
// Otherwise a working process would look as if it waited.
func tellsStarts(app *v1alpha1.QueueApp) bool {
	return runtimes.Of(app.Spec.Runtime).TellsStarts || app.Spec.Patterns != nil && app.Spec.Patterns.Started != ""
}

// Decided returns the memory with a decision.
func (m Memory) Decided(d Decision) Memory {
	m.Size, m.Stuck, m.Scaling = d.Size.Processes, d.Stuck.Memory, scaling.Memory{}
	m.Alerts = d.Alerts.Memory
	if d.Size.Scaling != nil {
		m.Scaling = d.Size.Scaling.Memory
	}
	return m
}
