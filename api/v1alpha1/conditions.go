// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// The types of a QueueWorker's conditions. They follow the kstatus conventions:
// Reconciling and Stalled are present only while they are true.
const (
	// ConditionReady is true when the spec is accepted and the pool is as the spec asks. A
	// pool that was paused or stopped on purpose is ready.
	ConditionReady = "Ready"
	// ConditionReconciling is present while the pool changes towards its spec.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is present when the pool needs help to reach its spec.
	ConditionStalled = "Stalled"
	// ConditionPaused is true while the pool takes no jobs because of spec.paused,
	// spec.pausedUntil or spec.onFailing, and no process works.
	ConditionPaused = "Paused"
	// ConditionAgentsReporting is true when every running pod answers the operator.
	ConditionAgentsReporting = "AgentsReporting"
	// ConditionGracefulStop is false when a stop may cut a running job short.
	ConditionGracefulStop = "GracefulStop"
	// ConditionBacklogKnown is true when the backlog of the pool's queues is known. It is
	// present if the QueueApp has a driver or the pool has spec.autoscaling.
	ConditionBacklogKnown = "BacklogKnown"
	// ConditionTimeoutChain is true when a job's timeout is shorter than its
	// connection's retry_after and its pod's grace period.
	ConditionTimeoutChain = "TimeoutChain"
	// ConditionScalingActive is true while the size follows the backlog. It is present with
	// spec.autoscaling.
	ConditionScalingActive = "ScalingActive"
	// ConditionScalingLimited is true while a maximum keeps the pool smaller than it should
	// be. It is present with spec.autoscaling or a QueueApp's maxProcesses.
	ConditionScalingLimited = "ScalingLimited"
	// ConditionWorkersStuck is present while jobs wait and a worker takes none.
	ConditionWorkersStuck = "WorkersStuck"
	// ConditionMemoryHigh is present while a process uses nearly all of its memory, or more.
	ConditionMemoryHigh = "MemoryHigh"
	// ConditionSlowJobs is present while a job has run for nearly its whole timeout.
	ConditionSlowJobs = "SlowJobs"
	// ConditionFailuresHigh is present while the share of failed jobs is too high.
	ConditionFailuresHigh = "FailuresHigh"
	// ConditionWorkersFailing is present while processes crash again and again, or are
	// restarted for maxExceptions.
	ConditionWorkersFailing = "WorkersFailing"
	// ConditionConflict is present while an object with a name that the pool needs has
	// another owner, or another client scales the pool's Deployment.
	ConditionConflict = "Conflict"
	// ConditionRunFailed is present in mode Batch after a failed run, until the next run
	// begins.
	ConditionRunFailed = "RunFailed"
	// ConditionNotPermitted is present while the spec sets a field that a QueueWorker may
	// not decide: more than the QueueApp's poolsMay permits, or env from a Secret or
	// ConfigMap.
	ConditionNotPermitted = "NotPermitted"
)

// The types of a QueueApp's conditions. Further types are named after the findings of a
// worker pod's agent; see protocol.FindingKinds and QueueAppStatus.
const (
	// ConditionPreflightPassed is true when an application does all that queue workers need,
	// as far as its workers can see.
	ConditionPreflightPassed = "PreflightPassed"
	// ConditionNetworkPolicyApplied is present while spec.networkPolicy is true. It is True
	// if the cluster has the NetworkPolicy; whether the network enforces it is unknown.
	ConditionNetworkPolicyApplied = "NetworkPolicyApplied"
	// ConditionStalled, as on a QueueWorker, is present while the template is larger than
	// the operator reads, so that the operator cannot use it.
)

