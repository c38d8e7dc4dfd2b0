// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Recycle is what is replaced when a process has reached its limit.
//
// +kubebuilder:validation:Enum=Process;Pod
type Recycle string

const (
	// RecycleProcess replaces the process in its pod.
	RecycleProcess Recycle = "Process"
	// RecyclePod replaces the pod, its successor first.
	RecyclePod Recycle = "Pod"
)

// QueueWorkerSpec is one pool of worker processes. Options named like a flag of
// `artisan queue:work` have its meaning.
//
// +kubebuilder:validation:XValidation:rule="size(self.timeout) == 0 || size(self.sleep) == 0 || !self.timeout.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') || !self.sleep.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}([.][0-9]{1,3})?s)?([0-9]{1,6}ms)?$') || duration(self.timeout) == duration('0s') || duration(self.sleep) < duration(self.timeout)",message="sleep must be shorter than timeout (or timeout 0s): an idle worker that sleeps as long as a job may run is killed by its own timeout",fieldPath=".sleep"
// +kubebuilder:validation:XValidation:rule="!has(self.recycle) || self.recycle != 'Pod' || has(self.maxJobs) && self.maxJobs > 0 || has(self.maxTime) && self.maxTime != '0s'",message="recycle Pod needs maxJobs or maxTime, which say when a pod is replaced",fieldPath=".recycle"
// +kubebuilder:validation:XValidation:rule="!has(self.maxUnavailable) || has(self.recycle) && self.recycle == 'Pod'",message="maxUnavailable is only for recycle Pod; remove it, or set recycle to Pod",fieldPath=".maxUnavailable"
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode != 'Batch' || !has(self.autoscaling)",message="autoscaling does not go with mode Batch: a run has the workers that processes says; remove autoscaling or the mode",fieldPath=".autoscaling"
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode != 'Batch' || !has(self.recycle) || self.recycle != 'Pod'",message="recycle Pod does not go with mode Batch: the pods of a run live as long as the run; remove recycle or the mode",fieldPath=".recycle"
// +kubebuilder:validation:XValidation:rule="!has(self.batch) || (has(self.mode) && self.mode == 'Batch')",message="batch needs mode: Batch; set the mode or remove batch",fieldPath=".batch"
type QueueWorkerSpec struct {
	// appName is the QueueApp in this namespace whose pods the workers run in.
	// Default: the QueueApp named default, else the only one of the namespace;
	// if there are several, the condition Ready says that appName is needed.
	// +optional
	// +kubebuilder:validation:MaxLength=50
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="appName must be the name of a QueueApp: lower-case letters, digits, hyphens and dots"
	AppName string `json:"appName,omitempty"`

	// queue is the queue the workers take jobs from, or a comma list in strict
	// priority order such as high,default: a job is taken from a queue only while
	// all queues before it are empty. At most 20 names.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Za-z0-9_.:/@{}-]+(,[A-Za-z0-9_.:/@{}-]+)*$')",message="queue must be a queue's name or a comma list of names such as high,default, without spaces, each of letters, digits and the characters _ . : / @ { } -"
	// +kubebuilder:validation:XValidation:rule="self.split(',').size() <= 20",message="queue must list at most 20 names"
	// +kubebuilder:validation:XValidation:rule="self.split(',').all(name, size(name) <= 255)",message="queue names must be at most 255 characters"
	Queue string `json:"queue"`

	// mode is Continuous, workers that run on, or Batch, workers that run in Jobs, each of
	// which ends when the queues are empty. Default: Continuous.
	// +optional
	// +kubebuilder:default=Continuous
	Mode Mode `json:"mode,omitempty"`

	// batch says when the runs of mode Batch begin and what is kept of them. Default:
	// absent, one run when the QueueWorker is created.
	// +optional
	Batch *Batch `json:"batch,omitempty"`

	// processes is how many worker processes run in all, 0 to 1000. Default: 1.
	// 0 means none; unlike stopped it is what `kubectl scale` writes. Ignored while
	// autoscaling is set. With mode Batch it counts from the next run.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Processes *int32 `json:"processes,omitempty"`

	// processesPerPod is how many worker processes share one pod, 1 to 64. Default: 1.
	// All pods of a pool are alike, so processes is rounded up to whole pods; status
	// counts the real processes.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	ProcessesPerPod int32 `json:"processesPerPod,omitempty"`

	// autoscaling sizes the pool by what waits on its queues, instead of processes.
	// Default: absent, the size is processes.
	// +optional
	Autoscaling *Autoscaling `json:"autoscaling,omitempty"`

	// priority says which pools come first where the QueueApp's maxProcesses is not
	// enough for all: higher before lower, -1000 to 1000. Default: 0.
	// +optional
	// +kubebuilder:validation:Minimum=-1000
	// +kubebuilder:validation:Maximum=1000
	Priority int32 `json:"priority,omitempty"`

	// stopped removes all pods of the pool; a running job is finished first: its pod is
	// kept for that as long as the grace period, and then removed. processes is
	// remembered. Default: false. It wins over everything else.
	// +optional
	Stopped bool `json:"stopped,omitempty"`

	// paused lets every worker finish its current job and take no more; the pods
	// stay. Default: false.
	// +optional
	Paused bool `json:"paused,omitempty"`

	// alerts say when the health of the pool's jobs is worth a condition and an event.
	// Default: the thresholds' own defaults.
	// +optional
	Alerts *Alerts `json:"alerts,omitempty"`

	// maxExceptions is not Laravel's limit of a job's exceptions, which only a job itself
	// can set: it is after how many final failures in a row, without a success between,
	// a process ends (after its current job) and is replaced at once, 0 to 10000.
	// Default: 0, never for this reason. Where a worker's output does not tell a final
	// failure from one that is retried (Laravel 9.21 to 11.26), every failed attempt counts.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	MaxExceptions int32 `json:"maxExceptions,omitempty"`

	// onFailing says what happens when the condition FailuresHigh, or WorkersFailing
	// because of maxExceptions, becomes true: Continue (the default, nothing but the
	// condition and its event) or Pause (the pool is paused until its annotation
	// queueworker.dev/resumedAt gets a new value; paused stays as it is).
	// +optional
	// +kubebuilder:default=Continue
	OnFailing OnFailing `json:"onFailing,omitempty"`
	// pausedUntil is until when the pool is paused, as by paused; the pause ends by itself.
	// An RFC 3339 time such as 2026-03-01T08:00:00Z. Default: absent, no pause, as is a
	// time that has passed. While paused is true it changes nothing.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$') && timestamp(self) > timestamp('1970-01-01T00:00:00Z')",message="pausedUntil must be a time such as 2026-03-01T08:00:00Z"
	PausedUntil *metav1.Time `json:"pausedUntil,omitempty"`

	// timeout is how long one job may run, in whole seconds such as 60s or 1h30m, at
	// most 24h. Default: 60s. 0s means no limit. A job's own timeout, where the
	// application sets one, wins.
	// +optional
	// +kubebuilder:default="60s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) <= duration('24h')",message="timeout must be a duration in whole seconds such as 60s, from 0s (no limit) to 24h"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// memory is how much memory one process may use before it is replaced after
	// its current job, from 32Mi to 1Ti. Default: 128Mi. PHP's memory_limit and the
	// container's limit are derived from it with room to spare, unless the template sets them.
	// +optional
	// +kubebuilder:default="128Mi"
	// +kubebuilder:validation:XValidation:rule="string(self).matches('^[0-9]{1,20}([.][0-9]{1,9})?([KMGTPE]i|[mkMGTPE]|[eE][0-9]{1,2})?$') && quantity(string(self)).compareTo(quantity('32Mi')) >= 0 && quantity(string(self)).compareTo(quantity('1Ti')) <= 0",message="memory must be between 32Mi and 1Ti; write 256Mi for 256 mebibytes"
	Memory *resource.Quantity `json:"memory,omitempty"`

	// sleep is how long a worker waits before it asks again when its queues are
	// empty, such as 3s or 500ms, at most 1h. Default: 3s. 0s asks without a pause
	// and costs half a CPU core per idle process.
	// +optional
	// +kubebuilder:default="3s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}([.][0-9]{1,3})?s)?([0-9]{1,6}ms)?$') && duration(self) <= duration('1h')",message="sleep must be a duration such as 3s or 500ms, from 0s to 1h"
	Sleep *metav1.Duration `json:"sleep,omitempty"`

	// rest is how long a worker pauses after every job, such as 1s or 250ms, at most
	// 1h. Default: 0s, no pause.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}([.][0-9]{1,3})?s)?([0-9]{1,6}ms)?$') && duration(self) <= duration('1h')",message="rest must be a duration such as 1s or 250ms, from 0s (no pause) to 1h"
	Rest *metav1.Duration `json:"rest,omitempty"`

	// tries is how often a job is attempted before it has failed for good, 0 to
	// 10000. Default: 1. 0 means without limit. A job's own tries win.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	Tries *int32 `json:"tries,omitempty"`

	// backoff is how long a job that threw waits before its next attempt, in whole
	// seconds: one entry per attempt, the last one repeats. At most 20 entries of at
	// most 24h each. Default: empty, no wait. A job's own backoff wins.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:Type=string
	// +kubebuilder:validation:items:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self.all(d, d != '' && d.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(d) <= duration('24h'))",message="backoff entries must be durations in whole seconds such as 10s, from 0s to 24h"
	Backoff []metav1.Duration `json:"backoff,omitempty"`

	// maxJobs is after how many jobs a process ends and is replaced at once, 0 to
	// 10000000. Default: 0, never for this reason.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000000
	MaxJobs int32 `json:"maxJobs,omitempty"`

	// maxTime is after how long a process ends (after its current job) and is
	// replaced at once, in whole seconds such as 1h, at most 168h. Default: 0s, never
	// for this reason. Each process gets up to 10 % less, so that those of a pool do
	// not all end together.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) <= duration('168h')",message="maxTime must be a duration in whole seconds such as 1h, from 0s (no limit) to 168h"
	MaxTime *metav1.Duration `json:"maxTime,omitempty"`

	// recycle says what is replaced when maxJobs or maxTime is reached: Process, the
	// process alone, at once and in its pod; or Pod, the whole pod, after a successor is
	// ready and its jobs are done. With Pod a process that nobody replaces is restarted
	// in its pod at twice the limit. Default: Process.
	// +optional
	// +kubebuilder:default=Process
	Recycle Recycle `json:"recycle,omitempty"`

	// maxUnavailable is how many pods may be recycled at once, each with a successor
	// beyond the number of processes wanted, 1 to 100. Default: 1. Only with recycle Pod.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MaxUnavailable int32 `json:"maxUnavailable,omitempty"`

	// force lets the workers run while the application is in maintenance mode.
	// Default: false. Laravel only.
	// +optional
	Force bool `json:"force,omitempty"`

	// verbose lets the workers print more, such as job ids. Default: false. Laravel only.
	// +optional
	Verbose bool `json:"verbose,omitempty"`

	// priorityClassName is the PriorityClass of this pool's pods. Default: empty,
	// the template's. Another than the template's needs PriorityClassName in the
	// QueueApp's poolsMay.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="priorityClassName must be the name of a PriorityClass: lower-case letters, digits, hyphens and dots"
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// cpu is the CPU one process asks for, such as 250m, from 1m to 256. A pod
	// requests it once per process. Default: empty, the template's request. There is
	// no CPU limit unless the template sets one.
	// +optional
	// +kubebuilder:validation:XValidation:rule="string(self).matches('^[0-9]{1,20}([.][0-9]{1,9})?([KMGTPE]i|[mkMGTPE]|[eE][0-9]{1,2})?$') && quantity(string(self)).compareTo(quantity('1m')) >= 0 && quantity(string(self)).compareTo(quantity('256')) <= 0",message="cpu must be between 1m and 256; write 250m for a quarter of a core"
	CPU *resource.Quantity `json:"cpu,omitempty"`

	// env are environment variables of this pool's workers, over the template's, each with
	// a value, a fieldRef or a resourceFieldRef. What comes from a Secret or ConfigMap
	// belongs into the QueueApp's template. Default: empty, just the template's. At most
	// 100. The QueueApp's poolsMay may forbid it.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:XValidation:rule="self.all(e, !e.name.startsWith('QUEUEWORKER_'))",message="env names must not begin with QUEUEWORKER_, which is how the agent in the pod gets its settings"
	// +kubebuilder:validation:XValidation:rule="self.all(e, !has(e.valueFrom) || !has(e.value) || e.value == '')",message="env entries must have a value or a valueFrom, not both"
	// +kubebuilder:validation:XValidation:rule="self.all(e, !has(e.valueFrom) || (has(e.valueFrom.fieldRef) != has(e.valueFrom.resourceFieldRef) && !has(e.valueFrom.secretKeyRef) && !has(e.valueFrom.configMapKeyRef) && !has(e.valueFrom.fileKeyRef)))",message="env entries must have a plain value, a fieldRef or a resourceFieldRef; a value from a Secret, a ConfigMap or a file belongs into the QueueApp, into env of a container in its spec.template"
	Env []corev1.EnvVar `json:"env,omitempty"`

	// nodeSelector are labels a node must have to run this pool's pods, merged over
	// the template's. Default: empty, the template's. At most 20. The QueueApp's
	// poolsMay may forbid it.
	// +optional
	// +kubebuilder:validation:MaxProperties=20
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 317 && k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="nodeSelector keys must be label names such as topology.kubernetes.io/zone"
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// tolerations are node taints this pool's pods tolerate, in addition to the
	// template's. Default: empty, just the template's. At most 20. The QueueApp's
	// poolsMay may forbid it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:XValidation:rule="self.all(t, !has(t.operator) || t.operator in ['', 'Exists', 'Equal'])",message="a toleration's operator must be Exists or Equal"
	// +kubebuilder:validation:XValidation:rule="self.all(t, !has(t.effect) || t.effect in ['', 'NoSchedule', 'PreferNoSchedule', 'NoExecute'])",message="a toleration's effect must be NoSchedule, PreferNoSchedule or NoExecute"
	// +kubebuilder:validation:XValidation:rule="self.all(t, (has(t.key) && t.key != '') || (has(t.operator) && t.operator == 'Exists'))",message="a toleration's operator must be Exists when its key is empty"
	// +kubebuilder:validation:XValidation:rule="self.all(t, !has(t.operator) || t.operator != 'Exists' || !has(t.value) || t.value == '')",message="a toleration must have no value when its operator is Exists"
	// +kubebuilder:validation:XValidation:rule="self.all(t, !has(t.tolerationSeconds) || (has(t.effect) && t.effect == 'NoExecute'))",message="a toleration may have tolerationSeconds only when its effect is NoExecute"
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// gracePeriod is how long a pod that is removed may take to finish its current
	// jobs before they are killed, in whole seconds from 1s to 48h. Default: the
	// longest of timeout + rest + 15s and the template's terminationGracePeriodSeconds;
	// with timeout 0s it is 1h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self != '' && self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && duration(self) >= duration('1s') && duration(self) <= duration('48h')",message="gracePeriod must be a duration in whole seconds such as 90s, from 1s to 48h"
	GracePeriod *metav1.Duration `json:"gracePeriod,omitempty"`
}

// QueueWorker is one pool of worker processes: which queues they work on, how
// many there are and their limits. Its status tells what they get done. Who may write
// one decides on size, order and limits of pods that a QueueApp describes, and on what
// that QueueApp's poolsMay permits.
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

	// spec is the pool that is wanted.
	// +required
	Spec QueueWorkerSpec `json:"spec"`

	// status is the pool as last seen.
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
