// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// counts are a pool's processes, by what they do.
type counts struct {
	// perPod is how many processes a pod has.
	perPod int32
	// desired is how many processes there should be, in whole pods.
	desired int32
	// processes counts the processes of pods that stay, ready the processes that can
	// take jobs.
	processes, ready int32
	busy, idle       int32
	failing          int32
	// finishing counts processes that were asked to end and still work.
	finishing int32
	// leaving counts pods that are being removed and whose worker still runs.
	leaving int32
	// obeying counts pods whose agent obeys the newest control document.
	obeying, running int32
	// paused counts pods whose agent says that it is paused. cordoned counts pods that
	// take no more jobs because they will be removed.
	paused, cordoned int32
	// alone counts pods that their own annotation pauses; they are not among paused.
	alone int32
}

func count(in Input) counts {
	c := counts{perPod: effective.ProcessesPerPod(&in.Worker.Spec)}
	c.desired = effective.Pods(in.Processes, &in.Worker.Spec) * c.perPod
	if in.PerPod > 0 {
		c.perPod, c.desired = in.PerPod, in.Processes
	}
	for _, pod := range in.Pods {
		if pod.terminal() {
			continue
		}
		if pod.leaving() {
			if pod.running() {
				c.leaving++
			}
			continue
		}
		c.addPod(pod, in.Revision)
	}
	return c
}

// addPod counts a pod that stays.
func (c *counts) addPod(pod Pod, revision int64) {
	c.processes += c.perPod
	if pod.pausedAlone() {
		c.alone++
	}
	if pod.cordoned() {
		c.cordoned++
	}
	if pod.running() {
		c.addRunning(pod, revision)
	}
	failingBefore := c.failing
	for _, worker := range pod.workers() {
		c.addWorker(worker)
	}
	if pod.ready() && !pod.cordoned() {
		c.ready += max(c.perPod-(c.failing-failingBefore), 0)
	}
}

// addRunning counts a pod whose agent can answer.
func (c *counts) addRunning(pod Pod, revision int64) {
	c.running++
	if pod.Report == nil {
		return
	}
	if pod.Report.ControlRevision >= revision {
		c.obeying++
	}
	if pod.Report.Phase == protocol.PhasePaused && !pod.Unreachable && !pod.pausedAlone() {
		c.paused++
	}
}

func (c *counts) addWorker(worker protocol.Worker) {
	switch worker.State {
	case protocol.WorkerBusy:
		c.busy++
	case protocol.WorkerIdle:
		c.idle++
	case protocol.WorkerRetiring:
		c.finishing++
		if worker.Job != nil {
			c.busy++
		}
	case protocol.WorkerBackingOff:
		c.failing++
	case protocol.WorkerStarting, protocol.WorkerPaused, protocol.WorkerStopped:
	}
}

// pausedAlone reports whether the pod's own annotation pauses it.
func (p Pod) pausedAlone() bool {
	return p.Annotations[v1alpha1.AnnotationPaused] == v1alpha1.AnnotationTrue
}

// cordoned reports whether the pod takes no more jobs because it will be removed.
func (p Pod) cordoned() bool { return p.Report != nil && p.Report.Phase == protocol.PhaseCordoned }
