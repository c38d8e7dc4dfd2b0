// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DefaultAppName is the QueueApp that a QueueWorker uses if it names none and the
// namespace has a QueueApp of this name.
const DefaultAppName = "default"

// Runtime is the kind of worker program that the pods run. It decides the command line,
// how the output is read and what exit codes mean.
//
// +kubebuilder:validation:Enum=Laravel;Custom
type Runtime string

const (
	// RuntimeLaravel runs `php artisan queue:work`.
	RuntimeLaravel Runtime = "Laravel"
	// RuntimeCustom runs the template's own command and reads its output by the QueueApp's
	// patterns.
	RuntimeCustom Runtime = "Custom"
)

// AgentUpgrade is when a pool's pods change to the agent image of a newer operator.
//
// +kubebuilder:validation:Enum=WithTemplate;Now
type AgentUpgrade string

const (
	// AgentUpgradeWithTemplate keeps a pool's agent image until its pods change
	// for another reason, so that an operator upgrade replaces no worker pod.
	AgentUpgradeWithTemplate AgentUpgrade = "WithTemplate"
	// AgentUpgradeNow rolls out the operator's own agent image at once.
	AgentUpgradeNow AgentUpgrade = "Now"
)

// PoolField is a field of a QueueWorker that its QueueApp may permit or forbid.
//
// +kubebuilder:validation:Enum=Env;NodeSelector;PriorityClassName;Tolerations
type PoolField string

const (
	// PoolEnv is spec.env of a QueueWorker.
	PoolEnv PoolField = "Env"
	// PoolNodeSelector is spec.nodeSelector of a QueueWorker.
	PoolNodeSelector PoolField = "NodeSelector"
	// PoolPriorityClassName is spec.priorityClassName of a QueueWorker.
	PoolPriorityClassName PoolField = "PriorityClassName"
	// PoolTolerations is spec.tolerations of a QueueWorker.
	PoolTolerations PoolField = "Tolerations"
)

// QueueAppSpec describes what the workers of one application share.
//
// +kubebuilder:validation:XValidation:rule="self.runtime == 'Custom' || !has(self.patterns)",message="patterns may only be set when runtime is Custom; a Laravel worker's output is understood without them",fieldPath=".patterns"
// +kubebuilder:validation:XValidation:rule="self.runtime == 'Laravel' || !has(self.connection) || !has(self.connection.name) || size(self.connection.name) == 0",message="connection.name may only be set when runtime is Laravel; a Custom worker gets its settings from its own command and env",fieldPath=".connection.name"
// +kubebuilder:validation:XValidation:rule="self.runtime == 'Laravel' || !has(self.connection) || self.connection.driver in ['HTTP', 'None']",message="connection.driver must be HTTP or None when runtime is Custom; Redis and Database are read the way Laravel writes them",fieldPath=".connection.driver"
// +kubebuilder:validation:XValidation:rule="size(self.template.spec.containers) > 0",message="template must have at least one container",fieldPath=".template.spec.containers"
type QueueAppSpec struct {
	// runtime is the kind of worker program: Laravel or Custom. Default: Laravel. It decides
	// the command, how the output is read, and what exit codes mean.
	// +optional
	// +kubebuilder:default=Laravel
	Runtime Runtime `json:"runtime,omitempty"`

	// template is the pod that the workers run in: image, env, volumes, service account, and
	// anything else the application needs. Its explicit settings override the operator's
	// defaults. If such a setting breaks what workers need, a condition of the QueueWorker
	// says so. For Laravel, the worker container's command becomes a wrapper in front of
	// `php artisan queue:work`, and args are refused.
	// +required
	Template corev1.PodTemplateSpec `json:"template"`

	// container is the name of the container in template that runs the worker. Default:
	// empty, the first container.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="container must be the name of a container in template: lower-case letters, digits and hyphens"
	Container string `json:"container,omitempty"`

	// connection is the application's queue connection that the workers use, and how to ask
	// its backend for the backlog. Default: absent, the application's own default
	// connection, whose backlog is not measured.
	// +optional
	Connection *Connection `json:"connection,omitempty"`

	// patterns are the regular expressions that find job events in a Custom worker's output.
	// Default: absent; workers are kept alive, but their jobs are not counted.
	// +optional
	Patterns *Patterns `json:"patterns,omitempty"`

	// maxProcesses limits the processes that all QueueWorkers of this QueueApp may want
	// together, 1 to 100000, for example to the number of database connections. Default:
	// absent, no limit. Processes that only finish their last job do not count. If the limit
	// is too small, the minimums of the pools come first, then higher priority, then need.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	MaxProcesses *int32 `json:"maxProcesses,omitempty"`

	// agentUpgrade is when the pods get the agent image of a newer operator: WithTemplate or
	// Now. Default: WithTemplate, a pool keeps its agent image until its pods change for
	// another reason. Now rolls the pods at once.
	// +optional
	// +kubebuilder:default=WithTemplate
	AgentUpgrade AgentUpgrade `json:"agentUpgrade,omitempty"`

	// networkPolicy makes the operator create the NetworkPolicy <QueueApp>-queueworker.
	// Default: false, no NetworkPolicy. Only the operator and, for metrics, namespaces
	// labelled metrics: enabled may then connect to the worker, probe and command pods of
	// this QueueApp. Connections that the pods open are not restricted. It works only if the
	// cluster's network enforces NetworkPolicies.
	// +optional
	NetworkPolicy bool `json:"networkPolicy,omitempty"`

	// poolsMay lists the pod settings that QueueWorkers may set: Env, NodeSelector,
	// PriorityClassName, Tolerations. Default: absent, all except PriorityClassName. An
	// empty list permits none. Size, queues, order and limits are always permitted. Without
	// PriorityClassName a QueueWorker may name only the template's own PriorityClass. A
	// QueueWorker that sets more is not Ready, and its existing pods stay as they are.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=4
	PoolsMay []PoolField `json:"poolsMay,omitzero"`
}

