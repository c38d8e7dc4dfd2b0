// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Recycle is the thing that is replaced when a process reaches its limit.
//
// +kubebuilder:validation:Enum=Process;Pod
type Recycle string

const (
	// RecycleProcess replaces the process in its pod.
	RecycleProcess Recycle = "Process"
	// RecyclePod replaces the pod once its successor is ready.
	RecyclePod Recycle = "Pod"
)

// QueueWorkerSpec describes one pool of worker processes. An option named like a flag of
// `artisan queue:work` means the same.
//
// +kubebuilder:validation:XValidation:rule="size(self.timeout) == 0 || size(self.sleep) == 0 || !self.timeout.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') || !self.sleep.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}([.][0-9]{1,3})?s)?([0-9]{1,6}ms)?$') || duration(self.timeout) == duration('0s') || duration(self.sleep) < duration(self.timeout)",message="sleep must be shorter than timeout (or timeout 0s): an idle worker that sleeps as long as a job may run is killed by its own timeout",fieldPath=".sleep"
// +kubebuilder:validation:XValidation:rule="!has(self.recycle) || self.recycle != 'Pod' || has(self.maxJobs) && self.maxJobs > 0 || has(self.maxTime) && self.maxTime != '0s'",message="recycle Pod needs maxJobs or maxTime, which say when a pod is replaced",fieldPath=".recycle"
// +kubebuilder:validation:XValidation:rule="!has(self.maxUnavailable) || has(self.recycle) && self.recycle == 'Pod'",message="maxUnavailable is only for recycle Pod; remove it, or set recycle to Pod",fieldPath=".maxUnavailable"
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode != 'Batch' || !has(self.autoscaling)",message="autoscaling does not go with mode Batch: a run has the workers that processes says; remove autoscaling or the mode",fieldPath=".autoscaling"
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode != 'Batch' || !has(self.recycle) || self.recycle != 'Pod'",message="recycle Pod does not go with mode Batch: the pods of a run live as long as the run; remove recycle or the mode",fieldPath=".recycle"
// +kubebuilder:validation:XValidation:rule="!has(self.batch) || (has(self.mode) && self.mode == 'Batch')",message="batch needs mode: Batch; set the mode or remove batch",fieldPath=".batch"
type QueueWorkerSpec struct {
	// appName is the name of the QueueApp in this namespace whose pods the workers run in.
	// Default: the QueueApp named default, or the only QueueApp of the namespace. If there
	// are several and none is named default, the condition Ready asks for appName.
	// +optional
	// +kubebuilder:validation:MaxLength=50
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="appName must be the name of a QueueApp: lower-case letters, digits, hyphens and dots"
	AppName string `json:"appName,omitempty"`

	// queue is the queue that the workers take jobs from, or up to 20 names separated by
	// commas in strict priority order. With high,default a worker takes a job from default
	// only while high is empty.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Za-z0-9_.:/@{}-]+(,[A-Za-z0-9_.:/@{}-]+)*$')",message="queue must be a queue's name or a comma list of names such as high,default, without spaces, each of letters, digits and the characters _ . : / @ { } -"
	// +kubebuilder:validation:XValidation:rule="self.split(',').size() <= 20",message="queue must list at most 20 names"
	// +kubebuilder:validation:XValidation:rule="self.split(',').all(name, size(name) <= 255)",message="queue names must be at most 255 characters"
	Queue string `json:"queue"`

	// mode is Continuous (the workers keep running) or Batch (the workers run in Jobs, and
	// each Job ends when the queues are empty). Default: Continuous.
	// +optional
	// +kubebuilder:default=Continuous
	Mode Mode `json:"mode,omitempty"`

	// batch sets when runs of mode Batch begin and how many ended runs are kept. Default:
	// absent, one run when the QueueWorker is created.
	// +optional
	Batch *Batch `json:"batch,omitempty"`

	// processes is the number of worker processes in the pool, 0 to 1000. Default: 1. 0
	// means none. `kubectl scale` writes processes, never stopped. It is ignored while
	// autoscaling is set. With mode Batch a change takes effect from the next run.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Processes *int32 `json:"processes,omitempty"`

	// processesPerPod is the number of worker processes in each pod, 1 to 64. Default: 1.
	// All pods of a pool have the same number, so processes is rounded up to whole pods. The
	// status counts the actual processes.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	ProcessesPerPod int32 `json:"processesPerPod,omitempty"`

	// autoscaling sizes the pool by the backlog of its queues, instead of processes.
	// Default: absent, the size is processes.
	// +optional
	Autoscaling *Autoscaling `json:"autoscaling,omitempty"`

	// priority decides which pools come first if the QueueApp's maxProcesses is not enough
	// for all, -1000 to 1000. Default: 0. Higher values come before lower values.
	// +optional
	// +kubebuilder:validation:Minimum=-1000
	// +kubebuilder:validation:Maximum=1000
	Priority int32 `json:"priority,omitempty"`

	// stopped removes all pods of the pool. Default: false. A running job may finish first:
	// its pod is kept for at most the grace period. processes keeps its value for later.
	// stopped takes precedence over every other field.
	// +optional
	Stopped bool `json:"stopped,omitempty"`

	// paused lets every worker finish its current job and take no more jobs. The pods stay.
	// Default: false.
	// +optional
	Paused bool `json:"paused,omitempty"`

	// alerts set when high memory, slow jobs, failures or crashes become a condition and an
	// event. Default: the thresholds' own defaults.
	// +optional
	Alerts *Alerts `json:"alerts,omitempty"`

	// maxExceptions is the number of jobs that may fail for good in a row in one process, 0
	// to 10000. A process that reaches it ends after its current job and is replaced at
	// once. Default: 0, no limit. It is not Laravel's maxExceptions, which each job sets for
	// itself. Laravel 9.21 to 11.26 does not print whether a failure is final; there every
	// failed attempt counts.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	MaxExceptions int32 `json:"maxExceptions,omitempty"`

	// onFailing is the reaction to the condition FailuresHigh, or to WorkersFailing caused
	// by maxExceptions: Continue or Pause. Default: Continue, only the condition and its
	// event. Pause pauses the pool until its annotation queueworker.dev/resumedAt gets a new
	// value, and leaves paused unchanged.
	// +optional
	// +kubebuilder:default=Continue
	OnFailing OnFailing `json:"onFailing,omitempty"`
	// pausedUntil pauses the pool, as paused does, until this RFC 3339 time, such as
	// 2026-03-01T08:00:00Z. The pause then ends by itself. Default: absent, no pause. A time
	// in the past has no effect, nor has any time while paused is true.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$') && timestamp(self) > timestamp('1970-01-01T00:00:00Z')",message="pausedUntil must be a time such as 2026-03-01T08:00:00Z"
	PausedUntil *metav1.Time `json:"pausedUntil,omitempty"`

	// timeout is how long one job may run, in whole seconds such as 60s or 1h30m, at most
	// 24h. Default: 60s. 0s means no limit. A timeout that the job itself sets takes
	// precedence.
	// +optional
	// +kubebuilder:default="60s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) <= duration('24h')",message="timeout must be a duration in whole seconds such as 60s, from 0s (no limit) to 24h"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// memory is how much memory one process may use, from 32Mi to 1Ti. Default: 128Mi. A
	// process that uses more is replaced after its current job. Unless the template sets
	// them, PHP's memory_limit and the container's memory limit are derived from memory,
	// with some headroom.
	// +optional
	// +kubebuilder:default="128Mi"
	// +kubebuilder:validation:XValidation:rule="string(self).matches('^[0-9]{1,20}([.][0-9]{1,9})?([KMGTPE]i|[mkMGTPE]|[eE][0-9]{1,2})?$') && quantity(string(self)).compareTo(quantity('32Mi')) >= 0 && quantity(string(self)).compareTo(quantity('1Ti')) <= 0",message="memory must be between 32Mi and 1Ti; write 256Mi for 256 mebibytes"
	Memory *resource.Quantity `json:"memory,omitempty"`

	// sleep is how long a worker waits before it checks its empty queues again, such as 3s
	// or 500ms, at most 1h. Default: 3s. 0s means no wait; each idle process then uses half
	// a CPU core.
	// +optional
	// +kubebuilder:default="3s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}([.][0-9]{1,3})?s)?([0-9]{1,6}ms)?$') && duration(self) <= duration('1h')",message="sleep must be a duration such as 3s or 500ms, from 0s to 1h"
	Sleep *metav1.Duration `json:"sleep,omitempty"`

	// rest is how long a worker pauses after every job, such as 1s or 250ms, at most 1h.
	// Default: 0s, no pause.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}([.][0-9]{1,3})?s)?([0-9]{1,6}ms)?$') && duration(self) <= duration('1h')",message="rest must be a duration such as 1s or 250ms, from 0s (no pause) to 1h"
	Rest *metav1.Duration `json:"rest,omitempty"`

	// tries is how many times a job is attempted before it has failed for good, 0 to 10000.
	// Default: 1. 0 means no limit. A job's own tries take precedence.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	Tries *int32 `json:"tries,omitempty"`

	// backoff is how long a job that threw an exception waits before its next attempt, in
	// whole seconds: one entry per attempt, such as [10s, 1m]. The last entry repeats. At
	// most 20 entries, at most 24h each. Default: empty, no wait. A job's own backoff takes
	// precedence.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:Type=string
	// +kubebuilder:validation:items:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self.all(d, d != '' && d.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(d) <= duration('24h'))",message="backoff entries must be durations in whole seconds such as 10s, from 0s to 24h"
	Backoff []metav1.Duration `json:"backoff,omitempty"`

	// maxJobs is the number of jobs after which a process ends and is replaced at once, 0 to
	// 10000000. Default: 0, no limit.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000000
	MaxJobs int32 `json:"maxJobs,omitempty"`

	// maxTime is the age at which a process ends (after its current job) and is replaced at
	// once, in whole seconds such as 1h, at most 168h. Default: 0s, no limit. Each process
	// gets up to 10 % less, so that the processes of a pool do not all end together.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) <= duration('168h')",message="maxTime must be a duration in whole seconds such as 1h, from 0s (no limit) to 168h"
	MaxTime *metav1.Duration `json:"maxTime,omitempty"`

	// recycle says what is replaced at maxJobs or maxTime: Process or Pod. Default: Process,
	// the process alone, at once and in its pod. Pod replaces the whole pod: its successor
	// becomes ready first, then its jobs finish. If the pod is not replaced by then, the
	// process is restarted in its pod at twice the limit.
	// +optional
	// +kubebuilder:default=Process
	Recycle Recycle `json:"recycle,omitempty"`

	// maxUnavailable is the number of pods that may be recycled at once, 1 to 100. Default:
	// 1. Each successor is an extra pod for that time. Only with recycle Pod.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MaxUnavailable int32 `json:"maxUnavailable,omitempty"`

	// force lets the workers run jobs while the application is in maintenance mode. Default:
	// false. Laravel only.
	// +optional
	Force bool `json:"force,omitempty"`

	// verbose makes the workers print more, such as job ids. Default: false. Laravel only.
	// +optional
	Verbose bool `json:"verbose,omitempty"`

	// priorityClassName is the PriorityClass of this pool's pods. Default: empty, the
	// template's PriorityClass. Any other is allowed only if the QueueApp's poolsMay
	// contains PriorityClassName.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="priorityClassName must be the name of a PriorityClass: lower-case letters, digits, hyphens and dots"
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// cpu is the CPU that one process requests, such as 250m, from 1m to 256. A pod requests
	// it once per process. Default: empty, the template's request. There is no CPU limit
	// unless the template sets one.
	// +optional
	// +kubebuilder:validation:XValidation:rule="string(self).matches('^[0-9]{1,20}([.][0-9]{1,9})?([KMGTPE]i|[mkMGTPE]|[eE][0-9]{1,2})?$') && quantity(string(self)).compareTo(quantity('1m')) >= 0 && quantity(string(self)).compareTo(quantity('256')) <= 0",message="cpu must be between 1m and 256; write 250m for a quarter of a core"
	CPU *resource.Quantity `json:"cpu,omitempty"`

	// env sets environment variables of this pool's workers, at most 100, each with a value,
	// a fieldRef or a resourceFieldRef. They override the template's. Default: empty, only
	// the template's. Values from a Secret or ConfigMap belong in the QueueApp's template.
	// The QueueApp's poolsMay may forbid env.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:XValidation:rule="self.all(e, !e.name.startsWith('QUEUEWORKER_'))",message="env names must not begin with QUEUEWORKER_, which is how the agent in the pod gets its settings"
	// +kubebuilder:validation:XValidation:rule="self.all(e, !has(e.valueFrom) || !has(e.value) || e.value == '')",message="env entries must have a value or a valueFrom, not both"
	// +kubebuilder:validation:XValidation:rule="self.all(e, !has(e.valueFrom) || (has(e.valueFrom.fieldRef) != has(e.valueFrom.resourceFieldRef) && !has(e.valueFrom.secretKeyRef) && !has(e.valueFrom.configMapKeyRef) && !has(e.valueFrom.fileKeyRef)))",message="env entries must have a plain value, a fieldRef or a resourceFieldRef; a value from a Secret, a ConfigMap or a file belongs into the QueueApp, into env of a container in its spec.template"
	Env []corev1.EnvVar `json:"env,omitempty"`

	// nodeSelector is the set of labels that a node must have to run this pool's pods, at
	// most 20. It is merged over the template's. Default: empty, the template's. The
	// QueueApp's poolsMay may forbid it.
	// +optional
	// +kubebuilder:validation:MaxProperties=20
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 317 && k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="nodeSelector keys must be label names such as topology.kubernetes.io/zone"
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// tolerations are the node taints that this pool's pods tolerate, at most 20, in
	// addition to the template's. Default: empty, only the template's. The QueueApp's
	// poolsMay may forbid them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:XValidation:rule="self.all(t, !has(t.operator) || t.operator in ['', 'Exists', 'Equal'])",message="a toleration's operator must be Exists or Equal"
	// +kubebuilder:validation:XValidation:rule="self.all(t, !has(t.effect) || t.effect in ['', 'NoSchedule', 'PreferNoSchedule', 'NoExecute'])",message="a toleration's effect must be NoSchedule, PreferNoSchedule or NoExecute"
	// +kubebuilder:validation:XValidation:rule="self.all(t, (has(t.key) && t.key != '') || (has(t.operator) && t.operator == 'Exists'))",message="a toleration's operator must be Exists when its key is empty"
	// +kubebuilder:validation:XValidation:rule="self.all(t, !has(t.operator) || t.operator != 'Exists' || !has(t.value) || t.value == '')",message="a toleration must have no value when its operator is Exists"
	// +kubebuilder:validation:XValidation:rule="self.all(t, !has(t.tolerationSeconds) || (has(t.effect) && t.effect == 'NoExecute'))",message="a toleration may have tolerationSeconds only when its effect is NoExecute"
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// gracePeriod is how long a pod that is being removed may take to finish its jobs before
	// they are killed, in whole seconds from 1s to 48h. Default: timeout + rest + 15s (1h if
	// timeout is 0s), or the template's terminationGracePeriodSeconds if that is longer.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) >= duration('1s') && duration(self) <= duration('48h')",message="gracePeriod must be a duration in whole seconds such as 90s, from 1s to 48h"
	GracePeriod *metav1.Duration `json:"gracePeriod,omitempty"`
}

