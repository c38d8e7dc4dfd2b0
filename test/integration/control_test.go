// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakes"
)

// poolControl returns the pool's control document.
func poolControl(t *testing.T, namespace, worker string) protocol.Control {
	t.Helper()
	configMap := &corev1.ConfigMap{}
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: worker + "-control"}, configMap); err != nil {
		t.Fatal(err)
	}
	var control protocol.Control
	if err := json.Unmarshal([]byte(configMap.Data[protocol.ControlFile]), &control); err != nil {
		t.Fatal(err)
	}
	return control
}

// requireObeyed waits until all agents follow the pool's newest control document.
func requireObeyed(t *testing.T, namespace, worker string, agents []*fakes.Agent) protocol.Control {
	t.Helper()
	control := poolControl(t, namespace, worker)
	want := protocol.PhaseRunning
	if control.Paused {
		want = protocol.PhasePaused
	}
	eventually(t, "every agent obeys", func(context.Context) error {
		for _, agent := range agents {
			if s := agent.Status(); s.ControlRevision < control.Revision || s.Phase != want {
				return fmt.Errorf("agent of %s is %s at revision %d, want %s at %d", agent.Pod, s.Phase, s.ControlRevision, want, control.Revision)
			}
		}
		return nil
	})
	return control
}

func TestPauseReachesEveryAgentAndResumeToo(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(3).Obj())
	waitReady(t, namespace, "emails")
	agents := agentsOf(t, namespace, "emails", 3)
	if !agents[1].Start(0, `App\Jobs\SendMail`) {
		t.Fatal("the agent has no idle process")
	}

	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = true })
	waitFor(t, namespace, "emails", "waits for the running job", all(
		hasCondition(v1alpha1.ConditionPaused, metav1.ConditionFalse, v1alpha1.ReasonPausing),
		hasCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPausing),
		inState(v1alpha1.StateDraining),
	))
	agents[1].Finish(0, fakes.Processed)
	paused := waitFor(t, namespace, "emails", "is paused", all(
		hasCondition(v1alpha1.ConditionPaused, metav1.ConditionTrue, v1alpha1.ReasonPaused),
		hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonPaused),
		inState(v1alpha1.StatePaused),
	))
	if got := *paused.Spec.Processes; got != 3 {
		t.Errorf("spec.processes is %d, want 3: the operator must not write specs", got)
	}
	requireObeyed(t, namespace, "emails", agents)

	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = false })
	waitReady(t, namespace, "emails")
	requireObeyed(t, namespace, "emails", agents)
	for _, reason := range []string{v1alpha1.EventPaused, v1alpha1.EventResumed} {
		requireEvent(t, namespace, "emails", reason)
	}
}

// inState checks the state of a QueueWorker.
func inState(state v1alpha1.State) func(*v1alpha1.QueueWorker) error {
	return func(worker *v1alpha1.QueueWorker) error {
		if worker.Status.State != state {
			return fmt.Errorf("state is %s, want %s", worker.Status.State, state)
		}
		return nil
	}
}

// TestFiftyPodsControlledAsTheyComeUpEndAtTheLastRevision: pods that start while
// documents change receive them in two ways of different speed.
func TestFiftyPodsControlledAsTheyComeUpEndAtTheLastRevision(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(50).Obj())
	for i := range 10 {
		eventually(t, "more pods", func(context.Context) error {
			if n := len(kubelet.Agents(namespace, "emails-worker-")); n < 5*i {
				return fmt.Errorf("%d agents so far", n)
			}
			return nil
		})
		changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = i%2 == 0 })
	}
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = true })
	waitFor(t, namespace, "emails", "is paused", all(inState(v1alpha1.StatePaused), func(w *v1alpha1.QueueWorker) error {
		if w.Status.Ready != 50 {
			return fmt.Errorf("%d processes are ready", w.Status.Ready)
		}
		return nil
	}))
	requireObeyed(t, namespace, "emails", agentsOf(t, namespace, "emails", 50))
}

