// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/findings"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakeapiserver"
)

var (
	errAway   = errors.New("connection refused")
	errRefuse = apierrors.NewForbidden(schema.GroupResource{}, "a", errors.New("exceeded quota"))
)

// emails is the pool that these tests reconcile.
var emails = types.NamespacedName{Namespace: "shop", Name: "emails"}

// operator is a reconciler in a fake cluster, with a collector that knows nothing.
type operator struct {
	*Reconciler
	t       *testing.T
	cluster *fakeapiserver.Cluster
	clock   *clocktesting.FakePassiveClock
	events  *events.FakeRecorder
	woken   *countingQueue
}

// newOperator returns an operator that has just started.
func newOperator(t *testing.T, cluster *fakeapiserver.Cluster, now time.Time) *operator {
	t.Helper()
	o := &operator{t: t, cluster: cluster, clock: clocktesting.NewFakePassiveClock(now), events: events.NewFakeRecorder(1000), woken: &countingQueue{}}
	o.Reconciler = &Reconciler{
		Client: cluster.Client(), Live: cluster.Live(),
		Collector: collector.New(collector.Options{}), Backlogs: collector.NewBacklogs(collector.BacklogOptions{}),
		Findings: &findings.Exchange{}, Recorder: o.events, Clock: o.clock, AgentImage: "agent:1", Pin: "pin",
	}
	o.queue, cluster.Now = o.woken, o.clock.Now
	return o
}

// newPool returns an operator in a cluster with an app, a pool of two pods, and more.
func newPool(t *testing.T, more ...client.Object) *operator {
	t.Helper()
	return newOperator(t, fakeapiserver.New(t, append(more, builders.QueueApp("shop", "web").Obj(), poolOfTwo().Obj())...), noon)
}

// settledPool returns an operator that has brought up the pool, which has no pods yet.
func settledPool(t *testing.T) *operator {
	t.Helper()
	o := newPool(t)
	o.settle()
	return o
}

// runningPool returns an operator that has brought up the pool, whose pods run.
func runningPool(t *testing.T, more ...client.Object) *operator {
	t.Helper()
	o := newPool(t, more...)
	o.settle()
	o.runPods("emails-1", "emails-2")
	o.settle()
	return o
}

func poolOfTwo() *builders.Worker {
	return builders.QueueWorker("shop", "emails").UID("the-pool").Created(noon).Processes(2)
}

// batchPool returns an operator in a cluster with an app and a pool of mode Batch.
func batchPool(t *testing.T, more ...client.Object) *operator {
	t.Helper()
	pool := poolOfTwo().Spec(inRuns).Obj()
	return newOperator(t, fakeapiserver.New(t, append(more, builders.QueueApp("shop", "web").Obj(), pool)...), noon)
}

func inRuns(spec *v1alpha1.QueueWorkerSpec) { spec.Mode = v1alpha1.ModeBatch }

// try reconciles the pool once.
func (o *operator) try() (ctrl.Result, error) {
	return o.Reconcile(ctrl.LoggerInto(o.t.Context(), logr.Discard()), ctrl.Request{NamespacedName: emails})
}

// pass reconciles the pool once without an error, and returns the writes.
func (o *operator) pass() (result ctrl.Result, writes []string) {
	o.t.Helper()
	result, err := o.try()
	if err != nil {
		o.t.Fatal(err)
	}
	return result, o.cluster.Writes()
}

// settle reconciles the pool every three seconds for 24 s, and returns the writes.
func (o *operator) settle() (writes []string) {
	o.t.Helper()
	for range 8 {
		o.clock.SetTime(o.clock.Now().Add(3 * time.Second))
		_, done := o.pass()
		writes = append(writes, done...)
	}
	return writes
}

// change changes the spec of the pool, as a user does.
func (o *operator) change(change func(*v1alpha1.QueueWorker)) {
	o.t.Helper()
	fakeapiserver.Change(o.cluster, "shop", "emails", func(w *v1alpha1.QueueWorker) {
		change(w)
		w.Generation++
	})
}

// spec changes the spec of the pool.
func (o *operator) spec(change func(*v1alpha1.QueueWorkerSpec)) {
	o.t.Helper()
	o.change(func(w *v1alpha1.QueueWorker) { change(&w.Spec) })
}

func processes(n int32) func(*v1alpha1.QueueWorkerSpec) {
	return func(spec *v1alpha1.QueueWorkerSpec) { spec.Processes = &n }
}

// runPods plays the Deployment controller and the kubelet: the Deployment's pods run.
func (o *operator) runPods(names ...string) {
	o.t.Helper()
	deployment := o.deployment()
	set := builders.ReplicaSet(deployment)
	o.cluster.Put(set)
	for _, name := range names {
		o.cluster.Put(builders.PodOfSet(set, name, noon))
	}
	fakeapiserver.Change(o.cluster, "shop", "emails-worker", func(d *appsv1.Deployment) {
		n := int32(len(names))
		d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas = n, n, n, n
	})
}

func (o *operator) worker() *v1alpha1.QueueWorker {
	o.t.Helper()
	return fakeapiserver.Read[v1alpha1.QueueWorker](o.cluster, "shop", "emails")
}

// deployment returns the pool's Deployment; nil if there is none.
func (o *operator) deployment() *appsv1.Deployment {
	o.t.Helper()
	return fakeapiserver.Read[appsv1.Deployment](o.cluster, "shop", "emails-worker")
}

func (o *operator) pod(name string) *corev1.Pod {
	o.t.Helper()
	return fakeapiserver.Read[corev1.Pod](o.cluster, "shop", name)
}

// wantCondition fails unless a condition of the pool is true for a reason, or, for an
// empty reason, is not true.
func (o *operator) wantCondition(kind, reason string) *metav1.Condition {
	o.t.Helper()
	condition := meta.FindStatusCondition(o.worker().Status.Conditions, kind)
	switch is := condition != nil && condition.Status == metav1.ConditionTrue; {
	case is != (reason != ""):
		o.t.Errorf("%s is %+v, want it true for the reason %q", kind, condition, reason)
	case is && condition.Reason != reason:
		o.t.Errorf("%s has the reason %s, want %s: %s", kind, condition.Reason, reason, condition.Message)
	}
	return condition
}

// told returns the events since the last call.
func (o *operator) told() []string {
	var out []string
	for {
		select {
		case event := <-o.events.Events:
			out = append(out, event)
		default:
			return out
		}
	}
}

// wantWrites fails unless the writes are these.
func wantWrites(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the writes are %q, want %q", got, want)
	}
}

// count returns how many writes begin with a text.
func count(writes []string, name string) int {
	n := 0
	for _, write := range writes {
		if write == name {
			n++
		}
	}
	return n
}

func withLabels[T client.Object](object T, labels map[string]string) T {
	object.SetLabels(labels)
	return object
}

func named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name)}
}

// leaving returns a pod that is being deleted.
func leaving(pod *corev1.Pod) *corev1.Pod {
	pod.Finalizers = []string{"example.com/wait"}
	pod.DeletionTimestamp = &metav1.Time{Time: noon.Add(time.Hour)}
	return pod
}

func podName(i int) string { return fmt.Sprintf("emails-%d", i) }
