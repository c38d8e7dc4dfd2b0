// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/controlplane"
)

// drift is a change by another client to an object of a pool, and how it must end.
type drift struct {
	object func() client.Object
	name   string
	change func(client.Object)
	// restored checks that the operator undid the change; nil if the change must stay.
	restored func(client.Object) error
}

var drifts = map[string]drift{
	"replicas": {
		object: newDeployment, name: "emails-worker",
		change: func(o client.Object) { o.(*appsv1.Deployment).Spec.Replicas = new(int32(7)) },
		restored: func(o client.Object) error {
			return same(int32(2), *o.(*appsv1.Deployment).Spec.Replicas)
		},
	},
	"the worker's image": {
		object: newDeployment, name: "emails-worker",
		change:   func(o client.Object) { worker(o).Image = "registry.example.com/other:1" },
		restored: func(o client.Object) error { return same(builders.Image, worker(o).Image) },
	},
	"the agent's settings": {
		object: newDeployment, name: "emails-worker",
		change: func(o client.Object) {
			for i := range worker(o).Env {
				if worker(o).Env[i].Name == protocol.ConfigEnv {
					worker(o).Env[i].Value = "{}"
				}
			}
		},
		restored: func(o client.Object) error {
			for _, variable := range worker(o).Env {
				if variable.Name == protocol.ConfigEnv && variable.Value == "{}" {
					return fmt.Errorf("%s is still empty", variable.Name)
				}
			}
			return nil
		},
	},
	"the pods' labels": {
		object: newDeployment, name: "emails-worker",
		change: func(o client.Object) { o.(*appsv1.Deployment).Spec.Template.Labels[v1alpha1.LabelApp] = "other" },
		restored: func(o client.Object) error {
			return same("shop", o.(*appsv1.Deployment).Spec.Template.Labels[v1alpha1.LabelApp])
		},
	},
	"the strategy": {
		object: newDeployment, name: "emails-worker",
		change: func(o client.Object) {
			o.(*appsv1.Deployment).Spec.Strategy.RollingUpdate.MaxUnavailable = new(intstr.FromInt32(1))
		},
		restored: func(o client.Object) error {
			return same("0", o.(*appsv1.Deployment).Spec.Strategy.RollingUpdate.MaxUnavailable.String())
		},
	},
	"the control document": {
		object: func() client.Object { return &corev1.ConfigMap{} }, name: "emails-control",
		change: func(o client.Object) {
			o.(*corev1.ConfigMap).Data[protocol.ControlFile] = `{"revision":9,"paused":true}`
		},
		restored: func(o client.Object) error {
			return same(`{"revision":10}`, o.(*corev1.ConfigMap).Data[protocol.ControlFile])
		},
	},
	"a control document that is none": {
		object: func() client.Object { return &corev1.ConfigMap{} }, name: "emails-control",
		change: func(o client.Object) { o.(*corev1.ConfigMap).Data = nil },
		restored: func(o client.Object) error {
			if o.(*corev1.ConfigMap).Data[protocol.ControlFile] == "" {
				return fmt.Errorf("it is still missing")
			}
			return nil
		},
	},
	"the disruption budget": {
		object: func() client.Object { return &policyv1.PodDisruptionBudget{} }, name: "emails-worker",
		change: func(o client.Object) {
			o.(*policyv1.PodDisruptionBudget).Spec.MaxUnavailable = new(intstr.FromInt32(0))
		},
		restored: func(o client.Object) error {
			return same("25%", o.(*policyv1.PodDisruptionBudget).Spec.MaxUnavailable.String())
		},
	},
	"a child's own labels": {
		object: newDeployment, name: "emails-worker",
		change: func(o client.Object) { delete(o.(*appsv1.Deployment).Labels, v1alpha1.LabelManagedBy) },
		restored: func(o client.Object) error {
			return same(v1alpha1.ManagedBy, o.(*appsv1.Deployment).Labels[v1alpha1.LabelManagedBy])
		},
	},
	"a foreign annotation stays": {
		object: newDeployment, name: "emails-worker",
		change: func(o client.Object) {
			metav1.SetMetaDataAnnotation(&o.(*appsv1.Deployment).ObjectMeta, "example.com/note", "hello")
		},
	},
	"a foreign label stays": {
		object: newDeployment, name: "emails-worker",
		change: func(o client.Object) {
			metav1.SetMetaDataLabel(&o.(*appsv1.Deployment).ObjectMeta, "example.com/team", "checkout")
		},
	},
	"kubectl rollout restart stays": {
		object: newDeployment, name: "emails-worker",
		change: func(o client.Object) {
			metav1.SetMetaDataAnnotation(&o.(*appsv1.Deployment).Spec.Template.ObjectMeta, "kubectl.kubernetes.io/restartedAt", "2026-01-01T00:00:00Z")
		},
	},
	"an injected sidecar stays": {
		object: newDeployment, name: "emails-worker",
		change: func(o client.Object) {
			pod := &o.(*appsv1.Deployment).Spec.Template.Spec
			pod.Containers = append(pod.Containers, corev1.Container{Name: "proxy", Image: "registry.example.com/proxy:1"})
			pod.Volumes = append(pod.Volumes, corev1.Volume{Name: "certificates", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
		},
	},
	"a field nobody set stays": {
		object: newDeployment, name: "emails-worker",
		change: func(o client.Object) { o.(*appsv1.Deployment).Spec.MinReadySeconds = 1 },
	},
	"a foreign key of the ConfigMap stays": {
		object: func() client.Object { return &corev1.ConfigMap{} }, name: "emails-control",
		change: func(o client.Object) { o.(*corev1.ConfigMap).Data["note"] = "hello" },
	},
}

func newDeployment() client.Object { return &appsv1.Deployment{} }

// worker returns the worker's container of a Deployment.
func worker(deployment client.Object) *corev1.Container {
	containers := deployment.(*appsv1.Deployment).Spec.Template.Spec.Containers
	for i := range containers {
		if containers[i].Name == "worker" {
			return &containers[i]
		}
	}
	return &corev1.Container{}
}

func same[T comparable](want, got T) error {
	if want != got {
		return fmt.Errorf("it is %v, want %v", got, want)
	}
	return nil
}

func TestWhatOthersChangeIsRestoredOrLeftAlone(t *testing.T) {
	for name, tc := range drifts {
		t.Run(name, func(t *testing.T) {
			namespace := newNamespace(t)
			o := startOperator(t, operatorOptions{namespaces: []string{namespace}})
			create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(2).Obj())
			waitReady(t, namespace, "emails")
			key := client.ObjectKey{Namespace: namespace, Name: tc.name}
			from := mark(t)
			change(t, tc.object(), namespace, tc.name, tc.change)
			if tc.restored == nil {
				requireLeftAlone(t, o, tc, key)
				return
			}
			eventually(t, "it is restored", func(ctx context.Context) error {
				live := tc.object()
				if err := api.Get(ctx, key, live); err != nil {
					return err
				}
				return tc.restored(live)
			})
			waitReady(t, namespace, "emails")
			if writes := writesBetween(t, o, from, mark(t)); len(writes) > 25 {
				t.Errorf("%d writes to repair one change:\n%s", len(writes), controlplane.Summary(writes))
			}
		})
	}
}

// requireLeftAlone fails the test if the operator writes the object after another
// client's change, also at its next reconcile.
func requireLeftAlone(t *testing.T, o *operator, tc drift, key client.ObjectKey) {
	t.Helper()
	live := tc.object()
	if err := api.Get(t.Context(), key, live); err != nil {
		t.Fatal(err)
	}
	waitReady(t, key.Namespace, "emails")
	from := mark(t)
	reconcileAll(t, key.Namespace)
	for _, write := range writesBetween(t, o, from, mark(t)) {
		if write.ObjectRef.Name == key.Name {
			t.Errorf("the operator wrote: %s %s", write, write.RequestObject)
		}
	}
	now := tc.object()
	if err := api.Get(t.Context(), key, now); err != nil {
		t.Fatal(err)
	}
	// The Deployment controller writes the revision number to an annotation.
	own := cmpopts.IgnoreMapEntries(func(key, _ string) bool { return key == "deployment.kubernetes.io/revision" })
	for _, diff := range []string{
		cmp.Diff(live.GetGeneration(), now.GetGeneration()), cmp.Diff(live.GetLabels(), now.GetLabels()),
		cmp.Diff(live.GetAnnotations(), now.GetAnnotations(), own),
	} {
		if diff != "" {
			t.Errorf("the object changed after the other's change (-before +after):\n%s", diff)
		}
	}
}

func TestDeletedChildrenComeBack(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(2).Paused(true).Obj())
	isPaused := all(inState(v1alpha1.StatePaused), hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonPaused))
	waitFor(t, namespace, "emails", "is paused", isPaused)
	for name, object := range map[string]client.Object{
		"emails-control": &corev1.ConfigMap{}, "emails-worker": &policyv1.PodDisruptionBudget{},
	} {
		object.SetNamespace(namespace)
		object.SetName(name)
		if err := api.Delete(t.Context(), object); err != nil {
			t.Fatal(err)
		}
		eventually(t, name+" comes back", func(ctx context.Context) error {
			return api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
		})
	}
	agents := agentsOf(t, namespace, "emails", 2)
	if control := requireObeyed(t, namespace, "emails", agents); control.Revision < 2 {
		t.Errorf("the new document has revision %d, no higher than the lost one's: agents would ignore it", control.Revision)
	}
	deployment := deploymentOf(t, namespace, "emails")
	if err := api.Delete(t.Context(), deployment, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Deployment comes back", func(ctx context.Context) error {
		again := &appsv1.Deployment{}
		if err := api.Get(ctx, client.ObjectKeyFromObject(deployment), again); err != nil {
			return err
		}
		if again.UID == deployment.UID {
			return fmt.Errorf("it is still the old one")
		}
		return nil
	})
	waitFor(t, namespace, "emails", "is paused again", isPaused)
}

