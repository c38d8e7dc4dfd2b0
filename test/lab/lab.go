// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lab provides a bench for tests on a real cluster: a namespace for each test,
// with a real Redis, the real demo application, and a pod from which to dispatch its jobs.
//
// The tests run on the cluster's node, so they reach pods by their addresses.
package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// DemoImage and DemoImage2 are two versions of the demo application that differ in
// nothing that a job would notice.
const (
	DemoImage  = "docker.io/queueworker/demo:dev"
	DemoImage2 = "docker.io/queueworker/demo:dev2"
)

// Lab is the namespace of one test.
type Lab struct {
	testing.TB
	// Ctx ends with the test.
	Ctx context.Context
	// Client reads and writes without a cache.
	Client client.Client
	// Config is the configuration to reach the cluster.
	Config *rest.Config
	// Namespace is the test's namespace.
	Namespace string
	// Redis is the application's Redis; nil before StartRedis.
	Redis *redis.Client
}

// Connect connects to the cluster that KUBECONFIG names.
func Connect() (*rest.Config, client.Client, error) {
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		return nil, nil, errors.New("KUBECONFIG is not set; these tests need the real cluster that make test-e2e brings up")
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	config.QPS, config.Burst = -1, -1
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, nil, fmt.Errorf("register kinds: %w", err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, nil, fmt.Errorf("connect to the cluster of %s: %w", path, err)
	}
	return config, c, nil
}

// New creates a namespace for the test and deletes it after the test. If the test fails,
// New first logs the objects in it.
func New(t testing.TB) *Lab {
	t.Helper()
	config, c, err := Connect()
	if err != nil {
		t.Fatal(err)
	}
	l := &Lab{TB: t, Ctx: t.Context(), Client: c, Config: config}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "lab-",
		Labels:       map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	if err := c.Create(l.Ctx, namespace); err != nil {
		t.Fatalf("create a namespace: %v", err)
	}
	l.Namespace = namespace.Name
	t.Cleanup(func() {
		// The test's own context has ended by then.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(l.Ctx), time.Minute)
		defer cancel()
		if t.Failed() {
			l.dump(ctx)
		}
		l.remove(ctx, namespace)
	})
	return l
}

// remove deletes the namespace. It gives the pods no grace period, because a job of a
// finished test needs none.
func (l *Lab) remove(ctx context.Context, namespace *corev1.Namespace) {
	workers := &v1alpha1.QueueWorkerList{}
	if err := l.Client.List(ctx, workers, client.InNamespace(l.Namespace)); err == nil {
		for i := range workers.Items {
			if err := l.Client.Delete(ctx, &workers.Items[i]); client.IgnoreNotFound(err) != nil {
				l.Logf("delete QueueWorker %s: %v", workers.Items[i].Name, err)
			}
		}
	}
	if err := l.Client.Delete(ctx, namespace); err != nil {
		l.Logf("delete namespace %s: %v", l.Namespace, err)
	}
	if err := l.Client.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace(l.Namespace), client.GracePeriodSeconds(0)); err != nil {
		l.Logf("delete the pods of namespace %s: %v", l.Namespace, err)
	}
}

// Create creates objects in the lab's namespace.
func (l *Lab) Create(objects ...client.Object) {
	l.Helper()
	for _, object := range objects {
		object.SetNamespace(l.Namespace)
		if err := l.Client.Create(l.Ctx, object); err != nil {
			l.Fatalf("create %T %s: %v", object, object.GetName(), err)
		}
	}
}

// Get reads an object of the lab's namespace without a cache.
func (l *Lab) Get(name string, object client.Object) {
	l.Helper()
	if err := l.Client.Get(l.Ctx, client.ObjectKey{Namespace: l.Namespace, Name: name}, object); err != nil {
		l.Fatalf("get %T %s: %v", object, name, err)
	}
}

