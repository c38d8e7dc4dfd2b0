// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakeapiserver"
)

// Pods wait for the ConfigMap, and a budget must exist before a pod can be evicted.
func TestAPoolComesUpInOrderAndIsThenLeftAlone(t *testing.T) {
	o := newPool(t)
	_, writes := o.pass()
	wantWrites(t, writes, "apply ConfigMap emails-control", "apply PodDisruptionBudget emails-worker", "apply Deployment emails-worker", "patch status QueueWorker emails")
	if d := o.deployment(); *d.Spec.Replicas != 2 || !objects.OwnedBy(d, o.worker()) {
		t.Errorf("the Deployment has %d replicas and the owners %+v", *d.Spec.Replicas, d.OwnerReferences)
	}
	o.runPods(podName(1), podName(2))
	if writes := o.settle(); slices.ContainsFunc(writes, func(w string) bool { return w != writeStatus }) {
		t.Errorf("once its pods run, the writes are %q", writes)
	}
	for range 3 {
		before := o.cluster.Dump()
		o.clock.SetTime(o.clock.Now().Add(time.Hour))
		if _, writes := o.pass(); len(writes) > 0 {
			t.Errorf("without a change the writes are %q:\n%s", writes, cmp.Diff(before, o.cluster.Dump()))
		}
	}
}

// scenarios are changes that take several writes. prepare returns the operator of a
// settled pool, and change what a user then does.
var scenarios = map[string]struct {
	prepare func(*testing.T) *operator
	change  func(*operator)
}{
	"a new pool": {prepare: func(t *testing.T) *operator { return newPool(t) }, change: func(*operator) {}},
	"a new image": {prepare: func(t *testing.T) *operator { return runningPool(t) }, change: func(o *operator) {
		o.cluster.Put(builders.QueueApp("shop", "web").Image("shop:2").Obj())
	}},
	"one pod that needs no budget": {prepare: func(t *testing.T) *operator { return runningPool(t) }, change: func(o *operator) { o.spec(processes(1)) }},
	"more pods":                    {prepare: func(t *testing.T) *operator { return runningPool(t) }, change: func(o *operator) { o.spec(processes(4)) }},
	"a pool that is stopped": {prepare: settledPool, change: func(o *operator) {
		o.spec(func(spec *v1alpha1.QueueWorkerSpec) { spec.Stopped = true })
	}},
	"a pool that goes on": {prepare: func(t *testing.T) *operator {
		o := runningPool(t)
		o.spec(func(spec *v1alpha1.QueueWorkerSpec) { spec.Paused = true })
		o.settle()
		return o
	}, change: func(o *operator) { o.spec(func(spec *v1alpha1.QueueWorkerSpec) { spec.Paused = false }) }},
	"a first run":           {prepare: func(t *testing.T) *operator { return batchPool(t) }, change: func(*operator) {}},
	"a pool that gets runs": {prepare: settledPool, change: func(o *operator) { o.spec(inRuns) }},
	"a run that was the last": {prepare: func(t *testing.T) *operator {
		o := batchPool(t)
		o.settle()
		return o
	}, change: func(o *operator) {
		o.spec(func(spec *v1alpha1.QueueWorkerSpec) { spec.Mode = v1alpha1.ModeContinuous })
	}},
}

// TestAPassThatIsCutOffIsCompletedByTheNext loses the connection after each of the writes
// that a change takes, with and without the answer to the next write. The same operator,
// or one that has just started, must bring the cluster to the same state.
func TestAPassThatIsCutOffIsCompletedByTheNext(t *testing.T) {
	for name, tc := range scenarios {
		t.Run(name, func(t *testing.T) {
			whole := tc.prepare(t)
			tc.change(whole)
			writes := whole.settle()
			want := whole.cluster.Dump()
			for cut := range writes {
				// A lost answer is, for an operator that has just started, a cut one write later.
				for _, how := range []struct{ lost, restarted bool }{{}, {lost: true}, {restarted: true}} {
					t.Run(fmt.Sprintf("after %d of %d, answer lost: %t, restarted: %t", cut, len(writes), how.lost, how.restarted), func(t *testing.T) {
						o := tc.prepare(t)
						tc.change(o)
						o.cutOff(cut, how.lost)
						if how.restarted {
							o = newOperator(t, o.cluster, o.clock.Now())
						}
						o.settle()
						if diff := cmp.Diff(want, o.cluster.Dump()); diff != "" {
							t.Errorf("the cluster differs (-want +got):\n%s", diff)
						}
					})
				}
			}
		})
	}
}

