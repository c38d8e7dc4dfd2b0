// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/batch"
	"queueworker.dev/queueworker/controllers/objects"
)

// runOf returns what decisions need of the Job of a run.
func runOf(job *batchv1.Job) batch.Run {
	run := batch.Run{Name: job.Name, Created: job.CreationTimestamp.Time, Leaving: job.DeletionTimestamp != nil}
	for _, condition := range job.Status.Conditions {
		if condition.Status != corev1.ConditionTrue {
			continue
		}
		switch condition.Type {
		case batchv1.JobComplete:
			run.Outcome, run.Ended = v1alpha1.RunComplete, condition.LastTransitionTime.Time
		case batchv1.JobFailed:
			run.Outcome, run.Ended = v1alpha1.RunFailed, condition.LastTransitionTime.Time
		case batchv1.JobSuspended, batchv1.JobFailureTarget, batchv1.JobSuccessCriteriaMet: // its pods have not all ended
		}
	}
	return run
}

// maxRunProcesses is the largest number of processes that a run can have: the maximum
// of the CRD, in whole pods.
const maxRunProcesses = 1000 + 64

// runProcesses returns how many processes a run has.
func runProcesses(job *batchv1.Job) int32 {
	pods := int64(1)
	if job.Spec.Parallelism != nil {
		pods = max(int64(*job.Spec.Parallelism), 0)
	}
	return int32(min(pods*int64(objects.RunProcesses(job)), maxRunProcesses))
}
