// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cachefilter

import (
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/podstate"
)

// The kinds that control children of the operator.
var (
	kindWorker  = schema.GroupKind{Group: v1alpha1.GroupName, Kind: "QueueWorker"}
	kindApp     = schema.GroupKind{Group: v1alpha1.GroupName, Kind: "QueueApp"}
	kindCommand = schema.GroupKind{Group: v1alpha1.GroupName, Kind: "QueueCommand"}
)

const (
	// maxJobConditions is more conditions of the types in jobConditions than a Job has.
	maxJobConditions = 4
	// maxConfig is more bytes than any configuration of an agent has.
	maxConfig = 16 << 10
	// maxPolicy is more bytes of the heap than the spec of any NetworkPolicy that the
	// operator writes takes.
	maxPolicy = 8 << 10
	// maxLiveTemplate bounds the heap that the template of a Deployment takes, in bytes:
	// ten times what the template of an application with hundreds of variables takes.
	maxLiveTemplate = 256 << 10
	// maxPins bounds the pins of the operator's keys, in bytes. Each pin has 64 digits.
	maxPins = 512
	// maxSmall is more bytes of the heap than a PodDisruptionBudget's spec, a selector or
	// a strategy that the operator writes takes.
	maxSmall = 1 << 10
)

// childAnnotations are the annotations of a child that the operator compares.
var childAnnotations = []string{v1alpha1.AnnotationAppliedHash, v1alpha1.AnnotationTemplateHash}

// slimConfigMap keeps the documents for the agents in a pool's ConfigMap.
func slimConfigMap(object any) (any, error) {
	configMap, ok := object.(*corev1.ConfigMap)
	if !ok {
		return object, nil
	}
	told := keep(configMap.Data, protocol.ControlFile, protocol.OperatorFile)
	maps.DeleteFunc(told, func(file, document string) bool {
		return len(document) > protocol.MaxControlBytes || file == protocol.OperatorFile && len(document) > maxPins
	})
	configMap.Data, configMap.BinaryData = nil, nil
	if slimChild(configMap, childAnnotations, kindWorker) && len(told) > 0 {
		configMap.Data = told
	}
	return configMap, nil
}

// slimDeployment keeps three parts of a pool's or probe's Deployment: the compared
// fields, its progress, and the managed fields of another owner of its replicas. Any
// user can name a QueueWorker as the owner, so parts that are larger than the
// operator's own are dropped. Of a template, the parts that decisions use stay, and its
// hash is compared (objects.Settled).
func slimDeployment(object any) (any, error) {
	live, ok := object.(*appsv1.Deployment)
	if !ok {
		return object, nil
	}
	others := replicasOwners(live.ManagedFields)
	if !slimChild(live, childAnnotations, kindWorker, kindApp) {
		live.Spec, live.Status = appsv1.DeploymentSpec{}, appsv1.DeploymentStatus{}
		return live, nil
	}
	live.ManagedFields = others
	if takesMore(live.Spec.Selector, maxSmall) {
		live.Spec.Selector = nil
	}
	if takesMore(live.Spec.Strategy, maxSmall) {
		live.Spec.Strategy = appsv1.DeploymentStrategy{}
	}
	if takesMore(live.Spec.Template, maxLiveTemplate) {
		live.Spec.Template = leanTemplate(&live.Spec.Template)
	}
	var conditions []appsv1.DeploymentCondition
	for _, condition := range live.Status.Conditions {
		if condition.Type == appsv1.DeploymentProgressing {
			conditions = []appsv1.DeploymentCondition{{
				Type: condition.Type, Status: word(condition.Status), Reason: bound(condition.Reason, maxName),
			}}
			break
		}
	}
	live.Status.Conditions = conditions
	return live, nil
}

// leanTemplate keeps, of a template without its containers, the other parts that
// decisions use: its QueueApp, its PriorityClass and grace period, when all pods were
// replaced, and the agent.
func leanTemplate(template *corev1.PodTemplateSpec) corev1.PodTemplateSpec {
	out := corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		PriorityClassName: bound(template.Spec.PriorityClassName, maxName), TerminationGracePeriodSeconds: template.Spec.TerminationGracePeriodSeconds,
	}}
	if app := template.Labels[v1alpha1.LabelApp]; app != "" {
		out.Labels = map[string]string{v1alpha1.LabelApp: bound(app, maxName)}
	}
	if token := template.Annotations[v1alpha1.AnnotationRecreatedAt]; token != "" {
		out.Annotations = map[string]string{v1alpha1.AnnotationRecreatedAt: objects.ShortToken(token)}
	}
	if image := objects.AgentImageOf(template); image != "" {
		out.Spec.InitContainers = []corev1.Container{{Name: objects.InstallContainer, Image: bound(image, maxImage)}}
	}
	return out
}

