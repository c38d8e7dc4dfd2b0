// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakes"
)

// annotatePod sets an annotation of a pod, or removes it if the value is empty.
func annotatePod(t *testing.T, namespace, pod, key, value string) {
	t.Helper()
	change(t, &corev1.Pod{}, namespace, pod, func(p *corev1.Pod) {
		if value == "" {
			delete(p.Annotations, key)
			return
		}
		metav1.SetMetaDataAnnotation(&p.ObjectMeta, key, value)
	})
}

// inPhases waits until agents are in these phases, in the same order.
func inPhases(t *testing.T, agents []*fakes.Agent, want ...protocol.Phase) {
	t.Helper()
	eventually(t, fmt.Sprintf("the agents are %v", want), func(context.Context) error {
		for i, agent := range agents {
			if err := same(want[i], agent.Status().Phase); err != nil {
				return fmt.Errorf("agent %d: %w", i, err)
			}
		}
		return nil
	})
}

func TestASinglePodIsPausedWhateverTheOthersDo(t *testing.T) {
	namespace := newNamespace(t)
	o := startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Template(func(template *corev1.PodTemplateSpec) {
		// A template cannot control single pods.
		metav1.SetMetaDataAnnotation(&template.ObjectMeta, v1alpha1.AnnotationPaused, v1alpha1.AnnotationTrue)
		metav1.SetMetaDataAnnotation(&template.ObjectMeta, v1alpha1.AnnotationRetire, v1alpha1.AnnotationTrue)
	}).Obj(), builders.QueueWorker(namespace, "emails").Processes(2).Obj())
	waitReady(t, namespace, "emails")
	agents := agentsOf(t, namespace, "emails", 2)
	const paused, running = protocol.PhasePaused, protocol.PhaseRunning
	inPhases(t, agents, running, running)

	annotatePod(t, namespace, agents[0].Pod, v1alpha1.AnnotationPaused, v1alpha1.AnnotationTrue)
	inPhases(t, agents, paused, running)
	waitFor(t, namespace, "emails", "says so, and is no less ready", func(w *v1alpha1.QueueWorker) error {
		if text := message(w, v1alpha1.ConditionReady); !strings.Contains(text, "1 of the pods are paused") {
			return fmt.Errorf("the condition Ready says %q", text)
		}
		return hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAsWanted)(w)
	})
	from := mark(t)
	reconcileAll(t, namespace)
	requireNoWrites(t, writesBetween(t, o, from, mark(t)))

	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = true })
	inPhases(t, agents, paused, paused)
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = false })
	inPhases(t, agents, paused, running)
	if ends := agents[0].Status().Counters.Exits; ends[protocol.ExitPaused] != 1 {
		t.Errorf("its process has ended %v times, want once: it was never resumed", ends)
	}
	annotatePod(t, namespace, agents[0].Pod, v1alpha1.AnnotationPaused, "")
	inPhases(t, agents, running, running)
}

func TestAPauseWithAnEndPassesByItself(t *testing.T) {
	namespace := newNamespace(t)
	o := startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(2).Obj())
	waitReady(t, namespace, "emails")
	agents := agentsOf(t, namespace, "emails", 2)
	until := metav1.NewTime(time.Now().Add(12 * time.Second).Truncate(time.Second))
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.PausedUntil = &until })
	inPhases(t, agents, protocol.PhasePaused, protocol.PhasePaused)
	worker := waitFor(t, namespace, "emails", "is paused", all(
		hasCondition(v1alpha1.ConditionPaused, metav1.ConditionTrue, v1alpha1.ReasonPausedUntil),
		hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonPausedUntil),
		inState(v1alpha1.StatePaused),
	))
	requireContains(t, message(worker, v1alpha1.ConditionPaused), until.UTC().Format(time.RFC3339))
	requireContains(t, requireEvent(t, namespace, "emails", v1alpha1.EventPaused), until.UTC().Format(time.RFC3339))
	reconcileAll(t, namespace)
	from := mark(t)
	reconcileAll(t, namespace)
	if writes := writesBetween(t, o, from, mark(t)); time.Now().Before(until.Time) {
		requireNoWrites(t, writes)
	}
	inPhases(t, agents, protocol.PhaseRunning, protocol.PhaseRunning)
	if late := time.Since(until.Time); late < 0 || late > 3*time.Second {
		t.Errorf("it was resumed %s after the end of the pause", late)
	}
	waitReady(t, namespace, "emails")
	waitFor(t, namespace, "emails", "is not paused", hasCondition(v1alpha1.ConditionPaused, metav1.ConditionFalse, v1alpha1.ReasonNotPaused))
	reconcileAll(t, namespace)
	from = mark(t)
	reconcileAll(t, namespace)
	requireNoWrites(t, writesBetween(t, o, from, mark(t)))
}