func TestTheDisruptionBudgetGoesWithThePoolsSecondPod(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(2).Obj())
	waitReady(t, namespace, "emails")
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Processes = new(int32(1)) })
	eventually(t, "the budget goes", func(ctx context.Context) error {
		err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "emails-worker"}, &policyv1.PodDisruptionBudget{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it is still there: %w", err)
	})
	waitReady(t, namespace, "emails")
}

func TestDeletionLeavesNothingBehind(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(3).Obj())
	worker := waitReady(t, namespace, "emails")
	if err := api.Delete(t.Context(), worker); err != nil {
		t.Fatal(err)
	}
	requireNothingLeft(t, namespace, worker.Name)
}

// requireNothingLeft waits until a QueueWorker and all its objects are gone.
func requireNothingLeft(t *testing.T, namespace, worker string) {
	t.Helper()
	eventually(t, "nothing is left", func(ctx context.Context) error {
		lists := []client.ObjectList{
			&v1alpha1.QueueWorkerList{}, &appsv1.DeploymentList{}, &appsv1.ReplicaSetList{}, &corev1.PodList{},
			&corev1.ConfigMapList{}, &policyv1.PodDisruptionBudgetList{},
		}
		for _, list := range lists {
			if err := api.List(ctx, list, client.InNamespace(namespace)); err != nil {
				return err
			}
			items, err := itemsOf(list)
			if err != nil {
				return err
			}
			for _, item := range items {
				if _, ours := item.GetLabels()[v1alpha1.LabelName]; ours || item.GetName() == worker {
					return fmt.Errorf("%T %s is left", item, item.GetName())
				}
			}
		}
		return nil
	})
}
