// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/controlplane"
)

var errCrashed = errors.New("the operator has crashed")

// crash is a point at which an operator dies: at its nth write, before the request is
// sent, or after the API server has handled it and before the operator gets the answer.
type crash struct {
	write int
	after bool
}

func (c crash) String() string {
	if c.after {
		return fmt.Sprintf("after write %d", c.write)
	}
	return fmt.Sprintf("before write %d", c.write)
}

// fuse is a transport that fails at a crash: from then on no request reaches the API
// server.
type fuse struct {
	crash crash
	next  http.RoundTripper
	blown chan struct{}

	mu     sync.Mutex
	writes int
}

func newFuse(c crash) *fuse { return &fuse{crash: c, blown: make(chan struct{})} }

func (f *fuse) wrap(next http.RoundTripper) http.RoundTripper {
	f.next = next
	return f
}

func (f *fuse) RoundTrip(request *http.Request) (*http.Response, error) {
	f.mu.Lock()
	hit := false
	if isCounted(request) {
		f.writes++
		hit = f.writes == f.crash.write
	}
	dead := f.isBlown() || hit && !f.crash.after
	if dead {
		f.blow()
	}
	f.mu.Unlock()
	if dead {
		return nil, errCrashed
	}
	response, err := f.next.RoundTrip(request)
	if hit {
		if err == nil {
			_ = response.Body.Close()
		}
		f.mu.Lock()
		f.blow()
		f.mu.Unlock()
		return nil, errCrashed
	}
	return response, err
}

// isCounted reports whether a request changes the cluster; events do not count.
func isCounted(request *http.Request) bool {
	return request.Method != http.MethodGet && !strings.HasSuffix(request.URL.Path, "/events")
}

func (f *fuse) isBlown() bool {
	select {
	case <-f.blown:
		return true
	default:
		return false
	}
}

func (f *fuse) blow() {
	if !f.isBlown() {
		close(f.blown)
	}
}

// count returns the number of writes so far.
func (f *fuse) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}

// life keeps an operator running through a scenario: the first operator has a fuse, its
// successor has none.
type life struct {
	fuse *fuse
	done chan struct{}
	err  error
}

func liveThrough(t *testing.T, namespace string, c crash) *life {
	t.Helper()
	l := &life{fuse: newFuse(c), done: make(chan struct{})}
	options := operatorOptions{namespaces: []string{namespace}, transport: l.fuse.wrap}
	first, err := launchOperator(t.Context(), options)
	if err != nil && !l.fuse.isBlown() {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(l.done)
		select {
		case <-l.fuse.blown:
		case <-ctx.Done():
			first.stop()
			return
		}
		first.stop()
		options.transport = nil
		second, err := launchOperator(ctx, options)
		if err != nil {
			if ctx.Err() == nil { // otherwise the scenario was over before it ran
				l.err = err
			}
			return
		}
		<-ctx.Done()
		second.stop()
	}()
	t.Cleanup(func() {
		cancel()
		<-l.done
		if l.err != nil {
			t.Errorf("the operator's successor: %v", l.err)
		}
	})
	return l
}

// endState is the result of a scenario, without what differs between runs.
type endState struct {
	Deployment  *appsv1.Deployment
	ConfigMap   map[string]string
	Budget      policyv1.PodDisruptionBudgetSpec
	Status      v1alpha1.QueueWorkerStatus
	PodsCreated int
	Sets        int
	Phases      []protocol.Phase
}

// runScenario creates a pool, scales and pauses it, changes its image, resumes it, and
// returns the resulting state. Finally it deletes the pool and waits until nothing is
// left.
func runScenario(t *testing.T, start func(namespace string)) endState {
	t.Helper()
	namespace := newNamespace(t)
	from := mark(t)
	start(namespace)
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(2).Obj())
	waitReady(t, namespace, "emails")
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Processes = new(int32(3)) })
	waitReady(t, namespace, "emails")
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = true })
	waitFor(t, namespace, "emails", "is paused", all(inState(v1alpha1.StatePaused),
		hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonPaused)))
	change(t, &v1alpha1.QueueApp{}, namespace, "shop", func(app *v1alpha1.QueueApp) {
		app.Spec.Template.Spec.Containers[0].Image = "registry.example.com/shop:2"
	})
	eventually(t, "the new image is out", func(context.Context) error {
		for _, pod := range podsOf(t, namespace, "emails") {
			if image := pod.Spec.Containers[0].Image; image != "registry.example.com/shop:2" {
				return fmt.Errorf("pod %s has the image %s", pod.Name, image)
			}
		}
		return nil
	})
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = false })
	waitReady(t, namespace, "emails")
	state := observeEnd(t, namespace, from)

	if err := api.Delete(t.Context(), getWorker(t, namespace, "emails")); err != nil {
		t.Fatal(err)
	}
	requireNothingLeft(t, namespace, "emails")
	return state
}

