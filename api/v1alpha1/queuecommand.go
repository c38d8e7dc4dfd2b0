// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// CommandAction says what a QueueCommand does.
//
// +kubebuilder:validation:Enum=ListFailed;RetryFailed;ForgetFailed;FlushFailed;ClearQueue;Once
type CommandAction string

const (
	// ActionListFailed reads a page of the failed jobs. It changes nothing and starts no
	// pod.
	ActionListFailed CommandAction = "ListFailed"
	// ActionRetryFailed puts failed jobs back onto their queues.
	ActionRetryFailed CommandAction = "RetryFailed"
	// ActionForgetFailed deletes failed jobs by id.
	ActionForgetFailed CommandAction = "ForgetFailed"
	// ActionFlushFailed deletes all failed jobs, or those older than spec.hours.
	ActionFlushFailed CommandAction = "FlushFailed"
	// ActionClearQueue deletes all jobs of a queue.
	ActionClearQueue CommandAction = "ClearQueue"
	// ActionOnce runs one waiting job, verbosely, and ends. It ends at once if no job waits.
	ActionOnce CommandAction = "Once"
)

// CommandState is the progress of a QueueCommand.
//
// +kubebuilder:validation:Enum=Pending;Running;Succeeded;Failed
type CommandState string

const (
	// CommandPending means that the command does not run yet.
	CommandPending CommandState = "Pending"
	// CommandRunning means that the command is running.
	CommandRunning CommandState = "Running"
	// CommandSucceeded means that the command ended with exit code 0, or that the list was
	// read.
	CommandSucceeded CommandState = "Succeeded"
	// CommandFailed means that the command ended otherwise or could not run. The message
	// says why.
	CommandFailed CommandState = "Failed"
)

// FailedJobID identifies a failed job: by its UUID, or by its number if the application
// stores no UUIDs.
//
// +kubebuilder:validation:MaxLength=36
type FailedJobID string