// Patterns are RE2 regular expressions, matched against each line of a Custom worker's
// stdout and stderr. All may have the named groups id and class. All except started may
// have the group milliseconds (a number).
type Patterns struct {
	// started matches the line that a worker prints when it begins a job. Default: empty,
	// job starts are not seen, and a worker never counts as busy.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="''.matches(self) || !''.matches(self)",message="started must be a regular expression in RE2 syntax"
	Started string `json:"started,omitempty"`

	// done matches the line that a worker prints when a job has succeeded.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="''.matches(self) || !''.matches(self)",message="done must be a regular expression in RE2 syntax"
	Done string `json:"done"`

	// failed matches the line that a worker prints when a job has failed for good. Default:
	// empty, no line means failed.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="''.matches(self) || !''.matches(self)",message="failed must be a regular expression in RE2 syntax"
	Failed string `json:"failed,omitempty"`

	// released matches the line that a worker prints when an attempt did not succeed and the
	// job goes back to its queue. Default: empty, no line means released.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="''.matches(self) || !''.matches(self)",message="released must be a regular expression in RE2 syntax"
	Released string `json:"released,omitempty"`
}

// QueueApp describes an application whose queue workers run in this namespace: the pod
// that they run in, and how the operator works with the worker program. QueueWorkers
// refer to it by name. A user who may write a QueueApp can run any pod in its namespace,
// with any Secret and service account there, like a user who may write a Deployment.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=qapp,categories=queueing
// +kubebuilder:printcolumn:name="Runtime",type=string,JSONPath=`.spec.runtime`
// +kubebuilder:printcolumn:name="Image",type=string,JSONPath=`.spec.template.spec.containers[0].image`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.images[0].version`
// +kubebuilder:printcolumn:name="Preflight",type=string,JSONPath=`.status.conditions[?(@.type=="PreflightPassed")].status`
// +kubebuilder:printcolumn:name="Connection",type=string,JSONPath=`.spec.connection.name`,priority=1
// +kubebuilder:printcolumn:name="Findings",type=string,JSONPath=`.status.conditions[?(@.type=="PreflightPassed")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 50",message="metadata.name must be at most 50 characters, so that the names of objects made for it fit",fieldPath=".metadata"
type QueueApp struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata. The name is at most 50 characters.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec describes what this application's workers share.
	// +required
	Spec QueueAppSpec `json:"spec"`

	// status holds what its workers found out about the application.
	// +optional
	Status QueueAppStatus `json:"status,omitzero"`
}

// QueueAppList is a list of QueueApps.
//
// +kubebuilder:object:root=true
type QueueAppList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []QueueApp `json:"items"`
}
