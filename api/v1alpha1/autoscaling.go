// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Autoscaling sizes a pool so that a job waits no longer than targetWait. It
// needs the backlog, so the QueueApp's connection needs a driver.
//
// +kubebuilder:validation:XValidation:rule="!has(self.minProcesses) || self.minProcesses <= self.maxProcesses",message="minProcesses must not be above maxProcesses",fieldPath=".minProcesses"
type Autoscaling struct {
	// minProcesses is how many processes there are at least, 0 to 1000. Default: 1.
	// With 0 the pool has no pods while nothing waits, and is woken by the first job
	// and at the due time of delayed ones.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	MinProcesses *int32 `json:"minProcesses,omitempty"`

	// maxProcesses is how many processes there are at most, 1 to 1000.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxProcesses int32 `json:"maxProcesses"`

	// targetWait is how long a job may wait before a worker takes it, in whole seconds
	// such as 60s, from 1s to 24h. Default: 60s.
	// +optional
	// +kubebuilder:default="60s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="targetWait must be a duration in whole seconds such as 60s, from 1s to 24h"
	TargetWait *metav1.Duration `json:"targetWait,omitempty"`

	// expectedJobTime is how long a job takes, such as 800ms or 2s, from 1ms to 24h. It
	// counts only until the pool's own jobs have been measured. Default: absent, the
	// shorter of timeout and 5s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}([.][0-9]{1,3})?s)?([0-9]{1,6}ms)?$') && duration(self) >= duration('1ms') && duration(self) <= duration('24h')",message="expectedJobTime must be a duration such as 800ms or 2s, from 1ms to 24h"
	ExpectedJobTime *metav1.Duration `json:"expectedJobTime,omitempty"`

	// scaleDown says how soon and how fast the pool becomes smaller.
	// +optional
	ScaleDown *ScaleDown `json:"scaleDown,omitempty"`
}

// ScaleDown says how soon and how fast a pool becomes smaller. However it is set,
// no worker is removed before its job is done.
type ScaleDown struct {
	// window is for how long a smaller size must have been enough, in whole seconds
	// such as 2m, at most 24h. Default: 2m. 0s makes the pool smaller at once.
	// +optional
	// +kubebuilder:default="2m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) <= duration('24h')",message="window must be a duration in whole seconds such as 2m, from 0s to 24h"
	Window *metav1.Duration `json:"window,omitempty"`

	// step is how many processes are removed at most at each decision, which is about
	// every 5 seconds, 0 to 1000; less than a pod counts as one pod. Default: 0, no limit.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Step int32 `json:"step,omitempty"`
}

// AutoscalingStatus is the last decision about a pool's size.
type AutoscalingStatus struct {
	// desired is how many processes were decided on.
	Desired int32 `json:"desired"`

	// reason is why, in one word.
	// +kubebuilder:validation:MaxLength=63
	Reason string `json:"reason"`

	// message is why, in a sentence with the numbers.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`

	// limitedBy is what kept the pool from being as large or small as computed; empty
	// if nothing did.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	LimitedBy string `json:"limitedBy,omitempty"`

	// arrivalRate is how many jobs arrive per second, in two digits, such as 3.1 or 0.0033.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ArrivalRate string `json:"arrivalRate,omitempty"`

	// serviceTime is how long one job takes, such as 0.92s.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ServiceTime string `json:"serviceTime,omitempty"`

	// utilisation is the share of the pool's time that the arriving jobs take, such as 71%.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Utilisation string `json:"utilisation,omitempty"`

	// timeToClear is in how long the jobs that wait now will have been taken at this
	// size, such as 45s.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	TimeToClear string `json:"timeToClear,omitempty"`

	// decisions are the last changes of the size, newest first, at most 20.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Decisions []ScalingDecision `json:"decisions,omitempty"`
}

// ScalingDecision is one change of a pool's size.
type ScalingDecision struct {
	// time is when it was decided.
	Time metav1.Time `json:"time"`

	// from is how many processes there were to be before.
	From int32 `json:"from"`

	// to is how many processes there were to be from then on.
	To int32 `json:"to"`

	// reason is why, in one word.
	// +kubebuilder:validation:MaxLength=63
	Reason string `json:"reason"`

	// message is why, in a sentence with the numbers.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// BacklogStatus is what waits on a pool's queues, as last measured.
type BacklogStatus struct {
	// ready is how many jobs a worker could take now, with delayed ones that are due
	// and those abandoned by a worker that died.
	Ready int64 `json:"ready"`

	// delayed is how many jobs are not due yet.
	// +optional
	Delayed int64 `json:"delayed"`

	// reserved is how many jobs are being worked on, by any worker of these queues.
	// +optional
	Reserved int64 `json:"reserved"`

	// failed is how many jobs failed for good and are kept. Absent where the backend
	// does not know.
	// +optional
	Failed *int64 `json:"failed,omitempty"`

	// oldestTime is since when the oldest ready job has been ready. Absent if there
	// is none or the backend does not tell. Redis before Laravel 12.11 does not; there
	// it is only since when the head has not moved, so absent is not zero.
	// +optional
	OldestTime *metav1.Time `json:"oldestTime,omitempty"`

	// nextDueTime is when the next job becomes ready by itself: a delayed one that is due,
	// or one being worked on that would count as abandoned. Absent if there is none.
	// +optional
	NextDueTime *metav1.Time `json:"nextDueTime,omitempty"`

	// queues are the figures of each queue, in the order of spec.queue; absent if there
	// is just one.
	// +optional
	// +listType=map
	// +listMapKey=queue
	// +kubebuilder:validation:MaxItems=20
	Queues []QueueBacklog `json:"queues,omitempty"`
}

// QueueBacklog is what waits on one queue.
type QueueBacklog struct {
	// queue is its name.
	// +kubebuilder:validation:MaxLength=512
	Queue string `json:"queue"`

	// ready is how many jobs a worker could take now.
	Ready int64 `json:"ready"`

	// delayed is how many jobs are not due yet.
	// +optional
	Delayed int64 `json:"delayed"`

	// reserved is how many jobs are being worked on.
	// +optional
	Reserved int64 `json:"reserved"`

	// failed is how many jobs failed for good and are kept. Absent where the backend
	// does not know.
	// +optional
	Failed *int64 `json:"failed,omitempty"`

	// oldestTime is since when the oldest ready job has been ready. Absent if there
	// is none or the backend does not tell. Redis before Laravel 12.11 does not; there
	// it is only since when the head has not moved, so absent is not zero.
	// +optional
	OldestTime *metav1.Time `json:"oldestTime,omitempty"`
}
