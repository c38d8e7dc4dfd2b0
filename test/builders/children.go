// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package builders

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ControlledBy makes an object of this kind and owner's name and UID the controller of
// another one, and returns the latter.
func ControlledBy[T metav1.Object](object T, kind string, owner metav1.Object) T {
	object.SetOwnerReferences([]metav1.OwnerReference{{Kind: kind, Name: owner.GetName(), UID: owner.GetUID(), Controller: new(true)}})
	return object
}

// ReplicaSet returns the ReplicaSet of a Deployment's present template.
func ReplicaSet(deployment *appsv1.Deployment) *appsv1.ReplicaSet {
	set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
		Namespace: deployment.Namespace, Name: deployment.Name + "-1", Labels: deployment.Spec.Template.Labels,
	}}
	set.UID = "uid-" + deployment.UID
	return ControlledBy(set, "Deployment", deployment)
}

// PodOfSet returns a pod of a ReplicaSet.
func PodOfSet(set *appsv1.ReplicaSet, name string, created time.Time) *corev1.Pod {
	return childPod(set, "ReplicaSet", set.Labels, name, created)
}

// PodOfJob returns a pod of a Job.
func PodOfJob(job *batchv1.Job, name string, created time.Time) *corev1.Pod {
	return childPod(job, "Job", job.Spec.Template.Labels, name, created)
}

func childPod(owner metav1.Object, kind string, labels map[string]string, name string, created time.Time) *corev1.Pod {
	pod := Pod(name, created)
	pod.Namespace, pod.Labels = owner.GetNamespace(), labels
	return ControlledBy(pod, kind, owner)
}