// QueueCommandSpec is a command that runs once. It cannot be changed.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec may not be changed, since a command runs once; delete the QueueCommand and create another"
// +kubebuilder:validation:XValidation:rule="has(self.ids) && size(self.ids) > 0 ? self.action in ['RetryFailed', 'ForgetFailed'] : self.action != 'ForgetFailed'",message="ids must be set when action is ForgetFailed, and may only be set when it is that or RetryFailed",fieldPath=".ids"
// +kubebuilder:validation:XValidation:rule="self.action == 'RetryFailed' ? (has(self.ids) && size(self.ids) > 0) != (has(self.all) && self.all) : !has(self.all) || !self.all",message="all must be true or ids be set, not both, when action is RetryFailed; all may not be set otherwise",fieldPath=".all"
// +kubebuilder:validation:XValidation:rule="self.action != 'ClearQueue' || (has(self.queue) && size(self.queue) > 0)",message="queue must be set when action is ClearQueue",fieldPath=".queue"
// +kubebuilder:validation:XValidation:rule="!has(self.queue) || size(self.queue) == 0 || self.action in ['ListFailed', 'ClearQueue', 'Once'] || (self.action == 'RetryFailed' && has(self.all) && self.all)",message="queue may only be set when action is ListFailed, ClearQueue or Once, or RetryFailed with all",fieldPath=".queue"
// +kubebuilder:validation:XValidation:rule="!has(self.queue) || self.action == 'Once' || !self.queue.contains(',')",message="queue must be one name unless action is Once",fieldPath=".queue"
// +kubebuilder:validation:XValidation:rule="self.action == 'ListFailed' || ((!has(self.search) || size(self.search) == 0) && (!has(self.continue) || size(self.continue) == 0) && !has(self.limit))",message="search, limit and continue may only be set when action is ListFailed"
// +kubebuilder:validation:XValidation:rule="self.action == 'FlushFailed' || !has(self.hours)",message="hours may only be set when action is FlushFailed",fieldPath=".hours"
// +kubebuilder:validation:XValidation:rule="self.action == 'Once' || !has(self.workerName) || size(self.workerName) == 0",message="workerName may only be set when action is Once",fieldPath=".workerName"
// +kubebuilder:validation:XValidation:rule="!has(self.workerName) || size(self.workerName) == 0 || !has(self.appName) || size(self.appName) == 0",message="appName may not be set when workerName is; the QueueWorker says which QueueApp it uses",fieldPath=".appName"
type QueueCommandSpec struct {
	// appName is the name of the QueueApp in this namespace that the command is for.
	// Default: empty, the QueueApp named default, or the only QueueApp of the namespace.
	// +optional
	// +kubebuilder:validation:MaxLength=50
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="appName must be the name of a QueueApp: lower-case letters, digits, hyphens and dots"
	AppName string `json:"appName,omitempty"`

	// workerName is the name of a QueueWorker in this namespace. The job runs with its
	// queue, options, env and placement. Only for Once. Default: empty, the QueueApp's
	// template and the default options of a QueueWorker.
	// +optional
	// +kubebuilder:validation:MaxLength=50
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="workerName must be the name of a QueueWorker: lower-case letters, digits, hyphens and dots"
	WorkerName string `json:"workerName,omitempty"`

	// action says what the command does: ListFailed (read a page of the failed jobs),
	// RetryFailed (put failed jobs back onto their queues), ForgetFailed (delete the failed
	// jobs in ids), FlushFailed (delete all failed jobs), ClearQueue (delete all jobs of a
	// queue) or Once (run one waiting job).
	// +required
	Action CommandAction `json:"action"`

	// ids are the failed jobs to retry or to forget: UUIDs or numbers, as ListFailed shows
	// them. At most 100. Default: empty.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:XValidation:rule="self.all(id, id.matches('^([0-9]{1,19}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$'))",message="ids must be UUIDs or numbers of failed jobs, as a ListFailed shows them"
	IDs []FailedJobID `json:"ids,omitempty"`

	// all retries all failed jobs, or all failed jobs of queue if that is set. Only for
	// RetryFailed, instead of ids. Default: false.
	// +optional
	All bool `json:"all,omitempty"`

	// queue is the queue to clear, to list or retry failed jobs of, or to take one job from.
	// Only Once accepts several names, separated by commas in priority order. Default:
	// empty, all failed jobs; for Once, the queues of the QueueWorker in workerName or else
	// of the connection.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Za-z0-9_.:/@{}-]+(,[A-Za-z0-9_.:/@{}-]+)*$')",message="queue must be a queue's name, of letters, digits and the characters _ . : / @ { } -"
	Queue string `json:"queue,omitempty"`

	// search limits the list to failed jobs whose id, class, queue or first line of the
	// exception contains this text, in upper or lower case. Default: empty, all failed jobs.
	// +optional
	// +kubebuilder:validation:MaxLength=200
	// +kubebuilder:validation:XValidation:rule="!self.matches('[[:cntrl:]]')",message="search must be one line of text"
	Search string `json:"search,omitempty"`

	// limit is the greatest number of failed jobs in the list, 1 to 100. Default: 50.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Limit *int32 `json:"limit,omitempty"`

	// continue requests the next page: set it to status.continue of the page before.
	// Default: empty, the newest failed jobs.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Za-z0-9_-]+$')",message="continue must be the status.continue of an earlier ListFailed"
	Continue string `json:"continue,omitempty"`

	// hours makes FlushFailed keep jobs that failed within this number of hours, 1 to 87600.
	// It needs Laravel 9 or later. Default: absent, no job is kept.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=87600
	Hours *int32 `json:"hours,omitempty"`

	// ttl is how long the QueueCommand and its Job are kept after its end was reported, in
	// whole seconds such as 10m, from 10s to 168h. Default: 10m.
	// +optional
	// +kubebuilder:default="10m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) >= duration('10s') && duration(self) <= duration('168h')",message="ttl must be a duration in whole seconds such as 10m, from 10s to 168h"
	TTL *metav1.Duration `json:"ttl,omitempty"`
}

