// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakeapiserver"
)

// ours is the label by which the cache selects objects. Any user can set it.
var ours = map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}

func TestAForeignObjectIsLeftAloneAndTold(t *testing.T) {
	owner := &appsv1.Deployment{ObjectMeta: named("web")}
	tests := map[string]struct {
		foreign client.Object
		want    string
	}{
		"a ConfigMap":         {&corev1.ConfigMap{ObjectMeta: named("emails-control")}, "The ConfigMap emails-control exists already and has no owner"},
		"a budget":            {&policyv1.PodDisruptionBudget{ObjectMeta: named("emails-worker")}, "The PodDisruptionBudget emails-worker exists already and has no owner"},
		"a Deployment":        {&appsv1.Deployment{ObjectMeta: named("emails-worker")}, "The Deployment emails-worker exists already and has no owner"},
		"one of another kind": {builders.ControlledBy(&corev1.ConfigMap{ObjectMeta: named("emails-control")}, "Deployment", owner), "The ConfigMap emails-control exists already and belongs to the Deployment web"},
		"one of an earlier pool": {
			builders.ControlledBy(&corev1.ConfigMap{ObjectMeta: named("emails-control")}, "QueueWorker", builders.QueueWorker("shop", "emails").UID("earlier").Obj()),
			"The ConfigMap emails-control exists already and belongs to the QueueWorker emails",
		},
	}
	for name, tc := range tests {
		for where, labels := range map[string]map[string]string{"in the cache": ours, "not in the cache": nil} {
			t.Run(name+" "+where, func(t *testing.T) {
				foreign := withLabels(tc.foreign.DeepCopyObject().(client.Object), labels)
				o := newPool(t, foreign)
				if labels == nil {
					o.cluster.Hide(strings.Fields(tc.want)[1], foreign.GetName())
				}
				before := o.cluster.Dump()
				result, writes := o.pass()
				wantWrites(t, writes, "patch status QueueWorker emails")
				if result.RequeueAfter <= 0 || result.RequeueAfter > 15*time.Second {
					t.Errorf("it looks again after %s", result.RequeueAfter)
				}
				told := o.wantCondition(v1alpha1.ConditionConflict, v1alpha1.ReasonForeignObject)
				if told == nil || !strings.HasPrefix(told.Message, tc.want) || !strings.Contains(told.Message, "the QueueWorker emails lacks this object") {
					t.Errorf("the condition is %+v, want %q", told, tc.want)
				}
				if writes := o.settle(); len(writes) > 0 {
					t.Errorf("afterwards the writes are %q", writes)
				}
				after := o.cluster.Dump()
				delete(before, "shop QueueWorker emails")
				delete(after, "shop QueueWorker emails")
				if diff := cmp.Diff(before, after); diff != "" {
					t.Errorf("the cluster has changed:\n%s", diff)
				}
				o.cluster.Remove(foreign)
				o.settle()
				if d := o.deployment(); d == nil || !objects.OwnedBy(d, o.worker()) {
					t.Error("once the name is free, the pool does not come up")
				}
				o.wantCondition(v1alpha1.ConditionConflict, "")
			})
		}
	}
}

func TestARefusalIsToldAndTriedAgain(t *testing.T) {
	order := []string{"apply ConfigMap emails-control", "apply PodDisruptionBudget emails-worker", "apply Deployment emails-worker"}
	for i, call := range order {
		t.Run(call, func(t *testing.T) {
			o := newPool(t)
			o.cluster.Fail(call, errRefuse)
			result, writes := o.pass()
			wantWrites(t, writes, append(slices.Clone(order[:i]), "patch status QueueWorker emails")...)
			if result.RequeueAfter <= 0 || result.RequeueAfter > time.Minute {
				t.Errorf("it is tried again after %s", result.RequeueAfter)
			}
			told := o.wantCondition(v1alpha1.ConditionStalled, v1alpha1.ReasonRejected)
			what := strings.TrimPrefix(call, "apply ")
			if told == nil || !strings.Contains(told.Message, "The API server refused the "+what) || !strings.Contains(told.Message, "exceeded quota") {
				t.Errorf("the condition is %+v", told)
			}
			o.cluster.Fail(call, nil)
			writes = o.settle()
			if got := writes[:min(len(writes), 3-i)]; !slices.Equal(got, order[i:]) {
				t.Errorf("afterwards the writes are %q, want first %q", writes, order[i:])
			}
			o.wantCondition(v1alpha1.ConditionStalled, "")
		})
	}
}