// cutOff reconciles until the connection is lost, tries for a while, and restores it.
func (o *operator) cutOff(after int, lost bool) {
	o.t.Helper()
	o.cluster.CutAfter(after, lost)
	failed := false
	for range 5 {
		o.clock.SetTime(o.clock.Now().Add(5 * time.Second))
		_, err := o.try()
		failed = failed || errors.Is(err, fakeapiserver.ErrCut)
	}
	o.cluster.Restore()
	if !failed {
		o.t.Error("no pass was cut off")
	}
}

func TestAReadThatFailsWritesNothing(t *testing.T) {
	for _, call := range []string{
		"get QueueWorker emails", "get Deployment emails-worker", "get ConfigMap emails-control", "get PodDisruptionBudget emails-worker",
		"list QueueApp", "list Job", "list ReplicaSet", "list Pod",
	} {
		t.Run(call, func(t *testing.T) {
			o := runningPool(t)
			o.spec(processes(4))
			o.cluster.Fail(call, errAway)
			if _, err := o.try(); !errors.Is(err, errAway) {
				t.Errorf("the error is %v, want %v", err, errAway)
			}
			wantWrites(t, o.cluster.Writes())
			o.cluster.Fail(call, nil)
			if writes := o.settle(); count(writes, "apply Deployment emails-worker") != 1 {
				t.Errorf("afterwards the writes are %q", writes)
			}
		})
	}
}

// What cannot be read past the cache may belong to another owner.
func TestNothingIsCreatedWithoutALookPastTheCache(t *testing.T) {
	for _, call := range []string{"read ConfigMap emails-control", "read PodDisruptionBudget emails-worker", "read Deployment emails-worker"} {
		o := newPool(t)
		o.cluster.Fail(call, errAway)
		if _, err := o.try(); !errors.Is(err, errAway) {
			t.Errorf("%s: the error is %v, want %v", call, err, errAway)
		}
		wantWrites(t, o.cluster.Writes(), "patch status QueueWorker emails")
	}
}

// A decision from what the cache had before a write would repeat the write.
func TestACacheThatIsBehindCausesNoSecondWrite(t *testing.T) {
	tests := map[string]struct {
		change func(*operator)
		// waits reports whether the pass waits for the cache instead of going on.
		waits bool
	}{
		"of the Deployment": {change: func(o *operator) { o.spec(processes(4)) }, waits: true},
		"of the pods": {change: func(o *operator) {
			o.spec(func(spec *v1alpha1.QueueWorkerSpec) { spec.Paused = true })
		}, waits: true},
		"of the status": {change: func(o *operator) { o.change(func(*v1alpha1.QueueWorker) {}) }},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := runningPool(t)
			tc.change(o)
			o.cluster.Freeze()
			if _, writes := o.pass(); len(writes) == 0 {
				t.Fatal("the change causes no write")
			}
			for range 3 {
				o.clock.SetTime(o.clock.Now().Add(time.Second))
				result, writes := o.pass()
				wantWrites(t, writes)
				if tc.waits && result.RequeueAfter != time.Second {
					t.Errorf("it looks again after %s", result.RequeueAfter)
				}
			}
			o.cluster.Thaw()
			if writes := o.settle(); slices.ContainsFunc(writes, func(w string) bool { return w != writeStatus }) {
				t.Errorf("once the cache has caught up, the writes are %q", writes)
			}
		})
	}
}

// The cache lacks an object because it is too new, or because it has lost the label by
// which the cache selects it. Only in the second case is it written again.
func TestAnObjectThatTheCacheLacks(t *testing.T) {
	hide := func(o *operator) {
		o.cluster.Hide("ConfigMap", "emails-control")
		o.cluster.Hide("PodDisruptionBudget", "emails-worker")
		o.cluster.Hide("Deployment", "emails-worker")
	}
	o := newPool(t)
	o.settle()
	hide(o)
	if writes := o.settle(); slices.ContainsFunc(writes, func(w string) bool { return w != writeStatus }) {
		t.Errorf("the writes of what is too new are %q", writes)
	}
	fakeapiserver.Change(o.cluster, "shop", "emails-worker", func(d *appsv1.Deployment) { delete(d.Labels, v1alpha1.LabelManagedBy) })
	_, writes := o.pass()
	wantWrites(t, writes, "apply Deployment emails-worker")
	if o.deployment().Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy {
		t.Error("the label is not restored")
	}
	if writes := o.settle(); len(writes) > 0 {
		t.Errorf("afterwards the writes are %q", writes)
	}
}

