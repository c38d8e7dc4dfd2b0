// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/batch"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/telemetry"
)

// World is everything that one pass decides from.
type World struct {
	Now    time.Time
	Worker *v1alpha1.QueueWorker
	// App is the QueueApp in use; nil if there is none, and Problem says why.
	App     *v1alpha1.QueueApp
	Problem *effective.Problem
	// Unnamed reports whether pools that name no QueueApp use this one too.
	Unnamed bool

	// The children by name, whoever owns them; nil if there is none in the cache.
	Deployment *appsv1.Deployment
	ConfigMap  *corev1.ConfigMap
	Budget     *policyv1.PodDisruptionBudget
	// Runs are the pool's own Jobs, by name.
	Runs []*batchv1.Job

	// Pods are the pods of the pool's own ReplicaSets and of its open runs, by name.
	Pods []*Pod
	// Reports holds what the agents reported of pods that have ended, and of the jobs of
	// the last minutes. The report of each present pod is in Pods.
	Reports telemetry.Snapshot
	// Backlog is the known state of the pool's queues.
	Backlog telemetry.BacklogReport

	// Pin is the pin by which the pool's agents must know the operator now, and PinAgain
	// the time until it changes; 0 if it does not.
	Pin      string
	PinAgain time.Duration
	// Memory is what the operator remembers about the pool.
	Memory Memory
}

// Pod is one pod, its decoded control document, and the report of its agent.
type Pod struct {
	*corev1.Pod
	Control protocol.Control
	Report  telemetry.PodReport
	// Write is the last write to the pod.
	Write PodWrite
}

// NewPod decodes a pod's control document.
func NewPod(pod *corev1.Pod, report telemetry.PodReport, write PodWrite) *Pod {
	return &Pod{
		Pod: pod, Report: report, Write: write,
		Control: objects.ReadControl(pod.Annotations[v1alpha1.AnnotationControl]),
	}
}

// Unheard reports whether the pod's agent answers but has not taken up the pod's document.
func (p *Pod) Unheard() bool {
	return p.Report.Status != nil && !p.Report.Unreachable && p.Report.Status.ControlRevision < p.Control.Revision
}

// OpenRun returns the Job of the run that has not ended; nil if there is none.
func (w *World) OpenRun() *batchv1.Job {
	for _, run := range w.Runs {
		if !batch.Closed(w.Worker.Status.Batch, runOf(run)) {
			return run
		}
	}
	return nil
}

// OpenRuns returns the UIDs of the Jobs of runs that have not ended.
func (w *World) OpenRuns() map[types.UID]bool {
	open := map[types.UID]bool{}
	for _, run := range w.Runs {
		if !batch.Closed(w.Worker.Status.Batch, runOf(run)) {
			open[run.UID] = true
		}
	}
	return open
}

// inRuns reports whether the pool consists of runs: it is of mode Batch, or a run of that
// mode must still end before the pool gets its Deployment. A Job that appears at a pool
// with a Deployment is only removed, because any user who may create Jobs can make it.
func (w *World) inRuns() bool {
	return effective.IsBatch(&w.Worker.Spec) || w.OpenRun() != nil && !objects.HasDeployment(w.Worker, w.Deployment)
}

// runConfig returns the configuration of the open run's agents; nil if the pool has no
// open run.
func (w *World) runConfig() *protocol.Config {
	if run := w.OpenRun(); run != nil && w.inRuns() {
		return objects.RunConfig(run)
	}
	return nil
}

// OwnConfigMap returns the pool's ConfigMap, unless it belongs to another owner.
func (w *World) OwnConfigMap() *corev1.ConfigMap {
	if w.ConfigMap == nil || !objects.OwnedBy(w.ConfigMap, w.Worker) {
		return nil
	}
	return w.ConfigMap
}
