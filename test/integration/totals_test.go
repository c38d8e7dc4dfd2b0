// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakes"
)

// truth adds up what agents have done, including the agents of pods that are gone.
func truth(agents []*fakes.Agent) v1alpha1.Totals {
	var totals v1alpha1.Totals
	for _, agent := range agents {
		counters := agent.Status().Counters
		totals.Processed += counters.Processed
		totals.Failed += counters.Failed
		totals.Released += counters.Released
	}
	return totals
}

// hasTotals checks the totals.
func hasTotals(want v1alpha1.Totals) func(*v1alpha1.QueueWorker) error {
	return func(worker *v1alpha1.QueueWorker) error {
		if diff := cmp.Diff(want, worker.Status.Totals); diff != "" {
			return fmt.Errorf("totals differ (-want +got):\n%s", diff)
		}
		return nil
	}
}

// waitTotals waits for totals. They are written at most once a minute, so it sets the
// operator's clock forward.
func waitTotals(t *testing.T, namespace string, clock *offsetClock, want v1alpha1.Totals) {
	t.Helper()
	waitFor(t, namespace, "emails", "has its totals", func(worker *v1alpha1.QueueWorker) error {
		err := hasTotals(want)(worker)
		if err != nil {
			clock.forward(10 * time.Second)
			poke(t, namespace, "emails")
		}
		return err
	})
}

// countedPool creates a pool with an operator whose clock can be set.
func countedPool(t *testing.T, processes int32) (string, operatorOptions, *operator) {
	t.Helper()
	namespace := newNamespace(t)
	options := operatorOptions{namespaces: []string{namespace}, clock: &offsetClock{}}
	o := startOperator(t, options)
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(processes).Obj())
	waitReady(t, namespace, "emails")
	return namespace, options, o
}

func TestEveryJobOfAPodThatGoesIsCountedOnce(t *testing.T) {
	namespace, options, _ := countedPool(t, 3)
	agents := agentsOf(t, namespace, "emails", 3)
	for i, agent := range agents {
		agent.Work(0, 10*(i+1), fakes.Processed)
		agent.Work(0, i, fakes.Failed)
		agent.Work(0, 2*i, fakes.Released)
	}
	waitTotals(t, namespace, options.clock, truth(agents))

	// Each agent works on a job when its pod is asked to end, and does more before its
	// pod ends.
	for _, agent := range agents {
		agent.Start(0, `App\Jobs\SendMail`)
	}
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Processes = new(int32(1)) })
	for _, agent := range agentsThatDrain(t, agents, 2) {
		agent.Finish(0, fakes.Processed)
	}
	agentsOf(t, namespace, "emails", 1)[0].Finish(0, fakes.Failed)
	waitTotals(t, namespace, options.clock, truth(agents))
	waitReady(t, namespace, "emails")

	// A rollout replaces the last pod.
	change(t, &v1alpha1.QueueApp{}, namespace, "shop", func(app *v1alpha1.QueueApp) {
		app.Spec.Template.Spec.Containers[0].Image = "registry.example.com/shop:2"
	})
	old := agentsOf(t, namespace, "emails", 1)[0]
	within(t, time.Minute, "the old pod goes", gone(namespace, old.Pod))
	newest := agentsOf(t, namespace, "emails", 1)
	newest[0].Work(0, 5, fakes.Processed)
	waitTotals(t, namespace, options.clock, truth(append(agents, newest...)))
}

// agentsThatDrain waits until n of the agents are asked to take no more jobs, and returns
// them.
func agentsThatDrain(t *testing.T, agents []*fakes.Agent, n int) []*fakes.Agent {
	t.Helper()
	var draining []*fakes.Agent
	eventually(t, "agents are asked to take no more jobs", func(context.Context) error {
		draining = nil
		for _, agent := range agents {
			if agent.Status().Phase == protocol.PhaseCordoned {
				draining = append(draining, agent)
			}
		}
		if len(draining) != n {
			return fmt.Errorf("%d are, want %d", len(draining), n)
		}
		return nil
	})
	return draining
}

func TestTotalsAreExactAcrossAnOperatorsRestart(t *testing.T) {
	namespace, options, first := countedPool(t, 2)
	agents := agentsOf(t, namespace, "emails", 2)
	agents[0].Work(0, 7, fakes.Processed)
	agents[1].Work(0, 3, fakes.Failed)
	waitTotals(t, namespace, options.clock, truth(agents))
	agents[0].Work(0, 100, fakes.Processed)
	agents[1].KillContainer("OOMKilled", 137)
	waitFor(t, namespace, "emails", "has counted the OOM kill", func(worker *v1alpha1.QueueWorker) error {
		options.clock.forward(10 * time.Second)
		poke(t, namespace, "emails")
		return hasRestarts(v1alpha1.RestartCount{Reason: "OOMKilled", Count: 1})(worker)
	})
	first.stop()
	agents[0].Work(0, 20, fakes.Processed)
	agents[1].Work(0, 4, fakes.Released)
	startOperator(t, options)
	waitTotals(t, namespace, options.clock, truth(agents))
	waitFor(t, namespace, "emails", "has not counted the OOM kill twice", hasRestarts(v1alpha1.RestartCount{Reason: "OOMKilled", Count: 1}))
}

