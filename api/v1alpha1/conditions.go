// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// The types of a QueueWorker's conditions. They follow the kstatus conventions:
// Reconciling and Stalled are present only while they are true.
const (
	// ConditionReady is true when the spec is accepted and the pool is as wanted,
	// which includes being paused or stopped by intent.
	ConditionReady = "Ready"
	// ConditionReconciling is present while the pool is on its way to what is wanted.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is present when the pool will not get there without help.
	ConditionStalled = "Stalled"
	// ConditionPaused is true while the pool takes no jobs because spec.paused is true or
	// spec.pausedUntil lies ahead.
	ConditionPaused = "Paused"
	// ConditionAgentsReporting is true when every running pod answers the operator.
	ConditionAgentsReporting = "AgentsReporting"
	// ConditionGracefulStop is false when a stop may cut a running job short.
	ConditionGracefulStop = "GracefulStop"
	// ConditionBacklogKnown is true when it is known what waits on the pool's queues;
	// present where somebody measures it or needs to know.
	ConditionBacklogKnown = "BacklogKnown"
	// ConditionTimeoutChain is true when a job's timeout is shorter than its
	// connection's retry_after and its pod's grace period.
	ConditionTimeoutChain = "TimeoutChain"
	// ConditionScalingActive is true while the size follows the backlog; present with
	// spec.autoscaling.
	ConditionScalingActive = "ScalingActive"
	// ConditionScalingLimited is true while the pool would be larger if it might;
	// present with spec.autoscaling or a QueueApp's maxProcesses.
	ConditionScalingLimited = "ScalingLimited"
	// ConditionWorkersStuck is present while a worker takes no job although jobs wait.
	ConditionWorkersStuck = "WorkersStuck"
	// ConditionMemoryHigh is present while a process uses nearly all of the memory it
	// may use, or more.
	ConditionMemoryHigh = "MemoryHigh"
	// ConditionSlowJobs is present while a job has run for nearly as long as it may.
	ConditionSlowJobs = "SlowJobs"
	// ConditionFailuresHigh is present while too large a share of the jobs fails.
	ConditionFailuresHigh = "FailuresHigh"
	// ConditionWorkersFailing is present while processes crash again and again, or are
	// restarted for maxExceptions.
	ConditionWorkersFailing = "WorkersFailing"
	// ConditionConflict is present while an object with a name the pool needs
	// belongs to somebody else, or somebody else scales the pool's Deployment.
	ConditionConflict = "Conflict"
	// ConditionRunFailed is present in mode Batch after a run that failed, until the
	// next begins.
	ConditionRunFailed = "RunFailed"
	// ConditionNotPermitted is present while the spec sets what is not a QueueWorker's to
	// decide: more than the QueueApp's poolsMay permits, or env from a Secret or ConfigMap.
	ConditionNotPermitted = "NotPermitted"
)

// The types of a QueueApp's conditions. The others have the names of what a worker pod's
// agent finds, see protocol.FindingKinds and the status's own description.
const (
	// ConditionPreflightPassed is true when an application keeps every promise that queue
	// workers need, as far as its workers could see.
	ConditionPreflightPassed = "PreflightPassed"
	// ConditionNetworkPolicyApplied is present while spec.networkPolicy is true: True if
	// the cluster holds the NetworkPolicy. Whether the network enforces it is not known.
	ConditionNetworkPolicyApplied = "NetworkPolicyApplied"
	// ConditionStalled is present, as with a QueueWorker, while the template is larger than
	// the operator reads, so that nothing is made of it.
)

