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
	// StateStarting means that processes are wanted and none is ready yet.
	StateStarting State = "Starting"
	// StateActive means that at least one process works on a job, or that a Batch run is in
	// progress.
	StateActive State = "Active"
	// StateIdle means that processes are ready and none has a job, that the pool is scaled
	// to zero, or that no Batch run is in progress.
	StateIdle State = "Idle"
	// StatePaused means that the pool takes no jobs, because of spec.paused,
	// spec.pausedUntil or spec.onFailing.
	StatePaused State = "Paused"
	// StateStopped means that the pool has no pods, because of spec.stopped, spec.processes
	// 0 or the QueueApp's maxProcesses.
	StateStopped State = "Stopped"
	// StateFailing means that the pool cannot work: for example, every process crashes, or
	// its pods cannot start.
	StateFailing State = "Failing"
	// StateDraining means that the pool is being paused, stopped or removed and some process
	// still finishes its job.
	StateDraining State = "Draining"
)

// WorkerState is the activity of one worker process.
//
// +kubebuilder:validation:Enum=Starting;Idle;Busy;Retiring;Paused;BackingOff;Stopped
type WorkerState string

const (
	// WorkerStarting means that the process was started and has shown no activity yet.
	WorkerStarting WorkerState = "Starting"
	// WorkerIdle means that the process waits for a job.
	WorkerIdle WorkerState = "Idle"
	// WorkerBusy means that the process works on a job.
	WorkerBusy WorkerState = "Busy"
	// WorkerRetiring means that the process was asked to end and finishes its job.
	WorkerRetiring WorkerState = "Retiring"
	// WorkerPaused means that no process runs because the pool is paused.
	WorkerPaused WorkerState = "Paused"
	// WorkerBackingOff means that the process crashed and its successor waits to be started.
	WorkerBackingOff WorkerState = "BackingOff"
	// WorkerStopped means that the process ended and is not replaced, because its pod is
	// being removed or its run is over.
	WorkerStopped WorkerState = "Stopped"
)

// QueueWorkerStatus is the last observed state of the pool. Conditions, state, desired
// and failing are written at once, and processes and ready at most every 2 seconds.
// Fields that change with every job are written at most once a minute: Active or Idle,
// busy, idle, backlog, throughput, rows and totals.
type QueueWorkerStatus struct {
	// conditions describe the pool: Ready, Reconciling, Stalled, Paused, AgentsReporting,
	// GracefulStop, BacklogKnown, TimeoutChain, ScalingActive, ScalingLimited, WorkersStuck,
	// MemoryHigh, SlowJobs, FailuresHigh, WorkersFailing, Conflict, NotPermitted, Complete
	// and RunFailed.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=30
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// state sums the pool up in one word: Starting, Active, Idle, Paused, Stopped, Failing
	// or Draining. A change between Active and Idle is written at most once a minute.
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

	// desired is how many processes the pool should have now.
	// +optional
	Desired int32 `json:"desired"`

	// processes is how many processes the pool's pods have, whatever they do.
	// +optional
	Processes int32 `json:"processes"`

	// ready is how many processes can take jobs, or could if the pool were not paused.
	// +optional
	Ready int32 `json:"ready"`

	// busy is how many processes work on a job. Written at most once a minute.
	// +optional
	Busy int32 `json:"busy"`

	// idle is how many processes wait for a job. Written at most once a minute.
	// +optional
	Idle int32 `json:"idle"`

	// failing is how many processes crashed and wait to be started again.
	// +optional
	Failing int32 `json:"failing"`

	// backlog is how many jobs wait on the pool's queues, as last measured. Written at most
	// once a minute. Absent until the first measurement, and if the QueueApp's connection
	// has no driver.
	// +optional
	Backlog *BacklogStatus `json:"backlog,omitempty"`

	// autoscaling is the last decision about the pool's size. Absent without
	// spec.autoscaling.
	// +optional
	Autoscaling *AutoscalingStatus `json:"autoscaling,omitempty"`

	// batch describes the runs. Absent without mode Batch.
	// +optional
	Batch *BatchStatus `json:"batch,omitempty"`

	// throughput is how many jobs the pool does. Written at most once a minute. Absent until
	// a job has ended.
	// +optional
	Throughput *Throughput `json:"throughput,omitempty"`

	// totals are the counts since the QueueWorker was created.
	// +optional
	Totals Totals `json:"totals,omitzero"`

	// restarts count the processes that ended since the QueueWorker was created, by reason
	// and sorted by reason.
	// +optional
	// +listType=map
	// +listMapKey=reason
	// +kubebuilder:validation:MaxItems=30
	Restarts []RestartCount `json:"restarts,omitempty"`

	// onFailing is the current or last pause caused by spec.onFailing. Absent until the
	// first.
	// +optional
	OnFailing *FailurePause `json:"onFailing,omitempty"`

	// workers are the pool's processes, sorted by name; at most 100 rows.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=100
	Workers []Worker `json:"workers,omitempty"`

	// accounted is the part of totals and restarts that comes from each pod that still
	// exists. With it, no job is counted twice or forgotten when the operator restarts.
	// +optional
	// +listType=map
	// +listMapKey=uid
	// +kubebuilder:validation:MaxItems=2000
	Accounted []AccountedPod `json:"accounted,omitempty"`
}

