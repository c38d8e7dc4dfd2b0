// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// State sums a pool up in one word.
//
// +kubebuilder:validation:Enum=Starting;Active;Idle;Paused;Stopped;Failing;Draining
type State string

const (
	// StateStarting means that processes are wanted and none has come up yet.
	StateStarting State = "Starting"
	// StateActive means that at least one process is working on a job.
	StateActive State = "Active"
	// StateIdle means that processes run and none has a job, or that a pool of mode Batch
	// has no run now.
	StateIdle State = "Idle"
	// StatePaused means that the pool takes no jobs because spec.paused is true.
	StatePaused State = "Paused"
	// StateStopped means that the pool has no pods because spec.stopped is true or
	// spec.processes is 0.
	StateStopped State = "Stopped"
	// StateFailing means that the pool cannot work: every process crashes, or its
	// pods cannot start.
	StateFailing State = "Failing"
	// StateDraining means that the pool is to be paused, stopped or removed and
	// some process still finishes its job.
	StateDraining State = "Draining"
)

// WorkerState is what one worker process does.
//
// +kubebuilder:validation:Enum=Starting;Idle;Busy;Retiring;Paused;BackingOff;Stopped
type WorkerState string

const (
	// WorkerStarting means that the process has been started and was not heard of yet.
	WorkerStarting WorkerState = "Starting"
	// WorkerIdle means that the process waits for a job.
	WorkerIdle WorkerState = "Idle"
	// WorkerBusy means that the process works on a job.
	WorkerBusy WorkerState = "Busy"
	// WorkerRetiring means that the process was asked to end and finishes its job.
	WorkerRetiring WorkerState = "Retiring"
	// WorkerPaused means that no process runs because the pool is paused.
	WorkerPaused WorkerState = "Paused"
	// WorkerBackingOff means that the process crashed and its successor waits.
	WorkerBackingOff WorkerState = "BackingOff"
	// WorkerStopped means that the process ended and gets no successor because its
	// pod is being removed.
	WorkerStopped WorkerState = "Stopped"
)

// QueueWorkerStatus is the pool as last seen. Conditions, the numbers of processes
// wanted, present and ready, and the state are written as they change. What changes
// with every job follows at most once a minute: Active or Idle, busy, idle, backlog,
// throughput, rows and totals.
type QueueWorkerStatus struct {
	// conditions are the standing findings about the pool: Ready, Reconciling,
	// Stalled, Paused, AgentsReporting, GracefulStop, BacklogKnown, TimeoutChain,
	// ScalingActive, ScalingLimited, WorkersStuck, MemoryHigh, SlowJobs, FailuresHigh,
	// WorkersFailing, Conflict, NotPermitted, Complete and RunFailed.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=30
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec this status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// state sums the pool up in one word: Starting, Active, Idle, Paused, Stopped,
	// Failing or Draining. Whether it is Active or Idle is written at most once a minute.
	// +optional
	State State `json:"state,omitempty"`

	// appName is the QueueApp in use.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	AppName string `json:"appName,omitempty"`

	// selector is the label selector of the pool's pods, for autoscalers and kubectl.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Selector string `json:"selector,omitempty"`

	// desired is how many processes the pool is meant to have now.
	// +optional
	Desired int32 `json:"desired"`

	// processes is how many processes the pool's pods hold, whatever they do.
	// +optional
	Processes int32 `json:"processes"`

	// ready is how many processes are able to take jobs, or would be if not paused.
	// +optional
	Ready int32 `json:"ready"`

	// busy is how many processes work on a job. Written at most once a minute.
	// +optional
	Busy int32 `json:"busy"`

	// idle is how many processes wait for a job. Written at most once a minute.
	// +optional
	Idle int32 `json:"idle"`

	// failing is how many processes crashed and wait for their next start.
	// +optional
	Failing int32 `json:"failing"`

	// backlog is what waits on the pool's queues, as last measured. Written at most once
	// a minute. Absent until it has been measured, or where the QueueApp's connection has
	// no driver.
	// +optional
	Backlog *BacklogStatus `json:"backlog,omitempty"`

	// autoscaling is the last decision about the pool's size. Absent without
	// spec.autoscaling.
	// +optional
	Autoscaling *AutoscalingStatus `json:"autoscaling,omitempty"`

	// batch is what became of the runs. Absent without mode Batch.
	// +optional
	Batch *BatchStatus `json:"batch,omitempty"`

	// throughput is what the pool gets done. Written at most once a minute. Absent until a
	// job has ended.
	// +optional
	Throughput *Throughput `json:"throughput,omitempty"`

	// totals are the counts since the QueueWorker was created.
	// +optional
	Totals Totals `json:"totals,omitzero"`

	// restarts are the ended processes by reason since the QueueWorker was created,
	// sorted by reason.
	// +optional
	// +listType=map
	// +listMapKey=reason
	// +kubebuilder:validation:MaxItems=30
	Restarts []RestartCount `json:"restarts,omitempty"`

	// onFailing is the pause that spec.onFailing has made, or the last one. Absent until
	// there was one.
	// +optional
	OnFailing *FailurePause `json:"onFailing,omitempty"`

	// workers are the pool's processes, sorted by name; at most 100 rows.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=100
	Workers []Worker `json:"workers,omitempty"`

	// accounted is what totals and restarts already contain of each pod that still
	// exists, so that no job is counted twice or forgotten across operator restarts.
	// +optional
	// +listType=map
	// +listMapKey=uid
	// +kubebuilder:validation:MaxItems=2000
	Accounted []AccountedPod `json:"accounted,omitempty"`
}

