// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// failuresPerPod is how many failures per pod, for the pods' own reasons, a run may
// have before it is given up: the default of a Job of one pod. Workers that crash are
// restarted in their pods and are not such failures.
const failuresPerPod = 6

// HasDeployment reports whether a pool has its Deployment, and the Deployment stays.
func HasDeployment(worker *v1alpha1.QueueWorker, live *appsv1.Deployment) bool {
	return live != nil && live.DeletionTimestamp == nil && OwnedBy(live, worker)
}

// runJob returns the Job of a run. Every pod must succeed: a pod that fails, is evicted
// or is deleted is replaced, and its successor ends at once if the run is over by then.
func runJob(in Input, template *corev1.PodTemplateSpec, worker string) *batchv1.Job {
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	template.Spec.InitContainers[0].Image = in.AgentImage
	return &batchv1.Job{
		TypeMeta: metav1.TypeMeta{APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: in.Worker.Namespace,
			Name:      in.Run,
			Labels:    childLabels(in.Worker),
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "QueueWorker",
				Name: in.Worker.Name, UID: in.Worker.UID, Controller: new(true),
			}},
		},
		Spec: batchv1.JobSpec{
			Parallelism:  &in.Replicas,
			Completions:  &in.Replicas,
			BackoffLimit: new(failuresPerPod * in.Replicas),
			// Otherwise a terminating pod and its replacement would both be at work.
			PodReplacementPolicy: new(batchv1.Failed),
			PodFailurePolicy: &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{
				{
					Action: batchv1.PodFailurePolicyActionIgnore,
					OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{
						ContainerName: &worker, Operator: batchv1.PodFailurePolicyOnExitCodesOpIn, Values: []int32{protocol.CodeInterrupted},
					},
				},
				{
					Action: batchv1.PodFailurePolicyActionIgnore,
					OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{
						{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue},
					},
				},
			}},
			Template: *template,
		},
	}
}

// endless returns what would keep the pods of a run from ending.
func endless(app *v1alpha1.QueueApp, container int) *effective.Problem {
	containers := app.Spec.Template.Spec.Containers
	if len(containers) == 1 {
		return nil
	}
	other := containers[0].Name
	if container == 0 {
		other = containers[1].Name
	}
	return &effective.Problem{Reason: v1alpha1.ReasonAppInvalid, Message: fmt.Sprintf(
		"The QueueApp %q has the container %q beside the worker's, and a pod of a run ends only when all of its containers have; make it a sidecar: an init container with restartPolicy Always.",
		app.Name, other)}
}

// maxPerPod repeats a bound of the CRD.
const maxPerPod = 64

// RunProcesses returns how many processes each pod of a run has.
func RunProcesses(run *batchv1.Job) int32 {
	config := RunConfig(run)
	if config == nil {
		return 1
	}
	return min(max(config.Processes, 1), maxPerPod)
}

// RunConfig returns the configuration of a run's agents, which never changes; nil if it
// cannot be read because the operator did not create the Job.
func RunConfig(run *batchv1.Job) *protocol.Config {
	for _, container := range run.Spec.Template.Spec.Containers {
		for _, variable := range container.Env {
			if variable.Name != protocol.ConfigEnv {
				continue
			}
			return decodeConfig(variable.Value)
		}
	}
	return nil
}
