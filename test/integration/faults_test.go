// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakes"
)

// fault is a way in which a request fails.
type fault struct {
	// status is the status of the response; 0 breaks the connection.
	status int
	reason metav1.StatusReason
	// after lets the API server handle the request first.
	after bool
	// writes limits the fault to writes.
	writes bool
}

var faults = map[string]fault{
	"too many requests":          {status: http.StatusTooManyRequests, reason: metav1.StatusReasonTooManyRequests},
	"internal error":             {status: http.StatusInternalServerError, reason: metav1.StatusReasonInternalError},
	"unavailable":                {status: http.StatusServiceUnavailable, reason: metav1.StatusReasonServiceUnavailable},
	"gateway timeout after done": {status: http.StatusGatewayTimeout, reason: metav1.StatusReasonTimeout, after: true, writes: true},
	"connection lost":            {},
	"connection lost after done": {after: true, writes: true},
	"conflict":                   {status: http.StatusConflict, reason: metav1.StatusReasonConflict, writes: true},
}

// faulty is a transport on which requests fail at random.
type faulty struct {
	fault fault
	next  http.RoundTripper

	mu       sync.Mutex
	random   generator
	injected int
	// armed is false while the operator starts: it exits if discovery fails then, and
	// relies on Kubernetes to start it again.
	armed bool
}

func (f *faulty) wrap(next http.RoundTripper) http.RoundTripper {
	f.next = next
	return f
}

func (f *faulty) arm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = true
}

func (f *faulty) RoundTrip(request *http.Request) (*http.Response, error) {
	f.mu.Lock()
	fails := f.armed && f.random.chance(3) && (!f.fault.writes || request.Method != http.MethodGet)
	if fails {
		f.injected++
	}
	f.mu.Unlock()
	if !fails {
		return f.next.RoundTrip(request)
	}
	if f.fault.after {
		response, err := f.next.RoundTrip(request)
		if err != nil {
			return nil, err
		}
		_ = response.Body.Close()
	}
	if f.fault.status == 0 {
		return nil, errors.New("connection reset by peer")
	}
	return f.answer(request)
}

func (f *faulty) answer(request *http.Request) (*http.Response, error) {
	body, err := json.Marshal(metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
		Reason: f.fault.reason, Code: int32(f.fault.status), Message: "injected by the test",
	})
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: f.fault.status, Status: http.StatusText(f.fault.status), Request: request, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

// TestFailingRequestsChangeNothing: three of ten requests fail all the time, in one way
// per run, and the result is the same.
func TestFailingRequestsChangeNothing(t *testing.T) {
	reference := runScenario(t, func(namespace string) {
		startOperator(t, operatorOptions{namespaces: []string{namespace}})
	})
	t.Run("sweep", func(t *testing.T) {
		for name, fault := range faults {
			t.Run(name, func(t *testing.T) {
				transport := &faulty{fault: fault, random: newGenerator(t)}
				state := runScenario(t, func(namespace string) {
					startOperator(t, operatorOptions{namespaces: []string{namespace}, transport: transport.wrap})
					transport.arm()
				})
				requireSameEnd(t, reference, state)
				transport.mu.Lock()
				defer transport.mu.Unlock()
				if transport.injected < 10 {
					t.Errorf("only %d requests failed", transport.injected)
				}
			})
		}
	})
}

// TestABadImageThatIsTakenBackLeavesThePodsAlone: a change that cannot work is reverted.
// The pool is as before, and the working pods were never disturbed.
func TestABadImageThatIsTakenBackLeavesThePodsAlone(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	const bad = "registry.example.com/bad:1"
	breakImage(bad, fakes.ImagePullBackOff)(t, namespace)
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(4).Obj())
	waitReady(t, namespace, "emails")
	before := uids(t, namespace)
	changeApp(func(app *v1alpha1.QueueApp) { app.Spec.Template.Spec.Containers[0].Image = bad })(t, namespace)
	worker := waitFor(t, namespace, "emails", "tells", hasCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonImagePull))
	if worker.Status.Ready != 4 || worker.Status.State == v1alpha1.StateFailing {
		t.Errorf("%d processes are ready and the state is %s, though four old pods work", worker.Status.Ready, worker.Status.State)
	}
	changeApp(func(app *v1alpha1.QueueApp) { app.Spec.Template.Spec.Containers[0].Image = builders.Image })(t, namespace)
	waitReady(t, namespace, "emails")
	eventually(t, "only the old pods are left", func(context.Context) error {
		after := uids(t, namespace)
		for uid, name := range before {
			if _, still := after[uid]; !still {
				t.Fatalf("pod %s is gone", name)
			}
		}
		if len(after) != len(before) {
			return fmt.Errorf("%d pods, want %d", len(after), len(before))
		}
		return nil
	})
}

// TestTheLastOfManyChangesWins: a pool that is stopped, started, paused and resumed in
// quick succession ends as the last write says.
func TestTheLastOfManyChangesWins(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Obj())
	g := newGenerator(t)
	for range 40 {
		changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) {
			w.Spec.Processes = new(g.Int32N(6))
			w.Spec.Stopped, w.Spec.Paused = g.chance(3), g.chance(3)
		})
	}
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) {
		w.Spec.Processes, w.Spec.Stopped, w.Spec.Paused = new(int32(3)), false, false
	})
	waitReady(t, namespace, "emails")
	agents := agentsOf(t, namespace, "emails", 3)
	if control := requireObeyed(t, namespace, "emails", agents); control.Paused {
		t.Error("the pool's document still says paused")
	}
}

// TestDeletionInTheMidstOfChangesLeavesNothing: an object that is deleted while it
// changes leaves nothing behind.
func TestDeletionInTheMidstOfChangesLeavesNothing(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Obj())
	for i := range 10 {
		name := fmt.Sprintf("emails-%d", i)
		create(t, builders.QueueWorker(namespace, name).Processes(3).Obj())
		if i%2 == 0 {
			eventually(t, "there is a Deployment", func(ctx context.Context) error {
				return api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name + "-worker"}, &appsv1.Deployment{})
			})
			changeWorker(t, namespace, name, func(w *v1alpha1.QueueWorker) { w.Spec.Paused = true })
		}
		if err := api.Delete(t.Context(), getWorker(t, namespace, name)); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			// A new QueueWorker with the same name is not confused with the old one.
			create(t, builders.QueueWorker(namespace, name).Obj())
			waitReady(t, namespace, name)
			if err := api.Delete(t.Context(), getWorker(t, namespace, name)); err != nil {
				t.Fatal(err)
			}
		}
		requireNothingLeft(t, namespace, name)
	}
	configMaps := &corev1.ConfigMapList{}
	if err := api.List(t.Context(), configMaps, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range configMaps.Items {
		if configMaps.Items[i].Labels[v1alpha1.LabelManagedBy] != "" {
			t.Errorf("ConfigMap %s is left", configMaps.Items[i].Name)
		}
	}
}