// Throughput is how many jobs a pool does.
type Throughput struct {
	// jobsPerMinute is how many jobs ended (processed or failed) in the last 60 seconds,
	// with one decimal.
	// +kubebuilder:validation:MaxLength=64
	JobsPerMinute string `json:"jobsPerMinute"`

	// averageTime is the mean time of the jobs that ended in the last 5 minutes, such as
	// 0.92s. Empty if no job ended.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	AverageTime string `json:"averageTime,omitempty"`

	// failedShare is the share of jobs that failed for good among the jobs that ended in the
	// last 5 minutes, such as 0.2%. Empty if no job ended.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	FailedShare string `json:"failedShare,omitempty"`
}

// Totals count attempts by outcome. They are exact while the operator runs. If the
// operator misses the end of a pod, Totals have the counts that it saw last, and
// unaccountedWorkers counts the pod.
type Totals struct {
	// processed is how many jobs succeeded.
	// +optional
	Processed int64 `json:"processed"`

	// failed is how many jobs failed for good.
	// +optional
	Failed int64 `json:"failed"`

	// released is how many attempts did not succeed and put their job back on its queue.
	// +optional
	Released int64 `json:"released"`

	// unaccountedWorkers is how many pods ended before their last counts were read.
	// +optional
	UnaccountedWorkers int64 `json:"unaccountedWorkers"`
}

// RestartCount is how many processes ended for one reason.
type RestartCount struct {
	// reason is why the processes ended, such as MaxJobs, MaxTime, Memory,
	// JobTimeout, OOMKilled or Crashed.
	// +kubebuilder:validation:MaxLength=63
	Reason string `json:"reason"`

	// count is the number of processes.
	Count int64 `json:"count"`
}

// Worker is one worker process: a row of the worker table.
type Worker struct {
	// name is the pod's name and the process's slot in the pod, such as
	// emails-worker-abc-xyz/0.
	// +kubebuilder:validation:MaxLength=260
	Name string `json:"name"`

	// pid is the process id inside the pod; 0 while no process runs.
	// +optional
	PID int32 `json:"pid,omitempty"`

	// state says what the process does: Starting, Idle, Busy, Retiring, Paused,
	// BackingOff or Stopped.
	State WorkerState `json:"state"`

	// queue is the queue of the current job if the worker reports it, otherwise the pool's
	// queues.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Queue string `json:"queue,omitempty"`

	// startedTime is when the process was started.
	// +optional
	StartedTime *metav1.Time `json:"startedTime,omitempty"`

	// processed is how many jobs succeeded in this slot since the pod started.
	// +optional
	Processed int64 `json:"processed"`

	// failed is how many jobs failed for good in this slot since the pod started.
	// +optional
	Failed int64 `json:"failed"`

	// memory is the proportional set size of the process and its children.
	// +optional
	Memory *resource.Quantity `json:"memory,omitempty"`

	// cpu is the recent CPU use of the process, in cores.
	// +optional
	CPU *resource.Quantity `json:"cpu,omitempty"`

	// currentJob is the job that the process works on.
	// +optional
	CurrentJob *CurrentJob `json:"currentJob,omitempty"`

	// lastExit is why the process before this one ended.
	// +optional
	LastExit *Exit `json:"lastExit,omitempty"`
}

// CurrentJob is a job in progress.
type CurrentJob struct {
	// class is the job's class or name as the worker prints it.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Class string `json:"class,omitempty"`

	// id is the job's id if the worker prints it.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	ID string `json:"id,omitempty"`

	// startedTime is when the job began.
	// +optional
	StartedTime *metav1.Time `json:"startedTime,omitempty"`
}

// Exit is the end of a process.
type Exit struct {
	// reason is why the process ended, such as MaxJobs or JobTimeout.
	// +kubebuilder:validation:MaxLength=63
	Reason string `json:"reason"`

	// code is the exit code, or 128 plus the number of the signal.
	// +optional
	Code int32 `json:"code"`

	// message is why, in a sentence.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// AccountedPod is the part of totals and restarts from one pod.
type AccountedPod struct {
	// uid is the pod's UID.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=128
	UID types.UID `json:"uid"`

	// name is the pod's name.
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// reported is whether the pod's agent ever answered the operator.
	// +optional
	Reported bool `json:"reported,omitempty"`

	// processed is how many of the pod's succeeded jobs are in totals.
	// +optional
	Processed int64 `json:"processed,omitempty"`

	// failed is how many of the pod's failed jobs are in totals.
	// +optional
	Failed int64 `json:"failed,omitempty"`

	// released is how many of the pod's released attempts are in totals.
	// +optional
	Released int64 `json:"released,omitempty"`

	// restarts are how many of the pod's ended processes are in restarts, by reason.
	// +optional
	// +listType=map
	// +listMapKey=reason
	// +kubebuilder:validation:MaxItems=30
	Restarts []RestartCount `json:"restarts,omitempty"`

	// containerRestarts is how many restarts of the worker container are in restarts.
	// +optional
	ContainerRestarts int32 `json:"containerRestarts,omitempty"`
}