// Throughput is what a pool gets done.
type Throughput struct {
	// jobsPerMinute is the number of jobs ended (processed or failed) in the last
	// 60 seconds, with one decimal.
	// +kubebuilder:validation:MaxLength=64
	JobsPerMinute string `json:"jobsPerMinute"`

	// averageTime is the mean time of the jobs ended in the last 5 minutes, such as
	// 0.92s. Empty if none has ended.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	AverageTime string `json:"averageTime,omitempty"`

	// failedShare is the share of jobs that failed for good among those ended in the
	// last 5 minutes, such as 0.2%. Empty if none has ended.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	FailedShare string `json:"failedShare,omitempty"`
}

// Totals are counts of attempts by outcome. They are exact while the operator
// runs; what ended while it was away counts as last seen, and
// unaccountedWorkers tells of how many pods that is so.
type Totals struct {
	// processed is the number of jobs that succeeded.
	// +optional
	Processed int64 `json:"processed"`

	// failed is the number of jobs that failed for good.
	// +optional
	Failed int64 `json:"failed"`

	// released is the number of attempts that ended without success and put their
	// job back on its queue.
	// +optional
	Released int64 `json:"released"`

	// unaccountedWorkers is the number of pods that ended without their last counts
	// being seen.
	// +optional
	UnaccountedWorkers int64 `json:"unaccountedWorkers"`
}

// RestartCount is how many processes ended for one reason.
type RestartCount struct {
	// reason is why the processes ended, such as MaxJobs, MaxTime, Memory,
	// JobTimeout, OOMKilled or Crashed.
	// +kubebuilder:validation:MaxLength=63
	Reason string `json:"reason"`

	// count is how many ended for it.
	Count int64 `json:"count"`
}

// Worker is one worker process: a row of the worker table.
type Worker struct {
	// name is the pod's name and the process's slot in it, such as emails-worker-abc-xyz/0.
	// +kubebuilder:validation:MaxLength=260
	Name string `json:"name"`

	// pid is the process id inside the pod; 0 while no process runs.
	// +optional
	PID int32 `json:"pid,omitempty"`

	// state is what the process does: Starting, Idle, Busy, Retiring, Paused,
	// BackingOff or Stopped.
	State WorkerState `json:"state"`

	// queue is the queue of the current job where the worker tells it, else the
	// pool's queues.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Queue string `json:"queue,omitempty"`

	// startedTime is when the process was started.
	// +optional
	StartedTime *metav1.Time `json:"startedTime,omitempty"`

	// processed is the number of jobs that succeeded in this slot since the pod started.
	// +optional
	Processed int64 `json:"processed"`

	// failed is the number of jobs that failed for good in this slot since the pod started.
	// +optional
	Failed int64 `json:"failed"`

	// memory is the process's proportional set size with that of its children.
	// +optional
	Memory *resource.Quantity `json:"memory,omitempty"`

	// cpu is the CPU the process used of late, in cores.
	// +optional
	CPU *resource.Quantity `json:"cpu,omitempty"`

	// currentJob is the job the process works on.
	// +optional
	CurrentJob *CurrentJob `json:"currentJob,omitempty"`

	// lastExit is why the process before this one ended.
	// +optional
	LastExit *Exit `json:"lastExit,omitempty"`
}

// CurrentJob is a job being worked on.
type CurrentJob struct {
	// class is the job's class or name as the worker prints it.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Class string `json:"class,omitempty"`

	// id is the job's id where the worker prints one.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	ID string `json:"id,omitempty"`

	// startedTime is when work on it began.
	// +optional
	StartedTime *metav1.Time `json:"startedTime,omitempty"`
}

// Exit is how a process ended.
type Exit struct {
	// reason is why it ended, such as MaxJobs or JobTimeout.
	// +kubebuilder:validation:MaxLength=63
	Reason string `json:"reason"`

	// code is its exit code, or 128 plus the signal that ended it.
	// +optional
	Code int32 `json:"code"`

	// message says it in a sentence.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// AccountedPod is what totals and restarts already contain of one pod.
type AccountedPod struct {
	// uid is the pod's UID.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=128
	UID types.UID `json:"uid"`

	// name is the pod's name.
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// reported tells that the pod's agent has ever answered the operator.
	// +optional
	Reported bool `json:"reported,omitempty"`

	// processed is how many of the pod's succeeded jobs totals contain.
	// +optional
	Processed int64 `json:"processed,omitempty"`

	// failed is how many of the pod's failed jobs totals contain.
	// +optional
	Failed int64 `json:"failed,omitempty"`

	// released is how many of the pod's released attempts totals contain.
	// +optional
	Released int64 `json:"released,omitempty"`

	// restarts are how many of the pod's ended processes restarts contain, by reason.
	// +optional
	// +listType=map
	// +listMapKey=reason
	// +kubebuilder:validation:MaxItems=30
	Restarts []RestartCount `json:"restarts,omitempty"`

	// containerRestarts is how many restarts of the worker container restarts contain.
	// +optional
	ContainerRestarts int32 `json:"containerRestarts,omitempty"`
}
