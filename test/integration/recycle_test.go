// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakes"
)

// recycled is the result of a pool whose pods were replaced.
type recycled struct {
	// history is how many pods the pool has had; left is how many it still has.
	history, left int
	// killed is how many jobs were cut short.
	killed int64
}

// recyclePool makes both pods of a pool due while they work, and returns when each has
// been replaced. It fails the test if at any moment fewer than two pods were ready, or if
// more pods were surplus than may be replaced at once.
func recyclePool(t *testing.T, start func(namespace string), changes ...func(*builders.App, *builders.Worker)) recycled {
	t.Helper()
	namespace := newNamespace(t)
	start(namespace)
	app, worker := builders.QueueApp(namespace, "shop"), builders.QueueWorker(namespace, "emails").Processes(2).MaxJobs(5).
		Spec(func(spec *v1alpha1.QueueWorkerSpec) { spec.Recycle = v1alpha1.RecyclePod })
	for _, change := range changes {
		change(app, worker)
	}
	create(t, app.Obj(), worker.Obj())
	surplus := max(1, int(worker.Obj().Spec.MaxUnavailable))
	waitReady(t, namespace, "emails")
	due := agentsOf(t, namespace, "emails", 2)
	watch := watchServing(t, namespace)
	for _, agent := range due {
		agent.Work(0, 5, fakes.Processed)
		agent.Start(0, `App\Jobs\SendMail`)
	}
	within(t, 2*time.Minute, "both pods are replaced", func(context.Context) error {
		gone := 0
		for _, agent := range due {
			if agent.Status().Phase == protocol.PhaseCordoned {
				agent.Finish(0, fakes.Processed)
			}
			if agent.Status().Phase == protocol.PhaseTerminating {
				gone++
			}
		}
		return same(2, gone)
	})
	hasReplicas(t, namespace, 2)
	waitReady(t, namespace, "emails")
	least, most := watch()
	if least < 2 || most > 2+surplus {
		t.Errorf("at least %d pods were ready to take jobs and at most %d there, want 2 and %d", least, most, 2+surplus)
	}
	out := recycled{history: len(kubelet.History(namespace)), left: len(podsOf(t, namespace, "emails"))}
	for _, agent := range kubelet.History(namespace) {
		out.killed += agent.Status().Counters.Exits[protocol.ExitGraceExceeded] + agent.Status().Counters.Exits[protocol.ExitKilled]
	}
	return out
}

// watchServing counts the pods of a pool until the returned function is called. That
// function returns the lowest number of pods that were ready and not cordoned, and the
// highest number of pods.
func watchServing(t *testing.T, namespace string) func() (least, most int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	least, most := 1<<30, 0
	var counting sync.WaitGroup
	counting.Go(func() {
		for ctx.Err() == nil {
			pods, serving := podsOf(t, namespace, "emails"), 0
			for i := range pods {
				if !isCordoned(&pods[i]) && podReady(&pods[i]) {
					serving++
				}
			}
			least, most = min(least, serving), max(most, len(pods))
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	t.Cleanup(cancel)
	return func() (int, int) {
		cancel()
		counting.Wait()
		return least, most
	}
}

func TestPodsAreRecycledSuccessorFirst(t *testing.T) {
	tests := map[string]func(*builders.App, *builders.Worker){
		"a pool":                     func(*builders.App, *builders.Worker) {},
		"of several processes a pod": func(_ *builders.App, w *builders.Worker) { w.PerPod(3).Processes(6) },
		"that has all a cap leaves":  func(app *builders.App, _ *builders.Worker) { app.MaxProcesses(2) },
		"two at a time": func(_ *builders.App, w *builders.Worker) {
			w.Spec(func(spec *v1alpha1.QueueWorkerSpec) { spec.MaxUnavailable = 2 })
		},
		"that autoscales": func(_ *builders.App, w *builders.Worker) { w.Autoscaling(2, 2, nil) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			got := recyclePool(t, func(namespace string) {
				startOperator(t, operatorOptions{namespaces: []string{namespace}})
			}, change)
			if want := (recycled{history: 4, left: 2}); got != want {
				t.Errorf("it is %+v, want %+v", got, want)
			}
		})
	}
}

// TestACrashWhilePodsAreRecycledChangesNothing: a crash of the operator at any of its
// writes costs neither a ready worker nor a job.
func TestACrashWhilePodsAreRecycledChangesNothing(t *testing.T) {
	var l *life
	recyclePool(t, func(namespace string) { l = liveThrough(t, namespace, crash{}) })
	writes := l.fuse.count()
	t.Logf("the scenario takes %d writes", writes)
	stride := 4
	if long() {
		stride = 1
	}
	for i := 3; i <= writes; i += stride {
		for _, point := range []crash{{i, false}, {i + stride/2, true}} {
			t.Run(point.String(), func(t *testing.T) {
				t.Parallel()
				got := recyclePool(t, func(namespace string) { liveThrough(t, namespace, point) })
				if want := (recycled{history: 4, left: 2}); got != want {
					t.Errorf("it is %+v, want %+v", got, want)
				}
			})
		}
	}
}

func TestNothingIsRecycledWhilePausedAndAPausedPodStays(t *testing.T) {
	namespace := newNamespace(t)
	o := startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(2).PerPod(1).MaxJobs(5).
		Spec(func(spec *v1alpha1.QueueWorkerSpec) { spec.Recycle = v1alpha1.RecyclePod }).Obj())
	waitReady(t, namespace, "emails")
	agents := agentsOf(t, namespace, "emails", 2)
	annotatePod(t, namespace, agents[0].Pod, v1alpha1.AnnotationPaused, v1alpha1.AnnotationTrue)
	inPhases(t, agents, protocol.PhasePaused, protocol.PhaseRunning)
	agents[0].Work(0, 5, fakes.Processed)
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = true })
	inPhases(t, agents, protocol.PhasePaused, protocol.PhasePaused)
	agents[1].Work(0, 5, fakes.Processed)
	waitFor(t, namespace, "emails", "is paused", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonPaused))
	from := mark(t)
	eventually(t, "both agents are asked again", func(context.Context) error {
		for _, agent := range agents {
			if agent.Asked() < 3 {
				return fmt.Errorf("agent %s was asked %d times", agent.Pod, agent.Asked())
			}
		}
		return nil
	})
	reconcileAll(t, namespace)
	for _, write := range writesBetween(t, o, from, mark(t)) {
		if write.Resource() == "deployments" {
			t.Errorf("the pool was resized: %s", write.RequestObject)
		}
	}
}

// isCordoned reports whether a pod's own document cordons it.
func isCordoned(pod *corev1.Pod) bool {
	return objects.ReadControl(pod.Annotations[v1alpha1.AnnotationControl]).Cordoned
}

// podReady reports whether a pod's condition Ready is true.
func podReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