func observeEnd(t *testing.T, namespace string, from controlplane.Mark) endState {
	t.Helper()
	var state endState
	state.Deployment = deploymentOf(t, namespace, "emails")
	configMap, budget, sets := &corev1.ConfigMap{}, &policyv1.PodDisruptionBudget{}, &appsv1.ReplicaSetList{}
	for name, object := range map[string]client.Object{"emails-control": configMap, "emails-worker": budget} {
		if err := api.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object); err != nil {
			t.Fatal(err)
		}
	}
	if err := api.List(t.Context(), sets, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	state.ConfigMap, state.Budget, state.Sets = configMap.Data, budget.Spec, len(sets.Items)
	state.Status = getWorker(t, namespace, "emails").Status
	for _, agent := range agentsOf(t, namespace, "emails", 3) {
		state.Phases = append(state.Phases, agent.Status().Phase)
	}
	created, err := cluster.Audit.Between(from, mark(t), func(r controlplane.Request) bool {
		return r.Verb == "create" && r.Resource() == "pods" && r.ObjectRef.Namespace == namespace && r.ResponseStatus.Code == http.StatusCreated
	})
	if err != nil {
		t.Fatal(err)
	}
	state.PodsCreated = len(created)
	state.mask(namespace)
	return state
}

// mask removes names and times that differ between runs.
func (s *endState) mask(namespace string) {
	d := s.Deployment
	d.ObjectMeta = metav1.ObjectMeta{Name: d.Name, Labels: d.Labels, Annotations: d.Annotations}
	delete(d.Annotations, v1alpha1.AnnotationAppliedHash) // It covers the namespace's name.
	delete(d.Annotations, v1alpha1.AnnotationTemplateHash)
	d.Status = appsv1.DeploymentStatus{ReadyReplicas: d.Status.ReadyReplicas, Replicas: d.Status.Replicas}
	for i := range d.Spec.Template.Spec.Containers {
		for j := range d.Spec.Template.Spec.Containers[i].Env {
			env := &d.Spec.Template.Spec.Containers[i].Env[j]
			env.Value = strings.ReplaceAll(env.Value, namespace, "NAMESPACE")
		}
	}
	status := &s.Status
	for i := range status.Conditions {
		status.Conditions[i].LastTransitionTime = metav1.Time{}
	}
	// Figures that are only written together with a later change may not have been
	// written yet. Pods that ended while no operator watched may be unaccounted for.
	status.Busy, status.Idle, status.Workers, status.Restarts, status.Throughput = 0, 0, nil, nil, nil
	status.Totals.UnaccountedWorkers = 0
	for i := range status.Accounted {
		status.Accounted[i] = v1alpha1.AccountedPod{Reported: status.Accounted[i].Reported}
	}
}

func requireSameEnd(t *testing.T, want, got endState) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the end differs from that of an undisturbed run (-want +got):\n%s", diff)
	}
}

// TestACrashAtAnyWriteChangesNothing: a crash of the operator at any of its writes does
// not change the result, and creates no extra pod.
func TestACrashAtAnyWriteChangesNothing(t *testing.T) {
	var l *life
	reference := runScenario(t, func(namespace string) { l = liveThrough(t, namespace, crash{}) })
	writes := l.fuse.count()
	t.Logf("the scenario takes %d writes", writes)
	stride := 12
	if long() {
		stride = 1
	}
	var points []crash
	for i := 1; i <= writes; i += stride {
		points = append(points, crash{i, false}, crash{i + stride/2, true})
	}
	var passed int
	var mu sync.Mutex
	t.Run("sweep", func(t *testing.T) {
		// The scenarios mostly wait, each in its own namespace; go test limits how many
		// run at once.
		for _, point := range points {
			t.Run(point.String(), func(t *testing.T) {
				t.Parallel()
				started := time.Now()
				var l *life
				state := runScenario(t, func(namespace string) { l = liveThrough(t, namespace, point) })
				requireSameEnd(t, reference, state)
				if took := time.Since(started); took > 3*time.Minute {
					t.Errorf("it took %s to converge", took)
				}
				mu.Lock()
				defer mu.Unlock()
				if l.fuse.isBlown() && !t.Failed() {
					passed++
				}
			})
		}
	})
	t.Logf("%d of %d crashes changed nothing; in the others the operator had fewer writes to make", passed, len(points))
	if passed < len(points)*2/3 {
		t.Errorf("only %d of %d crashes took place and changed nothing", passed, len(points))
	}
}
