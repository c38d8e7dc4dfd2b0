// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package effective

import (
	"time"

	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	defaultMinProcesses = 1
	defaultTargetWait   = 60 * time.Second
	defaultWindow       = 2 * time.Minute
)

// MinProcesses returns the fewest processes that autoscaling may choose.
func MinProcesses(auto *v1alpha1.Autoscaling) int32 {
	return valueOr(auto.MinProcesses, defaultMinProcesses)
}

// TargetWait returns how long a job may wait before autoscaling adds processes.
func TargetWait(auto *v1alpha1.Autoscaling) time.Duration {
	return durationOr(auto.TargetWait, defaultTargetWait)
}

// ScaleDownWindow returns how long autoscaling waits before it removes processes.
func ScaleDownWindow(auto *v1alpha1.Autoscaling) time.Duration {
	if auto.ScaleDown == nil {
		return defaultWindow
	}
	return durationOr(auto.ScaleDown.Window, defaultWindow)
}

// ScaleDownStep returns how many processes autoscaling removes at a time; 0 means any
// number.
func ScaleDownStep(auto *v1alpha1.Autoscaling) int32 {
	if auto.ScaleDown == nil {
		return 0
	}
	return auto.ScaleDown.Step
}