// QueueCommandStatus is the progress and the result of a command.
type QueueCommandStatus struct {
	// state is Pending, Running, Succeeded or Failed.
	// +optional
	State CommandState `json:"state,omitempty"`

	// message is a sentence that says what the command waits for, or how it ended.
	// +optional
	// +kubebuilder:validation:MaxLength=32768
	Message string `json:"message,omitempty"`

	// jobName is the Job that runs the command. Empty until the Job exists, and for
	// ListFailed.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	JobName string `json:"jobName,omitempty"`

	// jobUID is the UID of that Job, so that no other Job is mistaken for it. If the Job no
	// longer exists, the command has failed and does not run again.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=128
	JobUID types.UID `json:"jobUID,omitempty"`

	// startedTime is when the command began to run.
	// +optional
	StartedTime *metav1.Time `json:"startedTime,omitempty"`

	// endedTime is when it ended.
	// +optional
	EndedTime *metav1.Time `json:"endedTime,omitempty"`

	// exitCode is the exit code of the command. Absent until the command has ended, and for
	// ListFailed.
	// +optional
	ExitCode *int32 `json:"exitCode,omitempty"`

	// output is the end of the command's output, at most 8 KiB.
	// +optional
	// +kubebuilder:validation:MaxLength=8192
	Output string `json:"output,omitempty"`

	// failedJobs are the failed jobs that ListFailed found, newest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	FailedJobs []FailedJob `json:"failedJobs,omitempty"`

	// total is the number of all failed jobs, whatever search is, counted up to 100000.
	// Absent if they were not counted.
	// +optional
	Total *int64 `json:"total,omitempty"`

	// continue is the value of spec.continue for the next page. Empty on the last page.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Continue string `json:"continue,omitempty"`

	// conditions are Complete once the command has succeeded, and Failed once it has failed.
	// Before that there is none.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=20
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// FailedJob is one job that has failed for good.
type FailedJob struct {
	// id identifies the job for RetryFailed and ForgetFailed: a UUID or a number.
	// +required
	// +kubebuilder:validation:MaxLength=64
	ID string `json:"id"`

	// class is the job's class. Empty if the job's payload does not contain it.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Class string `json:"class,omitempty"`

	// connection is the queue connection that the job came from.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Connection string `json:"connection,omitempty"`

	// queue is the queue the job came from.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Queue string `json:"queue,omitempty"`

	// failedTime is when the job failed, by the application's clock, which is assumed to be
	// UTC.
	// +optional
	FailedTime *metav1.Time `json:"failedTime,omitempty"`

	// exception is the first line of the exception, at most 300 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=900
	Exception string `json:"exception,omitempty"`
}

// QueueCommand does one thing once with the jobs of an application: it lists, retries or
// deletes failed jobs, clears a queue, or runs one job. It needs no right to exec into a
// pod. A user who may create and read QueueCommands may do all of this, and sees failed
// jobs.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=qcmd,categories=queueing
// +kubebuilder:printcolumn:name="Action",type=string,JSONPath=`.spec.action`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="App",type=string,JSONPath=`.spec.appName`,priority=1
// +kubebuilder:printcolumn:name="Job",type=string,JSONPath=`.status.jobName`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 50",message="metadata.name must be at most 50 characters, so that the names of objects made for it fit",fieldPath=".metadata"
type QueueCommand struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata. The name is at most 50 characters.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the command to run.
	// +required
	Spec QueueCommandSpec `json:"spec"`

	// status says how the command went.
	// +optional
	Status QueueCommandStatus `json:"status,omitzero"`
}

// QueueCommandList is a list of QueueCommands.
//
// +kubebuilder:object:root=true
type QueueCommandList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []QueueCommand `json:"items"`
}
