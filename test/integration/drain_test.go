// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/controlplane"
	"queueworker.dev/queueworker/test/fakes"
)

// replicasIn returns the number of pods in a write of a Deployment.
func replicasIn(t *testing.T, object []byte) int32 {
	t.Helper()
	var deployment struct {
		Spec struct {
			Replicas *int32 `json:"replicas"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(object, &deployment); err != nil || deployment.Spec.Replicas == nil {
		t.Fatalf("no replicas in %s (%v)", object, err)
	}
	return *deployment.Spec.Replicas
}

// hasReplicas waits until a pool's Deployment asks for n pods and has them.
func hasReplicas(t *testing.T, namespace string, n int) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("status of emails: %s", describe(getWorker(t, namespace, "emails")))
		}
	}()
	eventually(t, fmt.Sprintf("%d pods", n), func(context.Context) error {
		return errors.Join(same(int32(n), *deploymentOf(t, namespace, "emails").Spec.Replicas), same(n, len(podsOf(t, namespace, "emails"))))
	})
}

// cordoned waits until exactly n of some agents take no more jobs. It returns these
// agents and the other ones.
func cordoned(t *testing.T, agents []*fakes.Agent, n int) (out, in []*fakes.Agent) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d agents are cordoned", n), func(context.Context) error {
		out, in = nil, nil
		for _, agent := range agents {
			if agent.Status().Phase == protocol.PhaseCordoned {
				out = append(out, agent)
			} else {
				in = append(in, agent)
			}
		}
		return same(n, len(out))
	})
	return out, in
}

// busyPool creates a pool of some pods, each working on a job, and returns their agents.
func busyPool(t *testing.T, namespace string, pods int32) []*fakes.Agent {
	t.Helper()
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(pods).Obj())
	waitReady(t, namespace, "emails")
	agents := agentsOf(t, namespace, "emails", int(pods))
	for _, agent := range agents {
		if !agent.Start(0, `App\Jobs\SendMail`) {
			t.Fatalf("the agent of %s has no idle process", agent.Pod)
		}
	}
	return agents
}

func scaleTo(t *testing.T, namespace string, processes int32) {
	t.Helper()
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Processes = &processes })
}

func TestABusyPodIsRemovedOnlyWhenItsJobIsDone(t *testing.T) {
	namespace := newNamespace(t)
	o := startOperator(t, operatorOptions{namespaces: []string{namespace}})
	agents := busyPool(t, namespace, 3)
	from := mark(t)
	scaleTo(t, namespace, 1)
	victims, stays := cordoned(t, agents, 2)
	worker := waitFor(t, namespace, "emails", "drains", hasCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonProgressing))
	requireContains(t, message(worker, v1alpha1.ConditionReady), "Waiting for the jobs of 2 pods to end")
	reconcileAll(t, namespace)
	hasReplicas(t, namespace, 3)

	victims[1].Finish(0, fakes.Processed)
	hasReplicas(t, namespace, 2)
	victims[0].Finish(0, fakes.Processed)
	hasReplicas(t, namespace, 1)
	waitReady(t, namespace, "emails")
	if got := podsOf(t, namespace, "emails")[0].Name; got != stays[0].Pod {
		t.Errorf("the pod %s stayed, want %s", got, stays[0].Pod)
	}
	if got := stays[0].Status(); got.Workers[0].State != protocol.WorkerBusy || got.Counters.Exits[protocol.ExitDrained] != 0 {
		t.Errorf("the agent that stays is %+v", got)
	}
	requireCordonedFirst(t, writesBetween(t, o, from, mark(t)), victims)
	stays[0].Finish(0, fakes.Processed)
}

// requireCordonedFirst fails the test if the Deployment was made smaller before every
// victim was cordoned.
func requireCordonedFirst(t *testing.T, writes []controlplane.Request, victims []*fakes.Agent) {
	t.Helper()
	told := map[string]bool{}
	var sizes []int32
	for _, write := range writes {
		switch write.Resource() {
		case "pods":
			told[write.ObjectRef.Name] = true
		case "deployments":
			sizes = append(sizes, replicasIn(t, write.RequestObject))
			if len(told) < len(victims) {
				t.Errorf("the Deployment went to %v when only %v were told", sizes, told)
			}
		}
	}
	if !slices.Equal(sizes, []int32{2, 1}) || len(told) != len(victims) {
		t.Errorf("the Deployment went to %v, want 2 and 1; written to were %v", sizes, told)
	}
}

func TestDemandThatReturnsCallsDrainingPodsBack(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	agents := busyPool(t, namespace, 3)
	before := uids(t, namespace)
	scaleTo(t, namespace, 1)
	victims, _ := cordoned(t, agents, 2)
	scaleTo(t, namespace, 3)
	cordoned(t, agents, 0)
	waitFor(t, namespace, "emails", "has its pods back", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAsWanted))
	for _, victim := range victims {
		victim.Finish(0, fakes.Processed)
	}
	eventually(t, "those called back take jobs", func(context.Context) error {
		for _, victim := range victims {
			if state := victim.Status().Workers[0].State; state != protocol.WorkerIdle {
				return fmt.Errorf("the process of %s is %s", victim.Pod, state)
			}
		}
		return nil
	})
	requireSamePods(t, before, uids(t, namespace))
	requireUnmarked(t, namespace)
}

// requireUnmarked fails the test if a pod has an annotation of a drain.
func requireUnmarked(t *testing.T, namespace string) {
	t.Helper()
	for _, pod := range podsOf(t, namespace, "emails") {
		for _, key := range []string{v1alpha1.AnnotationCordonedAt, corev1.PodDeletionCost} {
			if value, marked := pod.Annotations[key]; marked {
				t.Errorf("pod %s has the annotation %s: %q", pod.Name, key, value)
			}
		}
	}
}

func TestAnotherOperatorFinishesADrain(t *testing.T) {
	namespace := newNamespace(t)
	options := operatorOptions{namespaces: []string{namespace}}
	first := startOperator(t, options)
	agents := busyPool(t, namespace, 4)
	scaleTo(t, namespace, 1)
	victims, stays := cordoned(t, agents, 3)
	first.stop()
	victims[0].Finish(0, fakes.Processed)
	second := startOperator(t, options)
	hasReplicas(t, namespace, 3)
	second.stop()
	victims[1].Finish(0, fakes.Processed)
	victims[2].Finish(0, fakes.Processed)
	startOperator(t, options)
	hasReplicas(t, namespace, 1)
	waitReady(t, namespace, "emails")
	if got := podsOf(t, namespace, "emails")[0].Name; got != stays[0].Pod {
		t.Errorf("the pod %s stayed, want %s, the one never told to go", got, stays[0].Pod)
	}
}

// drainEnd is the result of a drain.
type drainEnd struct {
	Replicas, Pods, Ready int
	PodsCreated, Cut      int
	Phases                []protocol.Phase
	Marked                int
}

// drainScenario shrinks a busy pool, calls one pod back, and shrinks the pool further.
// Another operator makes the pool, so the one that may crash is only in charge of the
// drain.
func drainScenario(t *testing.T, point crash) (*life, drainEnd) {
	t.Helper()
	namespace := newNamespace(t)
	maker := startOperator(t, operatorOptions{namespaces: []string{namespace}})
	agents := busyPool(t, namespace, 4)
	maker.stop()
	from := mark(t)
	l := liveThrough(t, namespace, point)
	scaleTo(t, namespace, 2)
	cordoned(t, agents, 2)
	scaleTo(t, namespace, 3)
	victims, stay := cordoned(t, agents, 1)
	victims[0].Finish(0, fakes.Processed)
	hasReplicas(t, namespace, 3)
	scaleTo(t, namespace, 1)
	victims, stay = cordoned(t, stay, 2)
	for _, victim := range victims {
		victim.Finish(0, fakes.Released)
	}
	hasReplicas(t, namespace, 1)
	waitReady(t, namespace, "emails")

	end := drainEnd{Pods: len(podsOf(t, namespace, "emails")), Ready: int(getWorker(t, namespace, "emails").Status.Ready)}
	end.Replicas = int(*deploymentOf(t, namespace, "emails").Spec.Replicas)
	for _, agent := range kubelet.History(namespace) {
		if counters := agent.Status().Counters; agent.Pod != stay[0].Pod && counters.Processed+counters.Released == 0 {
			end.Cut++
		}
	}
	for _, agent := range agentsOf(t, namespace, "emails", 1) {
		end.Phases = append(end.Phases, agent.Status().Phase)
	}
	for _, pod := range podsOf(t, namespace, "emails") {
		if pod.Annotations[v1alpha1.AnnotationCordonedAt] != "" || pod.Annotations[corev1.PodDeletionCost] != "" {
			end.Marked++
		}
	}
	created, err := cluster.Audit.Between(from, mark(t), func(r controlplane.Request) bool {
		return r.Verb == "create" && r.Resource() == "pods" && r.ObjectRef.Namespace == namespace
	})
	if err != nil {
		t.Fatal(err)
	}
	end.PodsCreated = len(created)
	return l, end
}

// TestACrashInADrainChangesNothing: a crash of the operator at any of its writes of a
// drain does not change the result. No job is cut short, no pod is created, and no pod
// stays marked.
func TestACrashInADrainChangesNothing(t *testing.T) {
	l, reference := drainScenario(t, crash{})
	want := drainEnd{Replicas: 1, Pods: 1, Ready: 1, Phases: []protocol.Phase{protocol.PhaseRunning}}
	if fmt.Sprint(reference) != fmt.Sprint(want) {
		t.Fatalf("a drain without a crash ends as %+v, want %+v", reference, want)
	}
	writes := l.fuse.count()
	t.Logf("the scenario takes %d writes", writes)
	if writes < 8 {
		t.Fatalf("%d writes are too few for two drains", writes)
	}
	stride := 4
	if long() {
		stride = 1
	}
	for i := 1; i <= writes; i += stride {
		for _, point := range []crash{{i, false}, {i + stride/2, true}} {
			t.Run(point.String(), func(t *testing.T) {
				t.Parallel()
				_, end := drainScenario(t, point)
				if fmt.Sprint(end) != fmt.Sprint(want) {
					t.Errorf("it ends as %+v, want %+v", end, want)
				}
			})
		}
	}
}

// watchDesired adds up the desired processes of a namespace's pools at every change.
func watchDesired(t *testing.T, namespace string) (highest func() int32) {
	t.Helper()
	watcher, err := client.NewWithWatch(cluster.Config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	events, err := watcher.Watch(t.Context(), &v1alpha1.QueueWorkerList{}, client.InNamespace(namespace))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan int32, 1)
	go func() {
		desired, most := map[string]int32{}, int32(0)
		for event := range events.ResultChan() {
			worker, ok := event.Object.(*v1alpha1.QueueWorker)
			if !ok {
				continue
			}
			desired[worker.Name] = worker.Status.Desired
			if event.Type == "DELETED" {
				delete(desired, worker.Name)
			}
			sum := int32(0)
			for _, n := range desired {
				sum += n
			}
			most = max(most, sum)
		}
		done <- most
	}()
	return func() int32 {
		events.Stop()
		return <-done
	}
}

func TestPoolsNeverHaveMoreThanTheirCap(t *testing.T) {
	const limit = 9
	namespace := newNamespace(t)
	highest := watchDesired(t, namespace)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).MaxProcesses(limit).Obj(),
		builders.QueueWorker(namespace, "emails").Processes(limit).Obj())
	waitFor(t, namespace, "emails", "has all", all(isReady, hasDesired(limit)))

	// A pool of higher priority: the first pool must give up what this one gets.
	create(t, builders.QueueWorker(namespace, "orders").Processes(4).PerPod(2).Spec(func(s *v1alpha1.QueueWorkerSpec) { s.Priority = 5 }).Obj())
	waitFor(t, namespace, "orders", "has what it asks for", hasDesired(4))
	emails := waitFor(t, namespace, "emails", "is limited", all(hasDesired(5), isReady,
		hasCondition(v1alpha1.ConditionScalingLimited, metav1.ConditionTrue, v1alpha1.ReasonSharedCap)))
	requireContains(t, message(emails, v1alpha1.ConditionScalingLimited), "leaves 5 of the 9 that this pool wants")

	kubelet.Backend(namespace, "shop").Set(protocol.QueueDepth{Queue: "reports", Ready: 10_000})
	create(t, builders.QueueWorker(namespace, "reports").Queue("reports").Autoscaling(1, 20, withoutWindow).Obj())
	limited := waitFor(t, namespace, "reports", "has its part", func(w *v1alpha1.QueueWorker) error {
		if w.Status.Desired < 3 {
			return fmt.Errorf("it has %d processes", w.Status.Desired)
		}
		return hasCondition(v1alpha1.ConditionScalingLimited, metav1.ConditionTrue, v1alpha1.ReasonSharedCap)(w)
	})
	if got := limited.Status.Autoscaling; got.LimitedBy != "Cap" || got.Desired != limited.Status.Desired {
		t.Errorf("status.autoscaling is %+v", got)
	}
	scaleTo(t, namespace, 1)
	waitFor(t, namespace, "emails", "has what it asks for", all(hasDesired(1),
		hasCondition(v1alpha1.ConditionScalingLimited, metav1.ConditionFalse, v1alpha1.ReasonNotLimited)))
	waitFor(t, namespace, "reports", "has the rest", hasDesired(limit-4-1))
	if err := api.Delete(t.Context(), getWorker(t, namespace, "orders")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, namespace, "reports", "has what the other one leaves", hasDesired(limit-1))
	if got := highest(); got > limit {
		t.Errorf("at some time %d processes were wanted under a cap of %d", got, limit)
	}
}

// TestAPoolWithoutAutoscalingHasTheSizeOfItsSpec: a pool whose autoscaling is removed has
// the size of its spec.
func TestAPoolWithoutAutoscalingHasTheSizeOfItsSpec(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	kubelet.Backend(namespace, "shop").Set(protocol.QueueDepth{Queue: "default", Ready: 900})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj(),
		builders.QueueWorker(namespace, "emails").Processes(2).Autoscaling(0, 4, withoutWindow).Obj())
	waitFor(t, namespace, "emails", "has grown", all(isReady, hasDesired(4)))
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Autoscaling = nil })
	waitFor(t, namespace, "emails", "follows its spec", all(isReady, hasDesired(2),
		lacksCondition(v1alpha1.ConditionScalingActive), lacksCondition(v1alpha1.ConditionScalingLimited),
		func(w *v1alpha1.QueueWorker) error {
			if w.Status.Autoscaling != nil {
				return fmt.Errorf("status.autoscaling is %+v", w.Status.Autoscaling)
			}
			return nil
		}))
	hasReplicas(t, namespace, 2)
}

// TestAnAutoscaledPoolDrainsBeforeItShrinks: autoscaling finds work and loses it again;
// every pod is drained before it is removed.
func TestAnAutoscaledPoolDrainsBeforeItShrinks(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	backend := kubelet.Backend(namespace, "shop")
	backend.Set(protocol.QueueDepth{Queue: "default", Ready: 900})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj(),
		builders.QueueWorker(namespace, "emails").Autoscaling(0, 3, withoutWindow).Obj())
	waitFor(t, namespace, "emails", "has grown", all(isReady, hasDesired(3)))
	agents := agentsOf(t, namespace, "emails", 3)
	for _, agent := range agents[:2] {
		if !agent.Start(0, `App\Jobs\SendMail`) {
			t.Fatal("the agent has no idle process")
		}
	}
	// The operator must know the busy agents before it chooses victims, because they stay
	// chosen.
	for _, agent := range agents[:2] {
		told := agent.Asked()
		eventually(t, "the operator knows who is busy", func(context.Context) error {
			if now := agent.Asked(); now < told+2 {
				return fmt.Errorf("asked %d times since", now-told)
			}
			return nil
		})
	}
	backend.Set(protocol.QueueDepth{Queue: "default", Reserved: 2})
	hasReplicas(t, namespace, 2)
	asked := backend.Asked()
	eventually(t, "more looks at a pool whose pods are busy", func(context.Context) error {
		if now := backend.Asked(); now < asked+5 {
			return fmt.Errorf("asked %d times since", now-asked)
		}
		return nil
	})
	for i, agent := range agentsOf(t, namespace, "emails", 2) {
		if agent.Pod != agents[i].Pod || agent.Status().Phase == protocol.PhaseTerminating {
			t.Errorf("the pod %s is there as %s, want the busy pod %s to stay", agent.Pod, agent.Status().Phase, agents[i].Pod)
		}
	}
	backend.Set(protocol.QueueDepth{Queue: "default"})
	for _, agent := range agents[:2] {
		agent.Finish(0, fakes.Processed)
	}
	within(t, 30*time.Second, "the pool goes to zero", func(context.Context) error {
		return same(0, len(podsOf(t, namespace, "emails")))
	})
	waitFor(t, namespace, "emails", "is at zero",
		hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScaledToZero))
}
