// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/drain"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/queueworker/plan"
	"queueworker.dev/queueworker/controllers/stuck"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakeapiserver"
)

// document returns the control document of a pod.
func (o *operator) document(name string) string {
	return o.pod(name).Annotations[v1alpha1.AnnotationControl]
}

func paused(is bool) func(*v1alpha1.QueueWorkerSpec) {
	return func(spec *v1alpha1.QueueWorkerSpec) { spec.Paused = is }
}

func TestEachPodIsToldInOneWrite(t *testing.T) {
	o := runningPool(t)
	set := builders.ReplicaSet(o.deployment())
	ended := builders.PodOfSet(set, "ended", noon)
	ended.Status.Phase = corev1.PodSucceeded
	o.cluster.Put(ended)
	o.spec(paused(true))
	_, writes := o.pass()
	wantWrites(t, writes, "apply ConfigMap emails-control", "patch Pod emails-1", "patch Pod emails-2", "patch status QueueWorker emails")
	pool := objects.PoolControl(fakeapiserver.Read[corev1.ConfigMap](o.cluster, "shop", "emails-control"))
	for _, name := range []string{"emails-1", "emails-2"} {
		if own := objects.ReadControl(o.document(name)); !own.Paused || own.Revision != pool.Revision {
			t.Errorf("%s is told %+v, the pool %+v", name, own, pool)
		}
	}
	if writes := o.settle(); count(writes, "patch Pod emails-1")+count(writes, "patch Pod emails-2") > 0 {
		t.Errorf("without a change the writes are %q", writes)
	}
}

// The kubelet passes nothing on to a pod that is being deleted.
func TestAPodThatIsBeingDeletedIsToldNothing(t *testing.T) {
	o := newPool(t)
	o.settle()
	set := builders.ReplicaSet(o.deployment())
	cluster := fakeapiserver.New(t, o.worker(), o.deployment(), set, fakeapiserver.Cached(builders.QueueApp("shop", "web").Obj()),
		builders.PodOfSet(set, "emails-1", noon), leaving(builders.PodOfSet(set, "emails-2", noon)))
	o = newOperator(t, cluster, noon)
	o.spec(paused(true))
	if writes := o.settle(); count(writes, "patch Pod emails-1") != 1 || count(writes, "patch Pod emails-2") > 0 {
		t.Errorf("the writes are %q", writes)
	}
}

// One pod that cannot be told must not keep the others from being told.
func TestAPodThatCannotBeToldIsToldLater(t *testing.T) {
	o := runningPool(t)
	o.spec(paused(true))
	o.settle()
	o.spec(paused(false))
	o.cluster.Fail("patch Pod emails-1", errAway)
	if _, err := o.try(); !errors.Is(err, errAway) {
		t.Errorf("the error is %v, want %v", err, errAway)
	}
	if writes := o.cluster.Writes(); count(writes, "patch Pod emails-2") != 1 || count(writes, "apply ConfigMap emails-control") != 1 {
		t.Errorf("the writes are %q", writes)
	}
	o.cluster.Fail("patch Pod emails-1", nil)
	if writes := o.settle(); count(writes, "patch Pod emails-1") != 1 || count(writes, "patch Pod emails-2") > 0 {
		t.Errorf("afterwards the writes are %q", writes)
	}
	if own := objects.ReadControl(o.document("emails-1")); own.Paused {
		t.Errorf("it is told %+v", own)
	}
}

// A pod that was replaced by another of its name, as in a StatefulSet, is not told what
// its predecessor was to hear.
func TestAnOrderIsForOneUID(t *testing.T) {
	o := runningPool(t)
	o.spec(paused(true))
	o.cluster.Freeze()
	o.cluster.Remove(o.pod("emails-1"))
	successor := builders.Pod("emails-1", noon)
	successor.Namespace, successor.UID = "shop", "another"
	o.cluster.Put(successor)
	o.cluster.Remove(o.pod("emails-2"))
	if _, err := o.try(); err == nil {
		t.Error("the conflict is not reported")
	}
	if pod := o.pod("emails-1"); len(pod.Annotations) > 0 || pod.UID != "another" {
		t.Errorf("its successor %s is told %v", pod.UID, pod.Annotations)
	}
	if writes := o.cluster.Writes(); count(writes, "patch Pod emails-1")+count(writes, "patch Pod emails-2") > 0 {
		t.Errorf("the writes are %q", writes)
	}
}

