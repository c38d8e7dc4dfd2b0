// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Alerts holds the thresholds at which the health of a pool's jobs causes a condition and
// an event. A percentage or number of crashes of 0 is not watched.
type Alerts struct {
	// memoryPercent is the share of memory, in percent, 0 to 200. The condition MemoryHigh
	// begins when a process has been above it for memoryFor. Default: 80. 0 means never.
	// +optional
	// +kubebuilder:default=80
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=200
	MemoryPercent *int32 `json:"memoryPercent,omitempty"`

	// memoryFor is how long a process must exceed memoryPercent, in whole seconds, at most
	// 1h. Default: 2m. 0s: at once.
	// +optional
	// +kubebuilder:default="2m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) <= duration('1h')",message="memoryFor must be a duration in whole seconds such as 2m, from 0s to 1h"
	MemoryFor *metav1.Duration `json:"memoryFor,omitempty"`

	// slowJobPercent is the share of timeout, in percent, 0 to 100. The condition SlowJobs
	// begins when a job has run for that long. Default: 80. 0 means never, and so does
	// timeout 0s.
	// +optional
	// +kubebuilder:default=80
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	SlowJobPercent *int32 `json:"slowJobPercent,omitempty"`

	// failedPercent is the share of failed jobs, in percent, 0 to 100, above which the
	// condition FailuresHigh begins. It counts the jobs that ended in the last 5 minutes.
	// Default: 10. 0 means never.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	FailedPercent *int32 `json:"failedPercent,omitempty"`

	// failedMinimum is how many jobs must have ended in the last 5 minutes before
	// failedPercent counts, 0 to 1000000. Default: 10. 0 means that one job is enough.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	FailedMinimum *int32 `json:"failedMinimum,omitempty"`

	// crashes is how many processes, 0 to 1000, must crash, or be restarted for
	// maxExceptions, within 5 minutes for the condition WorkersFailing. Default: 3. 0 means
	// never. One restart is enough if no job succeeded.
	// +optional
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Crashes *int32 `json:"crashes,omitempty"`
}

// OnFailing is the reaction to a pool whose jobs fail.
//
// +kubebuilder:validation:Enum=Continue;Pause
type OnFailing string

const (
	// OnFailingContinue lets the pool go on working.
	OnFailingContinue OnFailing = "Continue"
	// OnFailingPause pauses the pool until its annotation resumedAt gets a new value.
	OnFailingPause OnFailing = "Pause"
)

// FailurePause is the pause of a pool by onFailing: Pause. It is kept in the status
// because the operator writes no spec, and because it must survive the operator.
type FailurePause struct {
	// paused is true while the pool is paused because its jobs fail.
	// +optional
	Paused bool `json:"paused,omitempty"`

	// cause says why, in a sentence.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Cause string `json:"cause,omitempty"`

	// pausedTime is when the pool was paused.
	// +optional
	PausedTime *metav1.Time `json:"pausedTime,omitempty"`

	// resumedAt is the last value of the annotation queueworker.dev/resumedAt that the
	// operator has handled. Any other value ends the pause.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	ResumedAt string `json:"resumedAt,omitempty"`

	// resumedTime is when the last pause by onFailing ended. Earlier failures no longer
	// count.
	// +optional
	ResumedTime *metav1.Time `json:"resumedTime,omitempty"`
}
