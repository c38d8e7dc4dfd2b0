// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Mode is whether a pool works on or in runs that end.
//
// +kubebuilder:validation:Enum=Continuous;Batch
type Mode string

const (
	// ModeContinuous keeps the workers running.
	ModeContinuous Mode = "Continuous"
	// ModeBatch starts the workers in runs. Each run ends when the queues are empty.
	ModeBatch Mode = "Batch"
)

// Batch sets when runs begin and how many ended runs are kept.
//
// +kubebuilder:validation:XValidation:rule="!has(self.timeZone) || size(self.timeZone) == 0 || (has(self.schedule) && size(self.schedule) > 0)",message="timeZone needs a schedule: it says where the schedule's times are meant",fieldPath=".timeZone"
type Batch struct {
	// waitForDelayed makes a run wait for delayed jobs, and for jobs that wait for their
	// next attempt. Default: true. With false such jobs are left for the next run. Without a
	// driver in the QueueApp's connection it has no effect: a run then ends when no job is
	// ready.
	// +optional
	// +kubebuilder:default=true
	WaitForDelayed *bool `json:"waitForDelayed,omitempty"`

	// schedule is when runs begin, in the format of a CronJob: five fields (minute, hour,
	// day of the month, month, day of the week) such as 30 4 * * *, or @hourly, @daily,
	// @weekly, @monthly or @yearly. Default: empty, one run when the QueueWorker is created
	// or becomes a Batch pool. The annotation queueworker.dev/runAt starts a run in both
	// cases.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^@(hourly|daily|midnight|weekly|monthly|yearly|annually)$') || self.matches('^[0-9*,/?-]+ +[0-9*,/?-]+ +[0-9*,/?-]+ +[0-9A-Za-z*,/?-]+ +[0-9A-Za-z*,/?-]+$') && !self.matches('(^|[ ,]),|,( |$)')",message="schedule must have five fields such as 30 4 * * * (minute, hour, day of month, month, day of week), or be @hourly, @daily, @weekly, @monthly or @yearly; the time zone goes into timeZone"
	Schedule string `json:"schedule,omitempty"`

	// timeZone is the IANA name of the time zone of schedule, such as Europe/Berlin.
	// Default: empty, UTC.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self == '' || (self != 'Local' && self.matches('^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$'))",message="timeZone must be an IANA name such as Europe/Berlin or UTC"
	TimeZone string `json:"timeZone,omitempty"`

	// successfulRunsHistoryLimit is how many complete runs are kept as Jobs, with their pods
	// and logs, 0 to 100. Default: 3. 0 means none.
	// +optional
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	SuccessfulRunsHistoryLimit *int32 `json:"successfulRunsHistoryLimit,omitempty"`

	// failedRunsHistoryLimit is how many failed runs are kept as Jobs, with their pods and
	// logs, 0 to 100. Default: 1. 0 means none.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	FailedRunsHistoryLimit *int32 `json:"failedRunsHistoryLimit,omitempty"`
}

// RunOutcome is how a run ended.
//
// +kubebuilder:validation:Enum=Complete;Failed;Stopped
type RunOutcome string

const (
	// RunComplete means that the queues were empty and every worker ended well.
	RunComplete RunOutcome = "Complete"
	// RunFailed means that the run's pods failed so often that Kubernetes gave up its Job.
	RunFailed RunOutcome = "Failed"
	// RunStopped means that the run ended before its queues were empty: because of
	// spec.stopped or another mode, or because its Job was deleted.
	RunStopped RunOutcome = "Stopped"
)

// BatchStatus describes past and next runs.
type BatchStatus struct {
	// activeRun is the name of the run that has not ended yet, and of its Job. Empty between
	// runs.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	ActiveRun string `json:"activeRun,omitempty"`

	// lastScheduleTime is the last scheduled time for which a run was started.
	// +optional
	LastScheduleTime *metav1.Time `json:"lastScheduleTime,omitempty"`

	// lastStartTime is when the last run was started, by the schedule or otherwise.
	// +optional
	LastStartTime *metav1.Time `json:"lastStartTime,omitempty"`

	// lastSuccessfulTime is when the last complete run ended.
	// +optional
	LastSuccessfulTime *metav1.Time `json:"lastSuccessfulTime,omitempty"`

	// nextScheduleTime is the next scheduled time. Absent without a schedule, and while the
	// QueueWorker is paused or stopped.
	// +optional
	NextScheduleTime *metav1.Time `json:"nextScheduleTime,omitempty"`

	// schedule is the schedule, with its time zone, that nextScheduleTime follows.
	// +optional
	// +kubebuilder:validation:MaxLength=330
	Schedule string `json:"schedule,omitempty"`

	// requestedRun is the run for the last value of the annotation queueworker.dev/runAt
	// that the operator has handled. The run may have been started or skipped.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	RequestedRun string `json:"requestedRun,omitempty"`

	// runs are the last runs, newest first, at most 10.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=10
	Runs []Run `json:"runs,omitempty"`
}

// Run is one run of a Batch QueueWorker.
type Run struct {
	// name is the name of the run and of its Job.
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// started is when the run's Job was created.
	Started metav1.Time `json:"started"`

	// ended is when the run ended; absent until then.
	// +optional
	Ended *metav1.Time `json:"ended,omitempty"`

	// outcome is Complete, Failed or Stopped; empty until the run has ended.
	// +optional
	Outcome RunOutcome `json:"outcome,omitempty"`

	// processed is how many jobs succeeded in the run.
	// +optional
	Processed int64 `json:"processed"`

	// failed is how many jobs failed for good in the run.
	// +optional
	Failed int64 `json:"failed"`
}
