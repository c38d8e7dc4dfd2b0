// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueapp

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/findings"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakeapiserver"
)

var (
	errAway   = errors.New("connection refused")
	errRefuse = apierrors.NewForbidden(schema.GroupResource{}, "a", errors.New("exceeded quota"))
)

// web is the QueueApp that these tests reconcile.
var web = types.NamespacedName{Namespace: "shop", Name: "web"}

const (
	applyProbe  = "apply Deployment web-backlog"
	deleteProbe = "delete Deployment web-backlog"
	writeStatus = "patch status QueueApp web"
	applyPolicy = "apply NetworkPolicy web-queueworker"
)

// operator is a reconciler of QueueApps in a fake cluster.
type operator struct {
	*Reconciler
	t       *testing.T
	cluster *fakeapiserver.Cluster
	clock   *clocktesting.FakePassiveClock
}

func newOperator(t *testing.T, cluster *fakeapiserver.Cluster) *operator {
	t.Helper()
	o := &operator{t: t, cluster: cluster, clock: clocktesting.NewFakePassiveClock(noon)}
	o.Reconciler = &Reconciler{
		Client: cluster.Client(), Live: cluster.Live(), Backlogs: collector.NewBacklogs(collector.BacklogOptions{}), Findings: &findings.Exchange{},
		Clock: o.clock, ProbeImage: "probe:1", Namespace: "queueworker", Pin: "pin",
	}
	cluster.Now = o.clock.Now
	return o
}

// measured returns an app whose backlog is measured.
func measured() *builders.App {
	return builders.QueueApp("shop", "web").UID("the-app").Driver(v1alpha1.DriverRedis)
}

// pool returns a pool that uses the app.
func pool(name string) *v1alpha1.QueueWorker { return builders.QueueWorker("shop", name).Obj() }

// newApp returns an operator in a cluster with an app, its pool, and more.
func newApp(t *testing.T, app *builders.App, more ...client.Object) *operator {
	t.Helper()
	return newOperator(t, fakeapiserver.New(t, append(more, app.Obj(), pool("emails"))...))
}

func (o *operator) try() (ctrl.Result, error) {
	return o.Reconcile(ctrl.LoggerInto(o.t.Context(), logr.Discard()), ctrl.Request{NamespacedName: web})
}

// pass reconciles the app once without an error, and returns the writes.
func (o *operator) pass() (ctrl.Result, []string) {
	o.t.Helper()
	result, err := o.try()
	if err != nil {
		o.t.Fatal(err)
	}
	return result, o.cluster.Writes()
}

// settle reconciles the app a few times, and returns the writes.
func (o *operator) settle() (writes []string) {
	o.t.Helper()
	for range 4 {
		o.clock.SetTime(o.clock.Now().Add(3 * time.Second))
		_, done := o.pass()
		writes = append(writes, done...)
	}
	return writes
}

func (o *operator) probe() *appsv1.Deployment {
	o.t.Helper()
	return fakeapiserver.Read[appsv1.Deployment](o.cluster, "shop", "web-backlog")
}

func (o *operator) policy() *networkingv1.NetworkPolicy {
	o.t.Helper()
	return fakeapiserver.Read[networkingv1.NetworkPolicy](o.cluster, "shop", "web-queueworker")
}

func (o *operator) condition(kind string) *metav1.Condition {
	o.t.Helper()
	return meta.FindStatusCondition(fakeapiserver.Read[cached.QueueApp](o.cluster, "shop", "web").Status.Conditions, kind)
}

func wantWrites(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the writes are %q, want %q", got, want)
	}
}

func named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}}
}

func withPolicy(app *builders.App) *v1alpha1.QueueApp {
	out := app.Obj()
	out.Spec.NetworkPolicy = true
	return out
}