func TestAllOrdersToAPodAreOneWrite(t *testing.T) {
	now := noon.UTC().Format(time.RFC3339)
	tests := map[string]struct {
		before   map[string]string
		decision plan.Decision
		want     map[string]string
	}{
		"none": {before: map[string]string{"a": "b"}, want: map[string]string{"a": "b"}},
		"cordoned, ranked and told": {
			decision: plan.Decision{
				Controls: objects.Controls{Pods: map[string]string{"emails-1": "{}"}},
				Removal:  drain.Plan{Cordon: []string{"emails-1"}, Costs: map[string]int32{"emails-1": -100}},
			},
			want: map[string]string{v1alpha1.AnnotationControl: "{}", v1alpha1.AnnotationCordonedAt: now, corev1.PodDeletionCost: "-100"},
		},
		"taken back": {
			before: map[string]string{v1alpha1.AnnotationCordonedAt: now, corev1.PodDeletionCost: "-100", "a": "b"},
			decision: plan.Decision{
				Controls: objects.Controls{Pods: map[string]string{"emails-1": "{}"}},
				Removal:  drain.Plan{Uncordon: []string{"emails-1"}, Costs: map[string]int32{"emails-1": 0}},
			},
			want: map[string]string{v1alpha1.AnnotationControl: "{}", "a": "b"},
		},
		"stuck": {
			decision: plan.Decision{Stuck: stuck.Output{Restart: []string{"emails-1"}}},
			want:     map[string]string{v1alpha1.AnnotationRestartedAt: now},
		},
		"orders to others": {
			decision: plan.Decision{
				Controls: objects.Controls{Pods: map[string]string{"emails-9": "{}"}},
				Removal:  drain.Plan{Cordon: []string{"emails-2"}, Costs: map[string]int32{"emails-3": 1}},
				Stuck:    stuck.Output{Restart: []string{"emails-4"}},
			},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			pod := builders.Pod("emails-1", noon)
			pod.Namespace, pod.Annotations = "shop", tc.before
			o := newPool(t, pod)
			w := &plan.World{Now: noon, Worker: o.worker(), Pods: []*plan.Pod{plan.NewPod(pod, telemetry.PodReport{}, plan.PodWrite{})}}
			next := &poolMemory{written: map[types.UID]plan.PodWrite{}}
			if err := o.control(t.Context(), w, tc.decision, next); err != nil {
				t.Fatal(err)
			}
			live := o.pod("emails-1")
			if diff := cmp.Diff(tc.want, live.Annotations); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
			writes := o.cluster.Writes()
			if changed := !cmp.Equal(tc.want, tc.before); len(writes) > 1 || (len(writes) == 1) != changed {
				t.Errorf("the writes are %q", writes)
			}
			if write := next.written[pod.UID]; len(writes) == 1 && (write.Version != live.ResourceVersion || !write.At.Equal(noon)) {
				t.Errorf("the write is remembered as %+v, the version is %s", write, live.ResourceVersion)
			}
		})
	}
}

// A stopped pool cordons its pods first. It does not wait for pods that were never heard
// of longer than an operator needs to hear of them.
func TestAStoppedPoolLosesItsPodsAfterTheirJobs(t *testing.T) {
	o := runningPool(t)
	o = newOperator(t, o.cluster, o.clock.Now())
	o.spec(func(spec *v1alpha1.QueueWorkerSpec) { spec.Stopped = true })
	_, writes := o.pass()
	if count(writes, "patch Pod emails-1") != 1 || count(writes, "patch Pod emails-2") != 1 || *o.deployment().Spec.Replicas != 2 {
		t.Errorf("at once the writes are %q, the Deployment has %d replicas", writes, *o.deployment().Spec.Replicas)
	}
	for _, name := range []string{"emails-1", "emails-2"} {
		if pod := o.pod(name); !objects.ReadControl(o.document(name)).Cordoned || pod.Annotations[v1alpha1.AnnotationCordonedAt] == "" {
			t.Errorf("%s is told %v", name, pod.Annotations)
		}
	}
	o.clock.SetTime(o.clock.Now().Add(plan.FirstReportTime - time.Second))
	o.pass()
	if n := *o.deployment().Spec.Replicas; n != 2 {
		t.Errorf("too early it has %d replicas", n)
	}
	writes = o.settle()
	if n := *o.deployment().Spec.Replicas; n != 0 || !slices.Contains(writes, "apply Deployment emails-worker") {
		t.Errorf("it has %d replicas, the writes are %q", n, writes)
	}
}