// The reasons of conditions. They are part of the API: monitoring rules and
// scripts may depend on them.
const (
	// ReasonAsWanted: the pool is as its spec wants it.
	ReasonAsWanted = "AsWanted"
	// ReasonPaused: spec.paused is true and every process has finished its job.
	ReasonPaused = "Paused"
	// ReasonPausedUntil: spec.pausedUntil lies ahead and every process has finished its job.
	ReasonPausedUntil = "PausedUntil"
	// ReasonPausing: the pool is to be paused and some process still finishes its job.
	ReasonPausing = "Pausing"
	// ReasonNotPaused: nothing pauses the pool.
	ReasonNotPaused = "NotPaused"
	// ReasonStopped: spec.stopped is true, processes is 0, or the QueueApp's maxProcesses
	// leaves none; and no pod is left.
	ReasonStopped = "Stopped"
	// ReasonProgressing: pods are being created, replaced or removed.
	ReasonProgressing = "Progressing"
	// ReasonAppNotFound: the QueueApp that appName names does not exist.
	ReasonAppNotFound = "AppNotFound"
	// ReasonAppAmbiguous: appName is empty and the namespace has several QueueApps, none named default.
	ReasonAppAmbiguous = "AppAmbiguous"
	// ReasonAppInvalid: the QueueApp cannot be used as it is, for example args for Laravel.
	ReasonAppInvalid = "AppInvalid"
	// ReasonTooLarge: the QueueApp or the QueueWorker has more of something than the operator
	// reads. It was stored before there was a bound.
	ReasonTooLarge = "TooLarge"
	// ReasonContainerNotFound: the template has no container of the name the QueueApp gives.
	ReasonContainerNotFound = "ContainerNotFound"
	// ReasonImagePull: an image cannot be pulled.
	ReasonImagePull = "ImagePullFailed"
	// ReasonRunsAsRoot: the image runs as root, which the pod's security context forbids.
	ReasonRunsAsRoot = "ImageRunsAsRoot"
	// ReasonConfigError: the worker ends at once because of its configuration, such
	// as an unknown connection or a database that does not answer.
	ReasonConfigError = "ConfigError"
	// ReasonPodFailed: a pod cannot start for a reason of its own, such as a missing Secret.
	ReasonPodFailed = "PodFailed"
	// ReasonUnschedulable: no node can take a pod.
	ReasonUnschedulable = "Unschedulable"
	// ReasonWorkersCrashing: all processes of a pod crash and wait for their next start.
	ReasonWorkersCrashing = "WorkersCrashing"
	// ReasonCommandNotFound: the worker's command does not exist in the image.
	ReasonCommandNotFound = "CommandNotFound"
	// ReasonRejected: the apiserver refused an object made for the pool.
	ReasonRejected = "Rejected"
	// ReasonForeignObject: an object with a name the pool needs belongs to somebody else.
	ReasonForeignObject = "ForeignObject"
	// ReasonForeignScaler: somebody else writes the number of pods of the pool's Deployment.
	ReasonForeignScaler = "ForeignScaler"
	// ReasonScaledToZero: autoscaling needs no process now.
	ReasonScaledToZero = "ScaledToZero"
	// ReasonMeasured: what waits is measured. Where it cannot be, the reason is the
	// backlog probe's: Misconfigured, Unreachable, Denied, NotFound or Unreadable.
	ReasonMeasured = "Measured"
	// ReasonNoDriver: the QueueApp's connection has no driver, so nobody measures what waits.
	ReasonNoDriver = "NoDriver"
	// ReasonInOrder: timeout, retry_after and grace period are in order.
	ReasonInOrder = "InOrder"
	// ReasonRetryAfterBelowTimeout: a job may run longer than its connection waits
	// before it gives the job out again.
	ReasonRetryAfterBelowTimeout = "RetryAfterBelowTimeout"
	// ReasonFollowing: the size follows the backlog.
	ReasonFollowing = "Following"
	// ReasonNotLimited: the pool has the size it asks for.
	ReasonNotLimited = "NotLimited"
	// ReasonMaximum: spec.autoscaling.maxProcesses is in the way.
	ReasonMaximum = "Maximum"
	// ReasonSharedCap: the QueueApp's maxProcesses is in the way.
	ReasonSharedCap = "SharedCap"
	// ReasonIdleWithWork: a worker has been idle for long while jobs waited.
	ReasonIdleWithWork = "IdleWithWork"
	// ReasonReporting: every running pod answers the operator.
	ReasonReporting = "Reporting"
	// ReasonUnreachable: a running pod does not answer the operator.
	ReasonUnreachable = "Unreachable"
	// ReasonNoPods: there is no running pod to speak of.
	ReasonNoPods = "NoPods"
	// ReasonGraceful: a worker that is stopped finishes its job first.
	ReasonGraceful = "Graceful"
	// ReasonNoPcntl: PHP lacks the pcntl extension, so signals and timeouts do not work.
	ReasonNoPcntl = "NoPcntl"
	// ReasonShellWrapper: the worker's command is wrapped in a shell that swallows SIGTERM.
	ReasonShellWrapper = "ShellWrapper"
	// ReasonGraceBelowTimeout: the grace period is shorter than a job may run.
	ReasonGraceBelowTimeout = "GraceBelowTimeout"
	// ReasonNoTimeout: timeout is 0, so no grace period is certain to be long enough.
	ReasonNoTimeout = "NoTimeout"
	// ReasonPausedByFailing: spec.onFailing has paused the pool because its jobs fail.
	ReasonPausedByFailing = "PausedByFailing"
	// ReasonAboveThreshold: a measure is above its threshold in spec.alerts.
	ReasonAboveThreshold = "AboveThreshold"
	// ReasonNearTimeout: a job has run for nearly as long as timeout allows.
	ReasonNearTimeout = "NearTimeout"
	// ReasonCrashes: processes crash again and again.
	ReasonCrashes = "Crashes"
	// ReasonMaxExceptions: processes are restarted because job after job fails.
	ReasonMaxExceptions = "MaxExceptions"
	// ReasonApplied: the object that the condition names exists as the spec wants it.
	ReasonApplied = "Applied"
	// ReasonPassed: a promise that queue workers need is kept.
	ReasonPassed = "Passed"
	// ReasonNotPassed: a promise that queue workers need is not kept.
	ReasonNotPassed = "NotPassed"
	// ReasonNotChecked: no worker has looked into the application yet.
	ReasonNotChecked = "NotChecked"
	// ReasonMemoryLimitLow: the template's memory limit is below what the processes may use.
	ReasonMemoryLimitLow = "MemoryLimitLow"
	// ReasonRunning: a run of mode Batch is on its way and its workers work.
	ReasonRunning = "Running"
	// ReasonFinishing: the queues are empty, and the workers of the run end.
	ReasonFinishing = "Finishing"
	// ReasonRunComplete: the last run ended with its queues empty.
	ReasonRunComplete = "RunComplete"
	// ReasonRunFailed: the last run was given up because its pods failed.
	ReasonRunFailed = "RunFailed"
	// ReasonRunStopped: the last run was ended before its queues were empty.
	ReasonRunStopped = "RunStopped"
	// ReasonAwaitingRun: no run has been started yet.
	ReasonAwaitingRun = "AwaitingRun"
	// ReasonScheduleInvalid: spec.batch.schedule or timeZone cannot be used.
	ReasonScheduleInvalid = "ScheduleInvalid"
	// ReasonNotPermitted: the QueueApp's spec.poolsMay does not permit a field that the
	// QueueWorker sets, so its pods stay as they are.
	ReasonNotPermitted = "NotPermitted"
	// ReasonFromBefore: the QueueWorker sets what a new one may not. It did so before that
	// was refused, so it is used as before.
	ReasonFromBefore = "FromBefore"
)