// The reasons of conditions. They are part of the API: monitoring rules and
// scripts may depend on them.
const (
	// ReasonAsWanted: the pool is as its spec asks.
	ReasonAsWanted = "AsWanted"
	// ReasonPaused: spec.paused is true and every process has finished its job.
	ReasonPaused = "Paused"
	// ReasonPausedUntil: spec.pausedUntil is in the future and every process has finished
	// its job.
	ReasonPausedUntil = "PausedUntil"
	// ReasonPausing: the pool is being paused and some process still finishes its job.
	ReasonPausing = "Pausing"
	// ReasonNotPaused: nothing pauses the pool.
	ReasonNotPaused = "NotPaused"
	// ReasonStopped: no pod is left, because spec.stopped is true, processes is 0, or the
	// QueueApp's maxProcesses leaves none.
	ReasonStopped = "Stopped"
	// ReasonProgressing: pods are being created, replaced or removed.
	ReasonProgressing = "Progressing"
	// ReasonAppNotFound: the QueueApp in appName, or any QueueApp, does not exist.
	ReasonAppNotFound = "AppNotFound"
	// ReasonAppAmbiguous: appName is empty and the namespace has several QueueApps, none of
	// them named default.
	ReasonAppAmbiguous = "AppAmbiguous"
	// ReasonAppInvalid: the QueueApp cannot be used, for example because it has args for
	// Laravel.
	ReasonAppInvalid = "AppInvalid"
	// ReasonTooLarge: the QueueApp or the QueueWorker is larger than the operator reads,
	// because it was stored before there was a bound.
	ReasonTooLarge = "TooLarge"
	// ReasonContainerNotFound: the template has no container of the name in the QueueApp.
	ReasonContainerNotFound = "ContainerNotFound"
	// ReasonImagePull: an image cannot be pulled.
	ReasonImagePull = "ImagePullFailed"
	// ReasonRunsAsRoot: the image runs as root, but the pod's security context forbids it.
	ReasonRunsAsRoot = "ImageRunsAsRoot"
	// ReasonConfigError: the worker ends at once because of its configuration, such as an
	// unknown connection or an unreachable database.
	ReasonConfigError = "ConfigError"
	// ReasonPodFailed: a pod cannot start for another reason, such as a missing Secret.
	ReasonPodFailed = "PodFailed"
	// ReasonUnschedulable: no node can run a pod.
	ReasonUnschedulable = "Unschedulable"
	// ReasonWorkersCrashing: every process of the pool crashed and waits to be started
	// again.
	ReasonWorkersCrashing = "WorkersCrashing"
	// ReasonCommandNotFound: the worker's command does not exist in the image.
	ReasonCommandNotFound = "CommandNotFound"
	// ReasonRejected: the API server refused an object of the pool.
	ReasonRejected = "Rejected"
	// ReasonForeignObject: an object with a name that the pool needs has another owner.
	ReasonForeignObject = "ForeignObject"
	// ReasonForeignScaler: another client writes the replicas of the pool's Deployment.
	ReasonForeignScaler = "ForeignScaler"
	// ReasonScaledToZero: autoscaling needs no process now.
	ReasonScaledToZero = "ScaledToZero"
	// ReasonMeasured: the backlog is measured. If it cannot be measured, the reason is the
	// backlog probe's: Misconfigured, Unreachable, Denied, NotFound or Unreadable.
	ReasonMeasured = "Measured"
	// ReasonNoDriver: the QueueApp's connection has no driver, so the backlog is not
	// measured.
	ReasonNoDriver = "NoDriver"
	// ReasonInOrder: timeout, retry_after and grace period are in order.
	ReasonInOrder = "InOrder"
	// ReasonRetryAfterBelowTimeout: a job may run longer than its connection's retry_after,
	// so the queue may give it out twice.
	ReasonRetryAfterBelowTimeout = "RetryAfterBelowTimeout"
	// ReasonFollowing: the size follows the backlog.
	ReasonFollowing = "Following"
	// ReasonNotLimited: no maximum limits the pool.
	ReasonNotLimited = "NotLimited"
	// ReasonMaximum: spec.autoscaling.maxProcesses limits the pool.
	ReasonMaximum = "Maximum"
	// ReasonSharedCap: the QueueApp's maxProcesses limits the pool.
	ReasonSharedCap = "SharedCap"
	// ReasonIdleWithWork: a worker has been idle for too long while jobs waited.
	ReasonIdleWithWork = "IdleWithWork"
	// ReasonReporting: every running pod answers the operator.
	ReasonReporting = "Reporting"
	// ReasonUnreachable: a running pod does not answer the operator.
	ReasonUnreachable = "Unreachable"
	// ReasonNoPods: no pod is running.
	ReasonNoPods = "NoPods"
	// ReasonGraceful: a worker that is stopped finishes its job first.
	ReasonGraceful = "Graceful"
	// ReasonNoPcntl: PHP lacks the pcntl extension, so signals and job timeouts do not work.
	ReasonNoPcntl = "NoPcntl"
	// ReasonShellWrapper: a shell around the worker's command keeps SIGTERM from it.
	ReasonShellWrapper = "ShellWrapper"
	// ReasonGraceBelowTimeout: a job may run longer than the grace period.
	ReasonGraceBelowTimeout = "GraceBelowTimeout"
	// ReasonNoTimeout: timeout is 0s, so no grace period is certain to be long enough.
	ReasonNoTimeout = "NoTimeout"
	// ReasonPausedByFailing: spec.onFailing paused the pool because its jobs fail.
	ReasonPausedByFailing = "PausedByFailing"
	// ReasonAboveThreshold: a measure is above its threshold in spec.alerts.
	ReasonAboveThreshold = "AboveThreshold"
	// ReasonNearTimeout: a job has run for nearly its whole timeout.
	ReasonNearTimeout = "NearTimeout"
	// ReasonCrashes: processes crash repeatedly.
	ReasonCrashes = "Crashes"
	// ReasonMaxExceptions: processes are restarted because job after job fails.
	ReasonMaxExceptions = "MaxExceptions"
	// ReasonApplied: the object that the condition names exists as the spec asks.
	ReasonApplied = "Applied"
	// ReasonPassed: the check passed.
	ReasonPassed = "Passed"
	// ReasonNotPassed: the check did not pass.
	ReasonNotPassed = "NotPassed"
	// ReasonNotChecked: no worker has inspected the application yet.
	ReasonNotChecked = "NotChecked"
	// ReasonMemoryLimitLow: the template's memory limit is below what the processes may use.
	ReasonMemoryLimitLow = "MemoryLimitLow"
	// ReasonRunning: a run of mode Batch is in progress and its workers work.
	ReasonRunning = "Running"
	// ReasonFinishing: the queues are empty, and the workers of the run are ending.
	ReasonFinishing = "Finishing"
	// ReasonRunComplete: the last run ended because its queues were empty.
	ReasonRunComplete = "RunComplete"
	// ReasonRunFailed: Kubernetes gave up the last run because its pods failed.
	ReasonRunFailed = "RunFailed"
	// ReasonRunStopped: the last run ended before its queues were empty.
	ReasonRunStopped = "RunStopped"
	// ReasonAwaitingRun: no run has been started yet.
	ReasonAwaitingRun = "AwaitingRun"
	// ReasonScheduleInvalid: spec.batch.schedule or timeZone cannot be used.
	ReasonScheduleInvalid = "ScheduleInvalid"
	// ReasonNotPermitted: the QueueApp's spec.poolsMay does not permit a field that the
	// QueueWorker sets. The pool's pods stay as they are.
	ReasonNotPermitted = "NotPermitted"
	// ReasonFromBefore: the QueueWorker sets a field that a new QueueWorker may not set. It
	// was stored before that rule, so the field is still used.
	ReasonFromBefore = "FromBefore"
)