func TestAKillActsOncePerValueAndNamesTheJobs(t *testing.T) {
	tests := map[string]struct {
		kill   func(t *testing.T, namespace string, agents []*fakes.Agent)
		killed [2]int64
		phase  protocol.Phase
	}{
		"a pool": {func(t *testing.T, namespace string, _ []*fakes.Agent) {
			changeWorker(t, namespace, "emails", killNow)
		}, [2]int64{1, 1}, protocol.PhaseRunning},
		"a pod": {func(t *testing.T, namespace string, agents []*fakes.Agent) {
			annotatePod(t, namespace, agents[1].Pod, v1alpha1.AnnotationKillAt, "now")
		}, [2]int64{0, 1}, protocol.PhaseRunning},
		"a pool that is paused with it": {func(t *testing.T, namespace string, _ []*fakes.Agent) {
			changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = true; killNow(w) })
		}, [2]int64{1, 1}, protocol.PhasePaused},
		"a pool that is stopped with it": {func(t *testing.T, namespace string, _ []*fakes.Agent) {
			changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Stopped = true; killNow(w) })
		}, [2]int64{1, 1}, protocol.PhaseTerminating},
		"a pool that was stopped before": {func(t *testing.T, namespace string, agents []*fakes.Agent) {
			changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Stopped = true })
			inPhases(t, agents, protocol.PhaseCordoned, protocol.PhaseCordoned)
			changeWorker(t, namespace, "emails", killNow)
		}, [2]int64{1, 1}, protocol.PhaseTerminating},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			namespace := newNamespace(t)
			startOperator(t, operatorOptions{namespaces: []string{namespace}})
			agents := busyPool(t, namespace, 2)
			tc.kill(t, namespace, agents)
			eventually(t, "the processes are killed", func(context.Context) error {
				for i, agent := range agents {
					if err := same(tc.killed[i], agent.Status().Counters.Exits[protocol.ExitKilledOnRequest]); err != nil {
						return fmt.Errorf("agent %d: %w", i, err)
					}
				}
				return nil
			})
			note := requireEvent(t, namespace, "emails", v1alpha1.EventJobsKilled)
			requireContains(t, note, `App\Jobs\SendMail 1`)
			if tc.phase == protocol.PhaseTerminating {
				hasReplicas(t, namespace, 0)
				waitFor(t, namespace, "emails", "is stopped and lost no count", func(w *v1alpha1.QueueWorker) error {
					return same(int64(0), w.Status.Totals.UnaccountedWorkers)
				})
				return
			}
			inPhases(t, agents[1:], tc.phase)
			reconcileAll(t, namespace)
			if n := agents[1].Status().Counters.Exits[protocol.ExitKilledOnRequest]; n != 1 {
				t.Errorf("it was killed %d times", n)
			}
		})
	}
}

func killNow(w *v1alpha1.QueueWorker) {
	metav1.SetMetaDataAnnotation(&w.ObjectMeta, v1alpha1.AnnotationKillAt, "now")
}

func TestARetiredPodIsReplacedSuccessorFirst(t *testing.T) {
	namespace := newNamespace(t)
	o := startOperator(t, operatorOptions{namespaces: []string{namespace}})
	agents := busyPool(t, namespace, 2)
	from := mark(t)
	annotatePod(t, namespace, agents[0].Pod, v1alpha1.AnnotationRetire, v1alpha1.AnnotationTrue)
	hasReplicas(t, namespace, 3)
	inPhases(t, agents, protocol.PhaseCordoned, protocol.PhaseRunning)
	agents[0].Finish(0, fakes.Processed)
	hasReplicas(t, namespace, 2)
	waitReady(t, namespace, "emails")
	for _, pod := range podsOf(t, namespace, "emails") {
		if pod.Name == agents[0].Pod {
			t.Errorf("the retired pod %s is left", pod.Name)
		}
	}
	if agents[0].Status().Counters.Exits[protocol.ExitGraceExceeded] != 0 || agents[1].Status().Workers[0].State != protocol.WorkerBusy {
		t.Errorf("the agents are %+v and %+v", agents[0].Status(), agents[1].Status())
	}
	var sizes []int32
	for _, write := range writesBetween(t, o, from, mark(t)) {
		if write.Resource() == "deployments" {
			sizes = append(sizes, replicasIn(t, write.RequestObject))
		}
	}
	if fmt.Sprint(sizes) != "[3 2]" {
		t.Errorf("the Deployment was given the sizes %v, want 3 and then 2", sizes)
	}
}

func TestARetiredPodIsTheFirstToGo(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	agents := busyPool(t, namespace, 3)
	// Without the mark, the idle pod would go first.
	agents[2].Finish(0, fakes.Processed)
	annotatePod(t, namespace, agents[1].Pod, v1alpha1.AnnotationRetire, v1alpha1.AnnotationTrue)
	scaleTo(t, namespace, 2)
	// If a successor was created in between, then that pod goes, or the idle one.
	inPhases(t, agents[:2], protocol.PhaseRunning, protocol.PhaseCordoned)
	agents[1].Finish(0, fakes.Processed)
	hasReplicas(t, namespace, 2)
	waitReady(t, namespace, "emails")
	left := map[string]bool{}
	for _, pod := range podsOf(t, namespace, "emails") {
		left[pod.Name] = true
	}
	if left[agents[1].Pod] || !left[agents[0].Pod] {
		t.Errorf("%v are left; want the retired %s gone, and %s, which is at work, left", left, agents[1].Pod, agents[0].Pod)
	}
	if phase := agents[0].Status().Phase; phase != protocol.PhaseRunning {
		t.Errorf("the pod at work is %s", phase)
	}
}

func TestRecreatedAtReplacesThePodsOncePerValue(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(2).Obj())
	waitReady(t, namespace, "emails")
	before := podsOf(t, namespace, "emails")
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) {
		metav1.SetMetaDataAnnotation(&w.ObjectMeta, v1alpha1.AnnotationRecreatedAt, "now")
	})
	eventually(t, "both pods are others", func(context.Context) error {
		after := podsOf(t, namespace, "emails")
		for _, pod := range after {
			for i := range before {
				if pod.UID == before[i].UID {
					return fmt.Errorf("pod %s is left", pod.Name)
				}
			}
		}
		return same(2, len(after))
	})
	waitReady(t, namespace, "emails")
	generation := deploymentOf(t, namespace, "emails").Generation
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { delete(w.Annotations, v1alpha1.AnnotationRecreatedAt) })
	reconcileAll(t, namespace)
	if now := deploymentOf(t, namespace, "emails").Generation; now != generation {
		t.Errorf("the Deployment has changed though nothing was asked for")
	}
}
