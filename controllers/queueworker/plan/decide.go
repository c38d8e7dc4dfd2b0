// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/alerts"
	"queueworker.dev/queueworker/controllers/batch"
	"queueworker.dev/queueworker/controllers/drain"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/requeue"
	"queueworker.dev/queueworker/controllers/stuck"
)

// decision is the wanted state.
type decision struct {
	problem  *effective.Problem
	sizing   sizing
	removal  drain.Plan
	stuck    stuck.Output
	alerts   alerts.Output
	controls objects.Controls
	objects  objects.Objects
	// runs is nil for a pool that has nothing to do with runs.
	runs *batch.Output
	// runsDrained reports whether no job is lost with the runs that will be ended.
	runsDrained bool
}

// decide is a pure function of the observation and of the decided size.
func decide(o *observation, s sizing, agentImage string) decision {
	d := decision{problem: o.problem, sizing: s}
	d.runs = decideRuns(o, s, d.problem)
	inRuns := d.runs != nil && (effective.IsBatch(&o.worker.Spec) || d.runs.Open != nil && !objects.HasDeployment(o.worker, o.deployment))
	d.planRemoval(o, inRuns)
	d.stuck = stuck.Find(stuckInput(o))
	d.alerts = alerts.Decide(alertsInput(o))
	d.controls = objects.Control(objects.ControlInput{
		Now:       o.now,
		Worker:    o.worker,
		Processes: d.sizing.processes,
		Finish:    finishedRun(o, d.runs),
		Live:      ownConfigMap(o),
		Pods:      controlledPods(o, d.removal),
	})
	in := objects.Input{
		Worker:      o.worker,
		App:         usableApp(o, inRuns),
		Most:        d.sizing.most,
		Replicas:    d.removal.Replicas,
		Control:     d.controls.Pool,
		AgentImage:  agentImage,
		Live:        o.deployment,
		Runs:        o.runs,
		OperatorPin: o.pin,
	}
	if inRuns {
		in.Run = d.runs.Start
	}
	built, problem := objects.Build(in)
	d.objects = built
	if d.problem == nil {
		d.problem = problem
	}
	if d.problem == nil && d.runs != nil && d.runs.Invalid != "" {
		d.problem = &effective.Problem{Reason: v1alpha1.ReasonScheduleInvalid, Message: d.runs.Invalid}
	}
	return d
}

// usableApp returns the QueueApp that the pool's objects are built from. It returns nil
// while the QueueApp cannot be used, and while the Deployment of a pool waits for the
// end of a run.
func usableApp(o *observation, inRuns bool) *v1alpha1.QueueApp {
	if o.problem != nil || inRuns && !effective.IsBatch(&o.worker.Spec) {
		return nil
	}
	return o.app
}

// planRemoval plans what happens to the present pods: the pods of runs that will be
// ended, and the pods of the Deployment.
func (d *decision) planRemoval(o *observation, inRuns bool) {
	pods := effective.Pods(d.sizing.processes, &o.worker.Spec)
	ending := endingRun(o, d.runs)
	d.runsDrained = ending.Replicas == 0
	if inRuns {
		d.removal, d.removal.Replicas = ending, pods
		return
	}
	d.removal = removal(o, pods)
	d.removal.Cordon = slices.Concat(d.removal.Cordon, ending.Cordon)
	d.removal.Recheck = requeue.Sooner(d.removal.Recheck, ending.Recheck)
}

// ownConfigMap returns the pool's ConfigMap, unless it belongs to another owner.
func ownConfigMap(o *observation) *corev1.ConfigMap {
	if o.configMap == nil || !objects.OwnedBy(o.configMap, o.worker) {
		return nil
	}
	return o.configMap
}

// controlledPods returns the pods that control documents are for: the pods that stay.
func controlledPods(o *observation, removal drain.Plan) []objects.ControlledPod {
	var out []objects.ControlledPod
	cordon, uncordon := setOf(removal.Cordon), setOf(removal.Uncordon)
	for _, pod := range o.pods {
		if !podstate.Active(pod) {
			continue
		}
		cordoned := isCordoned(pod)
		controlled := objects.ControlledPod{
			Name:         pod.Name,
			RestartToken: objects.Token(pod, v1alpha1.AnnotationRestartedAt),
			KillToken:    objects.Token(pod, v1alpha1.AnnotationKillAt),
			Paused:       podstate.PausedAlone(pod),
			Cordoned:     (cordoned || cordon[pod.Name]) && !uncordon[pod.Name],
			Document:     pod.Annotations[v1alpha1.AnnotationControl],
		}
		report := o.reports.Pods[pod.UID]
		if report.Status != nil {
			controlled.Reported = report.Status.ControlRevision
			controlled.Overdue = o.written[pod.UID].overdue(o.now, report.PulledAt)
		}
		out = append(out, controlled)
	}
	return out
}

// setOf makes a set of names, because a pool may have thousands of pods.
func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// stuckInput leaves out pods that are not meant to take jobs.
func stuckInput(o *observation) stuck.Input {
	in := stuck.Input{Now: o.now, Patience: stuck.Patience(effective.LongestSleep(&o.worker.Spec)), Memory: o.past.stuck}
	backlog := scalingBacklog(o)
	if backlog == nil || effective.PausedBy(o.worker, o.now) != "" || o.worker.Spec.Stopped || !tellsStarts(o.app) {
		return in
	}
	in.Ready, in.Oldest = backlog.Ready, backlog.Oldest
	for _, pod := range o.pods {
		report := o.reports.Pods[pod.UID]
		if !podstate.Active(pod) || report.Status == nil || report.Unreachable || report.Status.Phase != protocol.PhaseRunning {
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

// tellsStarts reports whether the kube.Outcome's workers say when they begin a job.
// Otherwise a working process would look as if it waited.
func tellsStarts(app *v1alpha1.QueueApp) bool {
	return app.Spec.Runtime != v1alpha1.RuntimeCustom || app.Spec.Patterns != nil && app.Spec.Patterns.Started != ""
}