// A pool whose template must stay as it is can still be scaled and stopped.
func TestAPoolThatCannotBeWrittenWhollyIsScaled(t *testing.T) {
	tests := map[string]struct {
		trouble func(*operator)
		reason  string
	}{
		"its app is gone": {func(o *operator) { o.cluster.Remove(fakeapiserver.Cached(builders.QueueApp("shop", "web").Obj())) }, v1alpha1.ReasonAppNotFound},
		"its Deployment is refused": {func(o *operator) {
			o.cluster.Put(builders.QueueApp("shop", "web").Image("not an image").Obj())
			o.cluster.Fail("apply Deployment emails-worker", errRefuse)
		}, v1alpha1.ReasonRejected},
		"its ConfigMap is another owner's": {func(o *operator) {
			o.cluster.Put(withLabels(&corev1.ConfigMap{ObjectMeta: named("emails-control")}, ours))
		}, v1alpha1.ReasonForeignObject},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := runningPool(t)
			image := o.deployment().Spec.Template.Spec.Containers[0].Image
			tc.trouble(o)
			o.spec(processes(4))
			if writes := o.settle(); count(writes, "patch Deployment emails-worker") != 1 {
				t.Errorf("the writes are %q", writes)
			}
			if ready := meta.FindStatusCondition(o.worker().Status.Conditions, v1alpha1.ConditionReady); ready == nil || ready.Reason != tc.reason {
				t.Errorf("it is told %+v, want the reason %s", ready, tc.reason)
			}
			d := o.deployment()
			if *d.Spec.Replicas != 4 || d.Spec.Template.Spec.Containers[0].Image != image {
				t.Errorf("the Deployment has %d replicas of %s", *d.Spec.Replicas, d.Spec.Template.Spec.Containers[0].Image)
			}
			o.spec(func(spec *v1alpha1.QueueWorkerSpec) { spec.Stopped = true })
			o.settle()
			if n := *o.deployment().Spec.Replicas; n != 0 {
				t.Errorf("a stopped pool has %d replicas", n)
			}
		})
	}
}

func TestAPoolThatCannotBeScaledSaysSo(t *testing.T) {
	o := runningPool(t)
	o.cluster.Remove(fakeapiserver.Cached(builders.QueueApp("shop", "web").Obj()))
	o.spec(processes(4))
	o.cluster.Fail("patch Deployment emails-worker", errAway)
	if _, err := o.try(); err == nil || !strings.Contains(err.Error(), "scale Deployment emails-worker: connection refused") {
		t.Errorf("the error is %v", err)
	}
	o.cluster.Fail("patch Deployment emails-worker", nil)
	o.settle()
	if n := *o.deployment().Spec.Replicas; n != 4 {
		t.Errorf("afterwards it has %d replicas", n)
	}
}

// Another client's Deployment is not scaled, even if no object of the pool can be built.
func TestAForeignDeploymentIsNotScaled(t *testing.T) {
	foreign := withLabels(&appsv1.Deployment{ObjectMeta: named("emails-worker"), Spec: appsv1.DeploymentSpec{Replicas: new(int32(7))}}, ours)
	o := newOperator(t, fakeapiserver.New(t, foreign, poolOfTwo().Obj()), noon)
	if writes := o.settle(); count(writes, "patch Deployment emails-worker") > 0 || *o.deployment().Spec.Replicas != 7 {
		t.Errorf("the writes are %q", writes)
	}
}

func TestABudgetThatIsNotNeededIsDeleted(t *testing.T) {
	o := runningPool(t)
	o.spec(processes(1))
	o.cluster.Fail("delete PodDisruptionBudget emails-worker", errAway)
	if _, err := o.try(); err == nil || !strings.Contains(err.Error(), "delete PodDisruptionBudget emails-worker: connection refused") {
		t.Errorf("the error is %v", err)
	}
	o.cluster.Fail("delete PodDisruptionBudget emails-worker", nil)
	o.cluster.Writes()
	if writes := o.settle(); count(writes, "delete PodDisruptionBudget emails-worker") != 1 {
		t.Errorf("the writes are %q", writes)
	}

	foreign := withLabels(&policyv1.PodDisruptionBudget{ObjectMeta: named("emails-worker")}, ours)
	o = newOperator(t, fakeapiserver.New(t, foreign, builders.QueueApp("shop", "web").Obj(), poolOfTwo().Processes(1).Obj()), noon)
	o.settle()
	if fakeapiserver.Read[policyv1.PodDisruptionBudget](o.cluster, "shop", "emails-worker") == nil {
		t.Error("another owner's budget is deleted")
	}
	if o.deployment() == nil {
		t.Error("another owner's budget is in the way of a pool that needs none")
	}
}

// A user's change of a field that the operator sets is undone, once.
func TestAChangeByHandIsUndone(t *testing.T) {
	tests := map[string]struct {
		change func(*operator)
		want   string
	}{
		"the template": {func(o *operator) {
			fakeapiserver.Change(o.cluster, "shop", "emails-worker", func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "mine" })
		}, "apply Deployment emails-worker"},
		"the replicas": {func(o *operator) {
			fakeapiserver.Change(o.cluster, "shop", "emails-worker", func(d *appsv1.Deployment) { d.Spec.Replicas = new(int32(0)) })
		}, "apply Deployment emails-worker"},
		"the budget": {func(o *operator) {
			fakeapiserver.Change(o.cluster, "shop", "emails-worker", func(b *policyv1.PodDisruptionBudget) { b.Spec.Selector = nil })
		}, "apply PodDisruptionBudget emails-worker"},
		"the control document": {func(o *operator) {
			fakeapiserver.Change(o.cluster, "shop", "emails-control", func(m *corev1.ConfigMap) { m.Data = nil })
		}, "apply ConfigMap emails-control"},
		"a deleted ConfigMap": {func(o *operator) {
			o.cluster.Remove(fakeapiserver.Read[corev1.ConfigMap](o.cluster, "shop", "emails-control"))
		}, "apply ConfigMap emails-control"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := runningPool(t)
			tc.change(o)
			if writes := o.settle(); count(writes, tc.want) != 1 {
				t.Errorf("the writes are %q, want one %q", writes, tc.want)
			}
			if n := *o.deployment().Spec.Replicas; n != 2 || o.deployment().Spec.Template.Spec.Containers[0].Image != builders.Image {
				t.Errorf("the Deployment is %+v", o.deployment().Spec)
			}
		})
	}
}