func TestADeletedPoolIsForgottenEverywhere(t *testing.T) {
	tests := map[string]func(*operator){
		"gone": func(o *operator) { o.cluster.Remove(o.worker()) },
		"being deleted": func(o *operator) {
			o.change(func(w *v1alpha1.QueueWorker) { w.Finalizers = []string{"example.com/wait"} })
			o.cluster.Remove(o.worker())
		},
	}
	for name, remove := range tests {
		t.Run(name, func(t *testing.T) {
			o := runningPool(t)
			app := types.NamespacedName{Namespace: "shop", Name: "web"}
			if _, known := o.Findings.Of(app, []string{"emails"}); !known || len(o.Collector.Snapshot(emails).Pods) != 2 || len(o.memory.pools) != 1 || len(o.caps.under) != 1 {
				t.Fatal("the pool is not known")
			}
			remove(o)
			result, writes := o.pass()
			wantWrites(t, writes)
			if result != (ctrl.Result{}) {
				t.Errorf("it is looked at again: %+v", result)
			}
			if _, known := o.Findings.Of(app, []string{"emails"}); known {
				t.Error("its findings are remembered")
			}
			if n := len(o.Collector.Snapshot(emails).Pods); n > 0 {
				t.Errorf("%d of its pods are asked", n)
			}
			if len(o.memory.pools)+len(o.caps.under) > 0 {
				t.Errorf("remembered are %v and %v", o.memory.pools, o.caps.under)
			}
		})
	}
}

// Only pods of the pool's own ReplicaSets and runs are asked and told anything.
func TestOnlyThePoolsOwnPodsAreObserved(t *testing.T) {
	other := &appsv1.Deployment{ObjectMeta: named("other")}
	other.Spec.Template.Labels = objects.Selector("emails")
	foreign := builders.ReplicaSet(other)
	ended := &batchv1.Job{ObjectMeta: named("old-run")}
	ended.Spec.Template.Labels = objects.Selector("emails")
	loose := builders.PodOfSet(foreign, "loose", noon)
	loose.OwnerReferences = nil
	o := runningPool(t, foreign, builders.PodOfSet(foreign, "foreign", noon), builders.PodOfJob(ended, "of-a-job", noon), loose)
	o.cluster.Put(builders.PodOfSet(builders.ReplicaSet(o.deployment()), "an-earlier-name", noon))
	o.pass()
	want := map[types.UID]bool{"uid-emails-1": true, "uid-emails-2": true, "uid-an-earlier-name": true}
	got := map[types.UID]bool{}
	for uid := range o.Collector.Snapshot(emails).Pods {
		got[uid] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pods (-want +got):\n%s", diff)
	}
	o.spec(func(spec *v1alpha1.QueueWorkerSpec) { spec.Paused = true })
	o.settle()
	for _, name := range []string{"foreign", "of-a-job", "loose"} {
		if pod := o.pod(name); len(pod.Annotations) > 0 {
			t.Errorf("%s is told %v", name, pod.Annotations)
		}
	}
}

// The pin reaches the agents of a pool with another operator's pin within half a minute,
// but not those of all pools at once.
func TestAnotherPinIsReplacedInItsTime(t *testing.T) {
	o := runningPool(t)
	fakeapiserver.Change(o.cluster, "shop", "emails-control", func(m *corev1.ConfigMap) {
		for key, value := range m.Data {
			if value == "pin" {
				m.Data[key] = "an earlier one"
			}
		}
	})
	o = newOperator(t, o.cluster, o.clock.Now())
	result, writes := o.pass()
	if result.RequeueAfter <= 0 || result.RequeueAfter > pinSpread || count(writes, "apply ConfigMap emails-control") > 0 {
		t.Errorf("it looks again after %s, the writes are %q", result.RequeueAfter, writes)
	}
	o.clock.SetTime(o.clock.Now().Add(pinSpread))
	if _, writes := o.pass(); count(writes, "apply ConfigMap emails-control") != 1 {
		t.Errorf("after its time the writes are %q", writes)
	}
}

// A cap that becomes too small for all concerns the pools that have more than their part.
func TestAPoolThatMakesACapScarceWakesTheOthers(t *testing.T) {
	app, rival := builders.QueueApp("shop", "web").MaxProcesses(3).Obj(), builders.QueueWorker("shop", "reports").UID("r").Processes(2).Obj()
	o := newOperator(t, fakeapiserver.New(t, app, rival, poolOfTwo().Obj()), noon)
	o.caps.see(rival)
	o.pass()
	if woken := o.woken.woken(); !slices.Equal(woken, []string{"reports"}) {
		t.Errorf("it wakes %q", woken)
	}
	o.pass()
	if woken := o.woken.woken(); len(woken) > 0 {
		t.Errorf("without a change it wakes %q", woken)
	}
}