// QueueWorker is one pool of worker processes: its queues, its size and its limits. Its
// status shows what the pool gets done. A user who may write QueueWorkers decides on
// size, order and limits of the pods that a QueueApp describes, and on the fields that
// the QueueApp's poolsMay permits.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.processes,statuspath=.status.processes,selectorpath=.status.selector
// +kubebuilder:resource:shortName=qw,categories=queueing
// +kubebuilder:printcolumn:name="Queue",type=string,JSONPath=`.spec.queue`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Processes",type=integer,JSONPath=`.status.processes`
// +kubebuilder:printcolumn:name="Ready",type=integer,JSONPath=`.status.ready`
// +kubebuilder:printcolumn:name="Busy",type=integer,JSONPath=`.status.busy`
// +kubebuilder:printcolumn:name="Backlog",type=integer,JSONPath=`.status.backlog.ready`
// +kubebuilder:printcolumn:name="Wait",type=date,JSONPath=`.status.backlog.oldestTime`
// +kubebuilder:printcolumn:name="Jobs/min",type=string,JSONPath=`.status.throughput.jobsPerMinute`
// +kubebuilder:printcolumn:name="Avg",type=string,JSONPath=`.status.throughput.averageTime`
// +kubebuilder:printcolumn:name="Failed",type=string,JSONPath=`.status.throughput.failedShare`
// +kubebuilder:printcolumn:name="Processed",type=integer,JSONPath=`.status.totals.processed`,priority=1
// +kubebuilder:printcolumn:name="App",type=string,JSONPath=`.status.appName`,priority=1
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 50",message="metadata.name must be at most 50 characters, so that the names of objects made for it fit",fieldPath=".metadata"
type QueueWorker struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata. The name is at most 50 characters.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the desired state of the pool.
	// +required
	Spec QueueWorkerSpec `json:"spec"`

	// status is the last state observed.
	// +optional
	Status QueueWorkerStatus `json:"status,omitzero"`
}

// QueueWorkerList is a list of QueueWorkers.
//
// +kubebuilder:object:root=true
type QueueWorkerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []QueueWorker `json:"items"`
}
