// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package effective

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	// GraceMargin is the time a pod gets in addition to its longest job: 3 s of it are for
	// the agent, and the rest is for a worker that wakes from its sleep or is starting.
	GraceMargin = 15 * time.Second
	// graceWithoutTimeout is the grace period if a job may run without limit.
	graceWithoutTimeout = time.Hour
)

// Grace returns the termination grace period of a pool's pods: the setting of the
// QueueWorker, otherwise long enough for the longest job and for the setting of the
// QueueApp's template.
func Grace(spec *v1alpha1.QueueWorkerSpec, template *corev1.PodSpec) time.Duration {
	if spec.GracePeriod != nil {
		return spec.GracePeriod.Duration
	}
	wanted := graceWithoutTimeout
	if timeout := Timeout(spec); timeout > 0 {
		wanted = timeout + Rest(spec) + GraceMargin
	}
	if own := template.TerminationGracePeriodSeconds; own != nil {
		wanted = max(wanted, time.Duration(*own)*time.Second)
	}
	return wanted.Round(time.Second)
}

// PodGrace returns the termination grace period of the pods of a template.
func PodGrace(template *corev1.PodTemplateSpec) time.Duration {
	if seconds := template.Spec.TerminationGracePeriodSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return corev1.DefaultTerminationGracePeriodSeconds * time.Second
}
