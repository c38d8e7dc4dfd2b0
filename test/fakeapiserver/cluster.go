// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fakeapiserver is a fake API server, and the operator's cache of it, for tests of
// what controllers read and write. It logs each write by its name, such as
// "apply Deployment emails-worker", and fails the calls that a test names:
//
//	cluster := fakecluster.New(t, app, worker)
//	cluster.Fail("apply Deployment emails-worker", refusal)
//
// A test can cut a pass off between two writes, and can hold the cache back.
package fakeapiserver

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/applyconfigurations"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
)

// ErrCut is the error of each call after a pass was cut off.
var ErrCut = errors.New("the connection to the API server is lost")

// Cluster is a fake API server and the operator's cache of it.
type Cluster struct {
	// Now returns the time at which the API server creates an object.
	Now func() time.Time

	t      testing.TB
	scheme *runtime.Scheme
	// api holds the objects. It neither logs nor fails.
	api client.WithWatch

	mu     sync.Mutex
	writes []string
	fails  map[string]error
	before map[string]func()
	// left is how many writes succeed until the connection is lost; negative if it is not
	// lost. lost reports whether the next write is done although its answer is lost.
	left int
	lost bool
	// cache holds the objects as the cache has them; nil if it has the present ones.
	cache client.Reader
	// hidden are the objects that the cache does not have, such as "Deployment emails".
	hidden map[string]bool
	uids   int
}

// New returns a cluster with these objects. A v1alpha1.QueueApp is stored as the
// operator's cache reads it.
func New(t testing.TB, objects ...client.Object) *Cluster {
	t.Helper()
	c := &Cluster{t: t, scheme: Scheme(t), fails: map[string]error{}, before: map[string]func(){}, hidden: map[string]bool{}, left: -1, Now: time.Now}
	all := make([]client.Object, 0, len(objects))
	for _, object := range objects {
		all = append(all, stored(object))
	}
	c.api = c.build(all...)
	return c
}

// Scheme returns a scheme with every kind that the operator reads or writes.
func Scheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		cached.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return scheme
}

// converters know the schemas of Kubernetes' kinds. They are made once, because that takes
// longer than most tests.
var converters = sync.OnceValue(func() []managedfields.TypeConverter {
	return []managedfields.TypeConverter{applyconfigurations.NewTypeConverter(clientscheme.Scheme), managedfields.NewDeducedTypeConverter()}
})

func (c *Cluster) build(objects ...client.Object) client.WithWatch {
	return fake.NewClientBuilder().WithScheme(c.scheme).WithObjects(objects...).WithGlobalResourceVersionCounter().WithTypeConverters(converters()...).
		WithStatusSubresource(&v1alpha1.QueueWorker{}, &v1alpha1.QueueCommand{}, &cached.QueueApp{}).Build()
}

// Client returns the operator's client: it reads from the cache and writes as the
// operator's field manager.
func (c *Cluster) Client() client.Client {
	return client.WithFieldOwner(interceptor.NewClient(c.api, interceptor.Funcs{
		Get: c.get, List: c.list, Create: c.create, Delete: c.delete, Patch: c.patch, Apply: c.apply, SubResourcePatch: c.patchStatus,
	}), v1alpha1.FieldManager)
}

// Live returns a reader that reads past the cache. The names of its reads begin with
// "read", not with "get".
func (c *Cluster) Live() client.Reader {
	return interceptor.NewClient(c.api, interceptor.Funcs{Get: c.read})
}

// Writes returns the names of the writes that were done since the last call, in order.
func (c *Cluster) Writes() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.writes
	c.writes = nil
	return out
}

// Fail makes each call of this name fail. Names are a verb, a kind and, except for a list,
// a name: "get Deployment emails-worker", "list Pod", "read Job emails-run-1",
// "apply ConfigMap emails-control", "create Job emails-run-1", "delete Job emails-run-1",
// "patch Pod emails-1", "patch status QueueWorker emails". A nil error lifts the failure.
func (c *Cluster) Fail(call string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fails[call] = err
}

// Before calls a function once, before the next call of this name. So a test can let
// another client come between two calls of the operator.
func (c *Cluster) Before(call string, do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before[call] = do
}

// CutAfter loses the connection after some more writes. If lost is true, the write after
// them is done, but its answer does not arrive.
func (c *Cluster) CutAfter(writes int, lost bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.lost = writes, lost
}

// Restore restores the connection.
func (c *Cluster) Restore() { c.CutAfter(-1, false) }

// Freeze holds the cache back: it keeps the objects as they are now, until Thaw.
func (c *Cluster) Freeze() {
	c.t.Helper()
	cache := c.build(c.objects()...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cache = cache
}

// Thaw lets the cache receive everything that it has missed.
func (c *Cluster) Thaw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cache, c.hidden = nil, map[string]bool{}
}

// Hide keeps an object out of the cache, as the cache leaves out an object that lacks the
// operator's label.
func (c *Cluster) Hide(kind, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hidden[kind+" "+name] = true
}

// kinds are the lists of the kinds that the operator reads or writes.
func kinds() []client.ObjectList {
	return []client.ObjectList{
		&corev1.PodList{}, &corev1.ConfigMapList{}, &appsv1.DeploymentList{}, &appsv1.ReplicaSetList{}, &batchv1.JobList{},
		&policyv1.PodDisruptionBudgetList{}, &networkingv1.NetworkPolicyList{},
		&v1alpha1.QueueWorkerList{}, &cached.QueueAppList{}, &v1alpha1.QueueCommandList{},
	}
}

// objects returns every object.
func (c *Cluster) objects() []client.Object {
	c.t.Helper()
	var out []client.Object
	for _, list := range kinds() {
		if err := c.api.List(c.t.Context(), list); err != nil {
			c.t.Fatal(err)
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, item := range items {
			out = append(out, item.(client.Object))
		}
	}
	return out
}

// call fails a call that a test has named, or that comes after the connection was lost.
func (c *Cluster) call(name string) error {
	c.mu.Lock()
	do := c.before[name]
	delete(c.before, name)
	c.mu.Unlock()
	if do != nil {
		do()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.fails[name]; err != nil {
		return err
	}
	if c.left == 0 && !c.lost {
		return fmt.Errorf("%s: %w", name, ErrCut)
	}
	return nil
}

// write does a write, unless it must fail.
func (c *Cluster) write(name string, do func() error) error {
	if err := c.call(name); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes = append(c.writes, name)
	switch {
	case c.left == 0: // its answer is lost
		c.lost = false
		return fmt.Errorf("%s: %w", name, ErrCut)
	case c.left > 0:
		c.left--
	}
	return nil
}