// The types of a QueueCommand's conditions, present only while they are true. A
// QueueWorker of mode Batch has ConditionComplete too: after a run that ended with its
// queues empty, until the next begins.
const (
	// ConditionComplete is true when the command has succeeded.
	ConditionComplete = "Complete"
	// ConditionFailed is true when the command has failed or could not be run.
	ConditionFailed = "Failed"
)

// The reasons of a QueueCommand's conditions, besides AppNotFound, AppAmbiguous,
// AppInvalid, ContainerNotFound, NotPermitted, NoDriver, PodFailed, Rejected, ForeignObject,
// and those of the backlog probe for a list that it could not read.
const (
	// ReasonSucceeded: the command ended with exit code 0, or the list was read.
	ReasonSucceeded = "Succeeded"
	// ReasonCommandFailed: the command ended with another exit code.
	ReasonCommandFailed = "CommandFailed"
	// ReasonDeadlineExceeded: the command was not done in the time it has.
	ReasonDeadlineExceeded = "DeadlineExceeded"
	// ReasonJobGone: the command's Job was deleted or suspended by somebody else.
	ReasonJobGone = "JobGone"
	// ReasonWorkerNotFound: the QueueWorker that workerName names does not exist.
	ReasonWorkerNotFound = "WorkerNotFound"
)

// The reasons of events about a QueueWorker. They are part of the API too.
// A process that ended for a reason worth telling is an event of that reason:
// Memory, MaxExceptions, JobTimeout, OOMKilled, Killed, KilledOnRequest, Crashed,
// ConfigError, CommandNotFound. MemoryHigh, SlowJobs, FailuresHigh and WorkersFailing are events
// when the condition of that name becomes true.
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
	// EventJobsKilled: jobs were cut short because killAt asked for it.
	EventJobsKilled = "JobsKilled"
	// EventStuck: a pod is restarted because a worker takes no job although jobs wait.
	EventStuck = "WorkerStuck"
	// EventRecovered: MemoryHigh, SlowJobs, FailuresHigh or WorkersFailing is over.
	EventRecovered = "Recovered"
	// EventPausedByFailing: spec.onFailing has paused the pool.
	EventPausedByFailing = "PausedByFailing"
	// EventUnaccounted: pods ended without their last counts being seen.
	EventUnaccounted = "Unaccounted"
	// EventRunStarted: a run of mode Batch was started.
	EventRunStarted = "RunStarted"
	// EventRunSkipped: a run was due while another one was on its way.
	EventRunSkipped = "RunSkipped"
	// EventRunFinishing: the queues are empty, and the workers of a run were told to end.
	EventRunFinishing = "RunFinishing"
	// EventRunEnded: a run ended.
	EventRunEnded = "RunEnded"
)