func hasRestarts(want ...v1alpha1.RestartCount) func(*v1alpha1.QueueWorker) error {
	return func(worker *v1alpha1.QueueWorker) error {
		if diff := cmp.Diff(want, worker.Status.Restarts); diff != "" {
			return fmt.Errorf("restarts differ (-want +got):\n%s", diff)
		}
		return nil
	}
}

func TestPodsThatGoUnseenAreUnaccounted(t *testing.T) {
	namespace, options, first := countedPool(t, 3)
	agents := agentsOf(t, namespace, "emails", 3)
	for _, agent := range agents {
		agent.Work(0, 10, fakes.Processed)
	}
	seen := truth(agents)
	waitTotals(t, namespace, options.clock, seen)
	first.stop()
	for _, agent := range agents[:2] {
		agent.Work(0, 5, fakes.Processed)
		deletePod(t, namespace, agent.Pod)
		within(t, time.Minute, "the pod goes", gone(namespace, agent.Pod))
	}
	successors := agentsOf(t, namespace, "emails", 3)
	startOperator(t, options)
	seen.UnaccountedWorkers = 2
	waitTotals(t, namespace, options.clock, seen)
	requireContains(t, requireEvent(t, namespace, "emails", v1alpha1.EventUnaccounted), "2 pod(s) ended")

	// The operator runs, but a force deletion leaves no last report, so the last pulled
	// counts remain.
	victim := successors[0]
	for _, agent := range successors {
		if agent.Pod != agents[2].Pod {
			victim = agent
		}
	}
	victim.Work(0, 1, fakes.Processed)
	seen.Processed++
	waitTotals(t, namespace, options.clock, seen)
	deletePod(t, namespace, victim.Pod, client.GracePeriodSeconds(0))
	seen.UnaccountedWorkers++
	waitTotals(t, namespace, options.clock, seen)
}

func deletePod(t *testing.T, namespace, name string, options ...client.DeleteOption) {
	t.Helper()
	pod := podsOf(t, namespace, "emails")
	for i := range pod {
		if pod[i].Name == name {
			if err := api.Delete(t.Context(), &pod[i], options...); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("pod %s is not there", name)
}

// gone checks that a pod is gone.
func gone(namespace, name string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := kube.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			return fmt.Errorf("pod %s is still there", name)
		}
		return client.IgnoreNotFound(err)
	}
}

// TestAStrangersPodCountsForNothing: a pod with the pool's label that does not belong to
// the pool is not counted.
func TestAStrangersPodCountsForNothing(t *testing.T) {
	namespace, options, _ := countedPool(t, 1)
	agents := agentsOf(t, namespace, "emails", 1)
	stranger := podsOf(t, namespace, "emails")[0].DeepCopy()
	stranger.ObjectMeta = metav1.ObjectMeta{Namespace: namespace, Name: "emails-worker-stranger", Labels: map[string]string{v1alpha1.LabelName: "emails"}}
	stranger.Spec.NodeName = ""
	create(t, stranger)
	both := agentsOf(t, namespace, "emails", 2)
	for _, agent := range both {
		agent.Work(0, 50, fakes.Processed)
	}
	waitTotals(t, namespace, options.clock, truth(agents))
	deletePod(t, namespace, stranger.Name)
	within(t, time.Minute, "the stranger goes", gone(namespace, stranger.Name))
	agents[0].Work(0, 1, fakes.Processed)
	waitTotals(t, namespace, options.clock, truth(agents))
	if worker := getWorker(t, namespace, "emails"); worker.Status.Processes != 1 || len(worker.Status.Workers) != 1 {
		t.Errorf("the stranger is among %d processes and %d rows", worker.Status.Processes, len(worker.Status.Workers))
	}
}

// TestTotalsStayExactWhilePodsComeAndGo deletes pods at random and changes the image
// while all pods work, so that pods end at every moment of their lives.
func TestTotalsStayExactWhilePodsComeAndGo(t *testing.T) {
	namespace, options, _ := countedPool(t, 4)
	g := newGenerator(t)
	for i := range 60 {
		agents := kubelet.Agents(namespace, "emails-worker-")
		for _, agent := range agents {
			agent.Work(0, 1+g.IntN(20), pick(g, fakes.Processed, fakes.Failed, fakes.Released))
		}
		if victim := pick(g, agents...); g.chance(4) && victim.Status().Phase == protocol.PhaseRunning {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: victim.Pod}}
			if err := client.IgnoreNotFound(api.Delete(t.Context(), pod)); err != nil {
				t.Fatal(err)
			}
		}
		if i%25 == 10 {
			change(t, &v1alpha1.QueueApp{}, namespace, "shop", func(app *v1alpha1.QueueApp) {
				app.Spec.Template.Spec.Containers[0].Image = fmt.Sprintf("registry.example.com/shop:%d", i)
			})
		}
		eventually(t, "there are pods", func(context.Context) error {
			if n := len(kubelet.Agents(namespace, "emails-worker-")); n < 2 {
				return fmt.Errorf("%d", n)
			}
			return nil
		})
	}
	waitReady(t, namespace, "emails")
	all := kubelet.History(namespace)
	t.Logf("%d pods worked: %+v", len(all), truth(all))
	waitTotals(t, namespace, options.clock, truth(all))
}