// Delete deletes an object of the lab's namespace and waits until it is gone.
func (l *Lab) Delete(object client.Object, within time.Duration) {
	l.Helper()
	object.SetNamespace(l.Namespace)
	if err := l.Client.Delete(l.Ctx, object); client.IgnoreNotFound(err) != nil {
		l.Fatalf("delete %T %s: %v", object, object.GetName(), err)
	}
	l.Eventually(fmt.Sprintf("%T %s is gone", object, object.GetName()), within, func() (bool, string) {
		err := l.Client.Get(l.Ctx, client.ObjectKeyFromObject(object), object)
		return err != nil && client.IgnoreNotFound(err) == nil, fmt.Sprint(err)
	})
}

// Worker reads a QueueWorker without a cache.
func (l *Lab) Worker(name string) *v1alpha1.QueueWorker {
	l.Helper()
	worker := &v1alpha1.QueueWorker{}
	l.Get(name, worker)
	return worker
}

// Update changes an object by a merge patch of the function's changes.
func Update[T client.Object](l *Lab, name string, object T, change func(T)) {
	l.Helper()
	l.Get(name, object)
	base, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		l.Fatalf("%T is no object", object)
	}
	change(object)
	if err := l.Client.Patch(l.Ctx, object, client.MergeFrom(base)); err != nil {
		l.Fatalf("patch %T %s: %v", object, name, err)
	}
}

// UpdateWorker changes a QueueWorker.
func (l *Lab) UpdateWorker(name string, change func(*v1alpha1.QueueWorker)) {
	l.Helper()
	Update(l, name, &v1alpha1.QueueWorker{}, change)
}

// Pods returns the pods of a pool, except pods that are being removed.
func (l *Lab) Pods(worker string) []corev1.Pod {
	l.Helper()
	list := &corev1.PodList{}
	if err := l.Client.List(l.Ctx, list, client.InNamespace(l.Namespace), client.MatchingLabels{v1alpha1.LabelName: worker}); err != nil {
		l.Fatalf("list the pods of %s: %v", worker, err)
	}
	var out []corev1.Pod
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp == nil {
			out = append(out, list.Items[i])
		}
	}
	return out
}

// Eventually waits until a condition holds. met returns what it last saw, for the message
// if the condition never holds.
func (l *Lab) Eventually(what string, within time.Duration, met func() (bool, string)) {
	l.Helper()
	deadline := time.Now().Add(within)
	for {
		ok, seen := met()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			l.Fatalf("%s: not within %s; last seen: %s", what, within, seen)
		}
		select {
		case <-l.Ctx.Done():
			l.Fatalf("%s: %v", what, l.Ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// State waits until a QueueWorker is in a state.
func (l *Lab) State(name string, want v1alpha1.State, within time.Duration) {
	l.Helper()
	l.Eventually(fmt.Sprintf("QueueWorker %s is %s", name, want), within, func() (bool, string) {
		status := l.Worker(name).Status
		return status.State == want, describe(status)
	})
}

// Ready waits until a QueueWorker's Ready condition is true for its present spec.
func (l *Lab) Ready(name string, within time.Duration) {
	l.Helper()
	l.Eventually(fmt.Sprintf("QueueWorker %s is ready", name), within, func() (bool, string) {
		worker := l.Worker(name)
		for _, condition := range worker.Status.Conditions {
			if condition.Type == v1alpha1.ConditionReady && condition.Status == metav1.ConditionTrue && condition.ObservedGeneration == worker.Generation {
				return true, ""
			}
		}
		return false, describe(worker.Status)
	})
}

func describe(status v1alpha1.QueueWorkerStatus) string {
	var out strings.Builder
	fmt.Fprintf(&out, "state %s, %d processes, %d ready, totals %+v", status.State, status.Processes, status.Ready, status.Totals)
	for _, condition := range status.Conditions {
		fmt.Fprintf(&out, "; %s=%s %s: %s", condition.Type, condition.Status, condition.Reason, condition.Message)
	}
	return out.String()
}

// In returns the same lab for a subtest.
func (l *Lab) In(t testing.TB) *Lab {
	inside := *l
	inside.TB, inside.Ctx = t, t.Context()
	return &inside
}
