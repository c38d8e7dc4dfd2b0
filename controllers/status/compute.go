// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/objects"
)

// Output is a pool's status.
type Output struct {
	Status v1alpha1.QueueWorkerStatus
	// Recheck is the time after which the status may change without news; zero if it
	// does not.
	Recheck time.Duration
}

// Compute computes the status of a pool from its last status and the observation.
func Compute(in Input) Output {
	c := count(in)
	v := judge(in, c)

	status := *in.Worker.Status.DeepCopy()
	status.ObservedGeneration = in.Worker.Generation
	status.AppName = in.AppName
	status.Selector = metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: objects.Selector(in.Worker.Name)})
	status.State = stateOf(in, c, v)
	status.Desired, status.Processes, status.Ready = c.desired, c.processes, c.ready
	status.Busy, status.Idle, status.Failing = c.busy, c.idle, c.failing
	status.Backlog = backlogStatus(in.Backlog, status.Backlog)
	status.Autoscaling = autoscalingStatus(in)
	status.Batch = batchStatus(in)
	setConditions(in, c, v, &status)
	status.OnFailing = in.OnFailing
	account(in, &status)
	countRun(&in.Worker.Status, &status)
	if status.Totals.Processed+status.Totals.Failed+status.Totals.Released > 0 {
		status.Throughput = new(in.Throughput)
	}
	status.Workers = rows(in)
	recheck := v.recheck
	if soon := backlogRecheck(in); soon > 0 && (recheck == 0 || soon < recheck) {
		recheck = soon
	}
	return Output{Status: status, Recheck: recheck}
}