func TestAPodCreatedWhileTheOperatorIsDownObeysThePause(t *testing.T) {
	namespace := newNamespace(t)
	o := startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Paused(true).Obj())
	waitFor(t, namespace, "emails", "is paused", inState(v1alpha1.StatePaused))
	agentsOf(t, namespace, "emails", 1)
	o.stop()
	old := podsOf(t, namespace, "emails")[0]
	if err := api.Delete(t.Context(), &old); err != nil {
		t.Fatal(err)
	}
	var agents []*fakes.Agent
	eventually(t, "another pod", func(context.Context) error {
		agents = kubelet.Agents(namespace, "emails-worker-")
		if len(agents) != 1 || agents[0].Pod == old.Name {
			return fmt.Errorf("%d agents, or the old one", len(agents))
		}
		return nil
	})
	requireObeyed(t, namespace, "emails", agents)
}

func TestRestartedAtRestartsThePoolOrOnePod(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Obj(),
		builders.QueueWorker(namespace, "emails").Processes(4).PerPod(2).Annotation(v1alpha1.AnnotationRestartedAt, "first").Obj())
	waitReady(t, namespace, "emails")
	agents := agentsOf(t, namespace, "emails", 2)
	before := uids(t, namespace)
	requireRestarts(t, agents, 0, 0)

	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Annotations[v1alpha1.AnnotationRestartedAt] = "second" })
	requireRestarts(t, agents, 2, 2)
	requireEvent(t, namespace, "emails", v1alpha1.EventRestartRequested)

	// The first token of a pod must take effect: it is no baseline for the agent, because
	// the operator wrote no token before.
	pod := &corev1.Pod{}
	change(t, pod, namespace, agents[0].Pod, func(p *corev1.Pod) {
		metav1.SetMetaDataAnnotation(&p.ObjectMeta, v1alpha1.AnnotationRestartedAt, "third")
	})
	requireObeyedPod(t, agents[0], "third")
	change(t, pod, namespace, agents[0].Pod, func(p *corev1.Pod) {
		metav1.SetMetaDataAnnotation(&p.ObjectMeta, v1alpha1.AnnotationRestartedAt, "fourth")
	})
	requireObeyedPod(t, agents[0], "fourth")
	if got := restarts(agents[1]); got != 2 {
		t.Errorf("the other pod's processes restarted %d times, want 2", got)
	}
	waitReady(t, namespace, "emails")
	requireSamePods(t, before, uids(t, namespace))
}

func restarts(agent *fakes.Agent) int64 {
	return agent.Status().Counters.Exits[protocol.ExitRestartRequested]
}

func requireRestarts(t *testing.T, agents []*fakes.Agent, want ...int64) {
	t.Helper()
	eventually(t, "the restarts", func(context.Context) error {
		for i, agent := range agents {
			if got := restarts(agent); got != want[i] {
				return fmt.Errorf("processes of %s restarted %d times, want %d", agent.Pod, got, want[i])
			}
		}
		return nil
	})
}

// requireObeyedPod waits until the pod's own document contains the token and its agent
// has read it.
func requireObeyedPod(t *testing.T, agent *fakes.Agent, token string) {
	t.Helper()
	eventually(t, "the pod's own document", func(ctx context.Context) error {
		pod := &corev1.Pod{}
		if err := api.Get(ctx, client.ObjectKey{Namespace: agent.Namespace, Name: agent.Pod}, pod); err != nil {
			return err
		}
		var control protocol.Control
		if err := json.Unmarshal([]byte(pod.Annotations[v1alpha1.AnnotationControl]), &control); err != nil {
			return err
		}
		if control.PodRestartToken != token || agent.Status().ControlRevision < control.Revision {
			return fmt.Errorf("document is %+v, the agent is at revision %d", control, agent.Status().ControlRevision)
		}
		return nil
	})
}

// requireEvent waits for an event about a QueueWorker with a reason, and returns its
// note.
func requireEvent(t *testing.T, namespace, worker, reason string) string {
	t.Helper()
	note := ""
	eventually(t, "the event "+reason, func(ctx context.Context) error {
		events, err := kube.EventsV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=" + reason})
		if err != nil {
			return err
		}
		for i := range events.Items {
			if regarding := events.Items[i].Regarding; regarding.Kind == "QueueWorker" && regarding.Name == worker {
				note = events.Items[i].Note
				return nil
			}
		}
		return fmt.Errorf("none of %d events is about %s", len(events.Items), worker)
	})
	return note
}
