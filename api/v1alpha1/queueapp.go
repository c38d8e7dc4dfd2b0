// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DefaultAppName is the QueueApp a QueueWorker uses when it names none and the
// namespace has one of this name.
const DefaultAppName = "default"

// Runtime is what kind of worker program the pods run. It decides the command
// line, the log dialect and the meaning of exit codes.
//
// +kubebuilder:validation:Enum=Laravel;Custom
type Runtime string

const (
	// RuntimeLaravel runs `php artisan queue:work`.
	RuntimeLaravel Runtime = "Laravel"
	// RuntimeCustom runs the template's own command and reads its output with
	// the QueueApp's patterns.
	RuntimeCustom Runtime = "Custom"
)

// AgentUpgrade says when a pool's pods move to the agent image of a newer operator.
//
// +kubebuilder:validation:Enum=WithTemplate;Now
type AgentUpgrade string

const (
	// AgentUpgradeWithTemplate keeps a pool's agent image until its pods change
	// for another reason, so that an operator upgrade replaces no worker pod.
	AgentUpgradeWithTemplate AgentUpgrade = "WithTemplate"
	// AgentUpgradeNow rolls the pods to the operator's own agent image at once.
	AgentUpgradeNow AgentUpgrade = "Now"
)

// PoolField is a field of a QueueWorker that its QueueApp may keep to itself.
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

// QueueAppSpec is what the workers of one application share.
//
// +kubebuilder:validation:XValidation:rule="self.runtime == 'Custom' || !has(self.patterns)",message="patterns may only be set when runtime is Custom; a Laravel worker's output is understood without them",fieldPath=".patterns"
// +kubebuilder:validation:XValidation:rule="self.runtime == 'Laravel' || !has(self.connection) || !has(self.connection.name) || size(self.connection.name) == 0",message="connection.name may only be set when runtime is Laravel; a Custom worker gets its settings from its own command and env",fieldPath=".connection.name"
// +kubebuilder:validation:XValidation:rule="self.runtime == 'Laravel' || !has(self.connection) || self.connection.driver in ['HTTP', 'None']",message="connection.driver must be HTTP or None when runtime is Custom; Redis and Database are read the way Laravel writes them",fieldPath=".connection.driver"
// +kubebuilder:validation:XValidation:rule="size(self.template.spec.containers) > 0",message="template must have at least one container",fieldPath=".template.spec.containers"
type QueueAppSpec struct {
	// runtime is the kind of worker program: Laravel (the default) or Custom.
	// It decides the command, the log dialect and the exit-code table.
	// +optional
	// +kubebuilder:default=Laravel
	Runtime Runtime `json:"runtime,omitempty"`

	// template is the pod the workers run in: image, env, volumes, service account,
	// and whatever else the application needs. What it sets explicitly wins over
	// the operator's defaults; a condition of the QueueWorker says where that
	// breaks a promise. For Laravel the worker container's command is kept as a
	// wrapper in front of `php artisan queue:work`, and args are refused.
	// +required
	Template corev1.PodTemplateSpec `json:"template"`

	// container is the name of the container in template that runs the worker.
	// Default: the first container.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="container must be the name of a container in template: lower-case letters, digits and hyphens"
	Container string `json:"container,omitempty"`

	// connection says which of the application's queue connections the workers use,
	// and how its backend is asked how many jobs wait. Default: the application's own
	// default connection, and nobody asks.
	// +optional
	Connection *Connection `json:"connection,omitempty"`

	// patterns are the regular expressions that find job events in a Custom
	// worker's output. Default: none; workers are then kept alive but jobs are not counted.
	// +optional
	Patterns *Patterns `json:"patterns,omitempty"`

	// maxProcesses is how many processes all QueueWorkers of this QueueApp may want
	// together, those aside that finish their last job, 1 to 100000, for example as many as the database has connections for.
	// Default: absent, no such limit. Where they want more, their minimums come first,
	// then higher priority, then need.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	MaxProcesses *int32 `json:"maxProcesses,omitempty"`

	// agentUpgrade says when the pods move to the agent image of a newer operator:
	// WithTemplate (the default: a pool keeps its agent image until its pods change
	// for another reason) or Now (the pods are rolled at once).
	// +optional
	// +kubebuilder:default=WithTemplate
	AgentUpgrade AgentUpgrade `json:"agentUpgrade,omitempty"`

	// networkPolicy makes a NetworkPolicy named <QueueApp>-queueworker for the worker and
	// probe pods of this QueueApp: only the operator, and for metrics the namespaces
	// labelled metrics: enabled, may connect to them. It restricts no connection that the
	// pods make themselves. It takes effect where the cluster's network enforces
	// NetworkPolicies. Default: false, the operator makes none.
	// +optional
	NetworkPolicy bool `json:"networkPolicy,omitempty"`

	// poolsMay lists what QueueWorkers may set of the pods that this QueueApp describes:
	// Env, NodeSelector, PriorityClassName, Tolerations. Size, queues, order and limits are
	// always theirs. Without PriorityClassName a QueueWorker may name the template's own
	// PriorityClass only. Default: absent, all but PriorityClassName. Empty permits none.
	// A QueueWorker that sets more is not Ready, and the pods it has stay as they are.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=4
	PoolsMay []PoolField `json:"poolsMay,omitzero"`
}

// Patterns are RE2 regular expressions, matched against each line of a Custom
// worker's stdout and stderr. The named groups id and class are understood
// everywhere; milliseconds (a number) in done and failed.
type Patterns struct {
	// started matches the line a worker prints when it begins a job.
	// Default: empty, job starts are not seen and a worker never counts as busy.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="''.matches(self) || !''.matches(self)",message="started must be a regular expression in RE2 syntax"
	Started string `json:"started,omitempty"`

	// done matches the line a worker prints when a job has succeeded.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="''.matches(self) || !''.matches(self)",message="done must be a regular expression in RE2 syntax"
	Done string `json:"done"`

	// failed matches the line a worker prints when a job has failed for good.
	// Default: empty, no line means failed.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="''.matches(self) || !''.matches(self)",message="failed must be a regular expression in RE2 syntax"
	Failed string `json:"failed,omitempty"`

	// released matches the line a worker prints when an attempt ended without
	// success and the job goes back to its queue. Default: empty, no line means released.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="''.matches(self) || !''.matches(self)",message="released must be a regular expression in RE2 syntax"
	Released string `json:"released,omitempty"`
}

// QueueApp describes an application whose queue workers run in this namespace:
// the pod they run in and how the worker program is spoken to. QueueWorkers
// refer to it by name. Who may write a QueueApp may run any pod in its namespace,
// with any Secret and service account there, as who may write a Deployment may.
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

	// spec is what the workers of this application share.
	// +required
	Spec QueueAppSpec `json:"spec"`

	// status is what its workers have found out about it.
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