// replicasOwners returns the managed fields of the first other owner of a Deployment's
// replicas.
func replicasOwners(all []metav1.ManagedFieldsEntry) []metav1.ManagedFieldsEntry {
	for _, entry := range all {
		if entry.Manager != v1alpha1.FieldManager && podstate.OwnsReplicas(&entry) {
			return []metav1.ManagedFieldsEntry{{
				Manager: bound(entry.Manager, maxName), Operation: word(entry.Operation), Time: entry.Time, Subresource: entry.Subresource,
				FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:replicas":{}}}`),
			}}
		}
	}
	return nil
}

// slimBudget keeps the spec of a pool's PodDisruptionBudget.
func slimBudget(object any) (any, error) {
	budget, ok := object.(*policyv1.PodDisruptionBudget)
	if !ok {
		return object, nil
	}
	budget.Status = policyv1.PodDisruptionBudgetStatus{}
	if !slimChild(budget, childAnnotations, kindWorker) || takesMore(budget.Spec, maxSmall) {
		budget.Spec = policyv1.PodDisruptionBudgetSpec{}
	}
	return budget, nil
}

// slimPolicy keeps the spec of a QueueApp's NetworkPolicy.
func slimPolicy(object any) (any, error) {
	policy, ok := object.(*networkingv1.NetworkPolicy)
	if !ok {
		return object, nil
	}
	if !slimChild(policy, childAnnotations, kindApp) || takesMore(policy.Spec, maxPolicy) {
		policy.Spec = networkingv1.NetworkPolicySpec{}
	}
	return policy, nil
}

// slimSet keeps the owner of a ReplicaSet.
func slimSet(object any) (any, error) {
	if set, ok := object.(*metav1.PartialObjectMetadata); ok {
		slimMeta(set, ownLabels, nil)
	}
	return object, nil
}

// slimJob keeps the progress of a Job, its size, and the configuration of a run's agents.
func slimJob(object any) (any, error) {
	job, ok := object.(*batchv1.Job)
	if !ok {
		return object, nil
	}
	spec, status := job.Spec, job.Status
	job.Spec, job.Status = batchv1.JobSpec{}, batchv1.JobStatus{}
	if !slimChild(job, []string{v1alpha1.AnnotationBegun}, kindWorker, kindCommand) {
		return job, nil
	}
	template := leanTemplate(&spec.Template)
	template.Annotations, template.Spec.InitContainers = nil, nil
	if controlledBy(job, kindWorker) {
		template.Spec.Containers = configuredAlone(spec.Template.Spec.Containers)
	}
	if job.Annotations[v1alpha1.AnnotationBegun] != "" {
		job.Annotations[v1alpha1.AnnotationBegun] = v1alpha1.AnnotationTrue
	}
	job.Spec = batchv1.JobSpec{
		Suspend: spec.Suspend, ActiveDeadlineSeconds: spec.ActiveDeadlineSeconds, Parallelism: spec.Parallelism, Template: template,
	}
	job.Status = batchv1.JobStatus{StartTime: status.StartTime, CompletionTime: status.CompletionTime}
	for _, condition := range status.Conditions {
		if len(job.Status.Conditions) < maxJobConditions && slices.Contains(jobConditions, condition.Type) {
			job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
				Type: condition.Type, Status: word(condition.Status), Reason: bound(condition.Reason, maxName), LastTransitionTime: condition.LastTransitionTime,
			})
		}
	}
	return job, nil
}

// jobConditions are the types of the conditions of a Job that the operator reads.
var jobConditions = []batchv1.JobConditionType{batchv1.JobComplete, batchv1.JobFailed, batchv1.JobFailureTarget}

// configuredAlone keeps the configuration of an agent: at most one container with it.
func configuredAlone(containers []corev1.Container) []corev1.Container {
	for i := range containers {
		for _, variable := range containers[i].Env {
			if variable.Name == protocol.ConfigEnv && len(variable.Value) <= maxConfig {
				return []corev1.Container{{Env: []corev1.EnvVar{{Name: variable.Name, Value: variable.Value}}}}
			}
		}
	}
	return nil
}
