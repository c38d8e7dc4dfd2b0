// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/controlplane"
	"queueworker.dev/queueworker/test/fakes"
)

// create creates objects and fails the test if the API server refuses one.
func create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := api.Create(t.Context(), object); err != nil {
			t.Fatalf("create %T %s: %v", object, object.GetName(), err)
		}
	}
}

// change reads an object, changes it and writes it, and tries again on a conflict.
func change[T client.Object](t *testing.T, object T, namespace, name string, how func(T)) {
	t.Helper()
	eventually(t, "change "+name, func(ctx context.Context) error {
		if err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object); err != nil {
			return err
		}
		how(object)
		return api.Update(ctx, object)
	})
}

// changeWorker changes a QueueWorker.
func changeWorker(t *testing.T, namespace, name string, how func(*v1alpha1.QueueWorker)) {
	t.Helper()
	change(t, &v1alpha1.QueueWorker{}, namespace, name, how)
}

// waitFor waits until a QueueWorker's status is of its present generation and check
// accepts it, and returns the QueueWorker.
func waitFor(t *testing.T, namespace, name, what string, check func(*v1alpha1.QueueWorker) error) *v1alpha1.QueueWorker {
	t.Helper()
	worker := &v1alpha1.QueueWorker{}
	defer func() {
		if t.Failed() {
			t.Logf("status of %s: %s\noperator's log:\n%s", name, describe(worker), strings.Join(logLines.tail(namespace, 6), "\n"))
		}
	}()
	eventually(t, fmt.Sprintf("QueueWorker %s %s", name, what), func(ctx context.Context) error {
		if err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, worker); err != nil {
			return err
		}
		if worker.Status.ObservedGeneration != worker.Generation {
			return fmt.Errorf("status is of generation %d, spec of %d", worker.Status.ObservedGeneration, worker.Generation)
		}
		return check(worker)
	})
	return worker
}

func describe(worker *v1alpha1.QueueWorker) string {
	var b strings.Builder
	s := &worker.Status
	fmt.Fprintf(&b, "state %s, desired %d, processes %d, ready %d, busy %d, failing %d, totals %+v", s.State, s.Desired, s.Processes, s.Ready, s.Busy, s.Failing, s.Totals)
	for _, c := range s.Conditions {
		fmt.Fprintf(&b, "\n  %s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)
	}
	return b.String()
}

// hasCondition checks the status and the reason of a condition.
func hasCondition(conditionType string, status metav1.ConditionStatus, reason string) func(*v1alpha1.QueueWorker) error {
	return func(worker *v1alpha1.QueueWorker) error {
		condition := meta.FindStatusCondition(worker.Status.Conditions, conditionType)
		if condition == nil {
			return fmt.Errorf("condition %s is not there", conditionType)
		}
		if condition.Status != status || condition.Reason != reason {
			return fmt.Errorf("condition %s is %s with reason %s, want %s with %s", conditionType, condition.Status, condition.Reason, status, reason)
		}
		if condition.ObservedGeneration != worker.Generation {
			return fmt.Errorf("condition %s is of generation %d, want %d", conditionType, condition.ObservedGeneration, worker.Generation)
		}
		return nil
	}
}

// lacksCondition checks that a condition is absent.
func lacksCondition(conditionType string) func(*v1alpha1.QueueWorker) error {
	return func(worker *v1alpha1.QueueWorker) error {
		if condition := meta.FindStatusCondition(worker.Status.Conditions, conditionType); condition != nil {
			return fmt.Errorf("condition %s is %s with reason %s, want none", conditionType, condition.Status, condition.Reason)
		}
		return nil
	}
}

// all accepts a QueueWorker that all checks accept.
func all(checks ...func(*v1alpha1.QueueWorker) error) func(*v1alpha1.QueueWorker) error {
	return func(worker *v1alpha1.QueueWorker) error {
		var failures []error
		for _, check := range checks {
			failures = append(failures, check(worker))
		}
		return errors.Join(failures...)
	}
}

// isReady accepts a pool that is as wanted and whose agents all report.
var isReady = all(
	hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAsWanted),
	hasCondition(v1alpha1.ConditionAgentsReporting, metav1.ConditionTrue, v1alpha1.ReasonReporting),
	lacksCondition(v1alpha1.ConditionReconciling), lacksCondition(v1alpha1.ConditionStalled),
	func(worker *v1alpha1.QueueWorker) error {
		// Busy and idle counts may lag, as the description of the status says.
		if s := &worker.Status; s.Ready != s.Desired {
			return fmt.Errorf("%d of %d processes are ready", s.Ready, s.Desired)
		}
		return nil
	},
)

func waitReady(t *testing.T, namespace, name string) *v1alpha1.QueueWorker {
	t.Helper()
	return waitFor(t, namespace, name, "becomes ready", isReady)
}

// message returns the message of a condition.
func message(worker *v1alpha1.QueueWorker, conditionType string) string {
	if condition := meta.FindStatusCondition(worker.Status.Conditions, conditionType); condition != nil {
		return condition.Message
	}
	return ""
}

func deploymentOf(t *testing.T, namespace, worker string) *appsv1.Deployment {
	t.Helper()
	deployment := &appsv1.Deployment{}
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: worker + "-worker"}, deployment); err != nil {
		t.Fatal(err)
	}
	return deployment
}

// podsOf lists the pods of a QueueWorker.
func podsOf(t *testing.T, namespace, worker string) []corev1.Pod {
	t.Helper()
	pods := &corev1.PodList{}
	if err := api.List(t.Context(), pods, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelName: worker}); err != nil {
		t.Fatal(err)
	}
	return pods.Items
}

// agentsOf waits until a QueueWorker's pods have n agents, and returns them.
func agentsOf(t *testing.T, namespace, worker string, n int) []*fakes.Agent {
	t.Helper()
	var agents []*fakes.Agent
	eventually(t, fmt.Sprintf("%d agents of %s", n, worker), func(context.Context) error {
		if agents = kubelet.Agents(namespace, worker+"-worker-"); len(agents) != n {
			return fmt.Errorf("there are %d", len(agents))
		}
		return nil
	})
	return agents
}

// mark returns the present place in the audit log.
func mark(t *testing.T) controlplane.Mark {
	t.Helper()
	mark, err := cluster.Audit.Mark(t.Context(), kube)
	if err != nil {
		t.Fatal(err)
	}
	return mark
}

// writesBetween returns the operator's writes between two marks, except writes of Leases.
func writesBetween(t *testing.T, o *operator, from, to controlplane.Mark) []controlplane.Request {
	t.Helper()
	requests, err := cluster.Audit.Between(from, to, func(r controlplane.Request) bool {
		return r.User.Username == o.user && r.Write() && r.ObjectRef.Resource != "leases"
	})
	if err != nil {
		t.Fatal(err)
	}
	return requests
}

// requireNoWrites fails the test if there are any writes.
func requireNoWrites(t *testing.T, writes []controlplane.Request) {
	t.Helper()
	if len(writes) == 0 {
		return
	}
	t.Errorf("%d writes, want none:\n%s", len(writes), controlplane.Summary(writes))
	for i, request := range writes {
		if i == 5 {
			break
		}
		t.Logf("%s\n  %s", request, request.RequestObject)
	}
}

// itemsOf returns the objects of a list.
func itemsOf(list client.ObjectList) ([]client.Object, error) {
	var items []client.Object
	err := meta.EachListItem(list, func(item runtime.Object) error {
		items = append(items, item.(client.Object))
		return nil
	})
	return items, err
}