// The types of a QueueCommand's conditions, present only while they are true. A
// QueueWorker of mode Batch has ConditionComplete too: after a run that ended because its
// queues were empty, until the next run begins.
const (
	// ConditionComplete is true when the command has succeeded.
	ConditionComplete = "Complete"
	// ConditionFailed is true when the command has failed or could not be run.
	ConditionFailed = "Failed"
)

// The reasons of a QueueCommand's conditions, in addition to AppNotFound, AppAmbiguous,
// AppInvalid, ContainerNotFound, NotPermitted, NoDriver, PodFailed, Rejected,
// ForeignObject, and the backlog probe's reasons for a list that it could not read.
const (
	// ReasonSucceeded: the command ended with exit code 0, or the list was read.
	ReasonSucceeded = "Succeeded"
	// ReasonCommandFailed: the command ended with another exit code.
	ReasonCommandFailed = "CommandFailed"
	// ReasonDeadlineExceeded: the command did not end in time.
	ReasonDeadlineExceeded = "DeadlineExceeded"
	// ReasonJobGone: another client deleted or suspended the command's Job.
	ReasonJobGone = "JobGone"
	// ReasonWorkerNotFound: the QueueWorker in workerName does not exist.
	ReasonWorkerNotFound = "WorkerNotFound"
)

// The reasons of events about a QueueWorker. They are part of the API too. The end of a
// process is an event with the reason of that end, such as MaxJobs, Memory or Crashed,
// unless the reason is Paused, Drained or Finished. MemoryHigh, SlowJobs, FailuresHigh and
// WorkersFailing are events when the condition of that name becomes true or gets another
// reason. A condition Stalled with a new reason is an event with that reason, unless it is
// PausedByFailing.
const (
	// EventPaused: the pool was paused.
	EventPaused = "Paused"
	// EventResumed: the pool was resumed.
	EventResumed = "Resumed"
	// EventStopped: the pool was stopped.
	EventStopped = "Stopped"
	// EventScaled: the wanted number of processes changed.
	EventScaled = "Scaled"
	// EventRestartRequested: the pool's or a pod's restartedAt annotation changed.
	EventRestartRequested = "RestartRequested"
	// EventJobsKilled: killAt ended processes in the middle of their jobs.
	EventJobsKilled = "JobsKilled"
	// EventStuck: a pod is restarted because a worker takes no job although jobs wait.
	EventStuck = "WorkerStuck"
	// EventRecovered: MemoryHigh, SlowJobs, FailuresHigh or WorkersFailing is over.
	EventRecovered = "Recovered"
	// EventPausedByFailing: spec.onFailing paused the pool.
	EventPausedByFailing = "PausedByFailing"
	// EventUnaccounted: pods ended before their last counts were read.
	EventUnaccounted = "Unaccounted"
	// EventRunStarted: a run of mode Batch started.
	EventRunStarted = "RunStarted"
	// EventRunSkipped: a run was due while another run was in progress.
	EventRunSkipped = "RunSkipped"
	// EventRunFinishing: the queues are empty, and the operator told the workers of a run to
	// end.
	EventRunFinishing = "RunFinishing"
	// EventRunEnded: a run ended.
	EventRunEnded = "RunEnded"
)
