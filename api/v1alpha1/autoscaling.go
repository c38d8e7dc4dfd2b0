// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Autoscaling sizes a pool so that no job waits longer than targetWait. It needs to know
// the backlog, so the QueueApp's connection must have a driver.
//
// +kubebuilder:validation:XValidation:rule="!has(self.minProcesses) || self.minProcesses <= self.maxProcesses",message="minProcesses must not be above maxProcesses",fieldPath=".minProcesses"
type Autoscaling struct {
	// minProcesses is the least number of processes, 0 to 1000. Default: 1. With 0 the pool
	// has no pods while no job waits. The first job wakes it, and so does a delayed job that
	// is about to be due.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	MinProcesses *int32 `json:"minProcesses,omitempty"`

	// maxProcesses is the greatest number of processes, 1 to 1000.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxProcesses int32 `json:"maxProcesses"`

	// targetWait is how long a job may wait before a worker takes it, in whole seconds such
	// as 60s, from 1s to 24h. Default: 60s.
	// +optional
	// +kubebuilder:default="60s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="targetWait must be a duration in whole seconds such as 60s, from 1s to 24h"
	TargetWait *metav1.Duration `json:"targetWait,omitempty"`

	// expectedJobTime is how long a job is expected to take, such as 800ms or 2s, from 1ms
	// to 24h. It is used only until the pool's own jobs are measured. Default: absent, the
	// shorter of timeout and 5s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}([.][0-9]{1,3})?s)?([0-9]{1,6}ms)?$') && duration(self) >= duration('1ms') && duration(self) <= duration('24h')",message="expectedJobTime must be a duration such as 800ms or 2s, from 1ms to 24h"
	ExpectedJobTime *metav1.Duration `json:"expectedJobTime,omitempty"`

	// scaleDown limits how soon and how fast the pool shrinks.
	// +optional
	ScaleDown *ScaleDown `json:"scaleDown,omitempty"`
}

// ScaleDown limits how soon and how fast a pool shrinks. Whatever its values, no worker
// is removed before its job is done.
type ScaleDown struct {
	// window is how long a smaller size must have been enough before the pool shrinks, in
	// whole seconds such as 2m, at most 24h. Default: 2m. 0s means at once.
	// +optional
	// +kubebuilder:default="2m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) <= duration('24h')",message="window must be a duration in whole seconds such as 2m, from 0s to 24h"
	Window *metav1.Duration `json:"window,omitempty"`

	// step is the greatest number of processes removed in one decision, 0 to 1000. There is
	// about one decision every 5 seconds. Default: 0, no limit. A step of less than one pod
	// counts as one pod.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Step int32 `json:"step,omitempty"`
}

// AutoscalingStatus is the last decision about a pool's size.
type AutoscalingStatus struct {
	// desired is the number of processes decided on.
	Desired int32 `json:"desired"`

	// reason is why, in one word.
	// +kubebuilder:validation:MaxLength=63
	Reason string `json:"reason"`

	// message is why, in a sentence with the numbers.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`

	// limitedBy is the bound in effect: Minimum, Maximum, Jobs, ScaleDownWindow,
	// ScaleDownStep or Cap; empty if none.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	LimitedBy string `json:"limitedBy,omitempty"`

	// arrivalRate is how many jobs arrive per second, with two digits, such as 3.1 or
	// 0.0033.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ArrivalRate string `json:"arrivalRate,omitempty"`

	// serviceTime is how long one job takes, such as 0.92s.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ServiceTime string `json:"serviceTime,omitempty"`

	// utilisation is the share of the pool's time that arriving jobs take, such as 71%. It
	// can exceed 100%.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Utilisation string `json:"utilisation,omitempty"`

	// timeToClear is how long this size needs to take all jobs that wait now, such as 45s,
	// or never.
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
	// time is when the size changed.
	Time metav1.Time `json:"time"`

	// from is the number of processes wanted before.
	From int32 `json:"from"`

	// to is the number of processes wanted from then on.
	To int32 `json:"to"`

	// reason is why, in one word.
	// +kubebuilder:validation:MaxLength=63
	Reason string `json:"reason"`

	// message is why, in a sentence with the numbers.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// BacklogStatus is the backlog of a pool's queues, as last measured.
type BacklogStatus struct {
	// ready is how many jobs a worker could take now. It includes delayed jobs that are due,
	// and jobs abandoned by a worker that died.
	Ready int64 `json:"ready"`

	// delayed is how many jobs are not due yet.
	// +optional
	Delayed int64 `json:"delayed"`

	// reserved is how many jobs are in progress, in any worker of these queues.
	// +optional
	Reserved int64 `json:"reserved"`

	// failed is how many failed jobs are kept (Database: of the latest 10000). Absent if
	// unknown, as with Redis.
	// +optional
	Failed *int64 `json:"failed,omitempty"`

	// oldestTime is when the oldest ready job became ready. Absent if no job is ready or the
	// backend does not report it, so absent does not mean zero. With Redis before Laravel
	// 12.11 it is only when the head of the queue last moved.
	// +optional
	OldestTime *metav1.Time `json:"oldestTime,omitempty"`

	// nextDueTime is when the next job becomes ready by itself: a delayed job is due, or a
	// job in progress counts as abandoned. Absent if there is no such job.
	// +optional
	NextDueTime *metav1.Time `json:"nextDueTime,omitempty"`

	// queues are the figures of each queue, in the order of spec.queue. Absent if there is
	// only one queue.
	// +optional
	// +listType=map
	// +listMapKey=queue
	// +kubebuilder:validation:MaxItems=20
	Queues []QueueBacklog `json:"queues,omitempty"`
}

// QueueBacklog is the backlog of one queue.
type QueueBacklog struct {
	// queue is its name.
	// +kubebuilder:validation:MaxLength=512
	Queue string `json:"queue"`

	// ready is how many jobs a worker could take now.
	Ready int64 `json:"ready"`

	// delayed is how many jobs are not due yet.
	// +optional
	Delayed int64 `json:"delayed"`

	// reserved is how many jobs are in progress.
	// +optional
	Reserved int64 `json:"reserved"`

	// failed is how many failed jobs are kept (Database: of the latest 10000). Absent if
	// unknown, as with Redis.
	// +optional
	Failed *int64 `json:"failed,omitempty"`

	// oldestTime is when the oldest ready job became ready. Absent if no job is ready or the
	// backend does not report it, so absent does not mean zero. With Redis before Laravel
	// 12.11 it is only when the head of the queue last moved.
	// +optional
	OldestTime *metav1.Time `json:"oldestTime,omitempty"`
}
