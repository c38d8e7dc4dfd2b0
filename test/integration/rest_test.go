// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakes"
)

// worldSize is how many QueueWorkers the tests of a world at rest create.
const worldSize = 200

// long reports whether the full, long form of the tests is wanted.
func long() bool { return os.Getenv("QUEUEWORKER_LONG") == "1" }

// TestAWorldAtRestIsNotWrittenTo: a world at rest costs nothing. A reconcile of unchanged
// objects writes nothing: not by the operator that made them, not over time, and not by
// its successor after a restart or an upgrade.
func TestAWorldAtRestIsNotWrittenTo(t *testing.T) {
	namespace := newNamespace(t)
	g := newGenerator(t)
	var apps []string
	var measured []*fakes.Backend
	for i := range 12 {
		apps = append(apps, fmt.Sprintf("app-%d", i))
		app := g.app(namespace, apps[i])
		create(t, app)
		if c := app.Spec.Connection; c != nil && c.Driver != "" && c.Driver != v1alpha1.DriverNone {
			measured = append(measured, kubelet.Backend(namespace, apps[i]))
			measured[len(measured)-1].Set(protocol.QueueDepth{Queue: "default", Delayed: int64(i), NextDueSeconds: new(7200.0), Failed: new(int64(3))})
		}
	}
	if len(measured) < 4 {
		t.Fatalf("only %d of the QueueApps have a backlog that is measured", len(measured))
	}
	for i := range worldSize {
		create(t, g.worker(namespace, fmt.Sprintf("w%d", i), apps))
	}
	clock := &offsetClock{}
	options := operatorOptions{namespaces: []string{namespace}, clock: clock, interval: 5 * time.Second}
	first := startOperator(t, options)
	settle(t, namespace, clock, first, measured)

	t.Run("a second reconcile", func(t *testing.T) {
		from := mark(t)
		reconcileAll(t, namespace)
		requireNoWrites(t, writesBetween(t, first, from, mark(t)))
	})
	t.Run("time that passes", func(t *testing.T) {
		wait := 30 * time.Second
		if long() {
			wait = 2 * time.Minute
		}
		from := mark(t)
		before := uids(t, namespace)
		<-time.After(wait)
		requireNoWrites(t, writesBetween(t, first, from, mark(t)))
		requireSamePods(t, before, uids(t, namespace))
	})
	t.Run("a restart of the operator", func(t *testing.T) {
		before := uids(t, namespace)
		first.stop()
		from := mark(t)
		second := startOperator(t, options)
		waitReconciled(t, second, worldSize)
		reconcileAll(t, namespace)
		requireNoWrites(t, writesBetween(t, second, from, mark(t)))
		requireSamePods(t, before, uids(t, namespace))
		second.stop()
	})
	t.Run("an operator with another agent", func(t *testing.T) {
		before := uids(t, namespace)
		upgraded := options
		upgraded.agentImage = "registry.example.com/queueworker/agent:2"
		from := mark(t)
		third := startOperator(t, upgraded)
		waitReconciled(t, third, worldSize)
		reconcileAll(t, namespace)
		requireNoWrites(t, writesBetween(t, third, from, mark(t)))
		requireSamePods(t, before, uids(t, namespace))
	})
}

// settle waits until every pool is as wanted, and until the figures that are written only
// with later changes are written.
func settle(t *testing.T, namespace string, clock *offsetClock, o *operator, backends []*fakes.Backend) {
	t.Helper()
	within(t, 3*time.Minute, "every pool is as wanted", func(ctx context.Context) error {
		workers := &v1alpha1.QueueWorkerList{}
		if err := api.List(ctx, workers, client.InNamespace(namespace)); err != nil {
			return err
		}
		for i := range workers.Items {
			worker := &workers.Items[i]
			ready := meta.FindStatusCondition(worker.Status.Conditions, v1alpha1.ConditionReady)
			if worker.Status.ObservedGeneration != worker.Generation || ready == nil || ready.Status != "True" {
				return fmt.Errorf("%s is not: %s", worker.Name, describe(worker))
			}
		}
		return nil
	})
	for range 5 {
		clock.forward(2 * v1alphaReportInterval)
		// Earlier measurements are too old now.
		waitAsked(t, backends)
		reconcileAll(t, namespace)
		from := mark(t)
		reconcileAll(t, namespace)
		if writes := writesBetween(t, o, from, mark(t)); len(writes) == 0 {
			return
		}
	}
	t.Fatal("the operator still writes after five passes over an unchanged world")
}

// waitAsked waits until each backend has been asked again.
func waitAsked(t *testing.T, backends []*fakes.Backend) {
	t.Helper()
	before := map[*fakes.Backend]int{}
	for _, backend := range backends {
		before[backend] = backend.Asked()
	}
	eventually(t, "the backlogs are measured", func(context.Context) error {
		for backend, asked := range before {
			// The first of two requests may have been under way already.
			if now := backend.Asked(); now < asked+2 {
				return fmt.Errorf("asked %d times since", now-asked)
			}
		}
		return nil
	})
}

// v1alphaReportInterval is the time within which changing figures are written.
const v1alphaReportInterval = time.Minute

// reconcileAll makes the operator reconcile every QueueWorker of a namespace once more,
// through an annotation without meaning, and waits until that is done.
func reconcileAll(t *testing.T, namespace string) {
	t.Helper()
	workers := &v1alpha1.QueueWorkerList{}
	if err := api.List(t.Context(), workers, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	before := reconciles(t)
	stamp := strconv.FormatInt(time.Now().UnixNano(), 36)
	for i := range workers.Items {
		patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{"example.com/poke":%q}}}`, stamp))
		if err := api.Patch(t.Context(), &workers.Items[i], patch); err != nil {
			t.Fatal(err)
		}
	}
	waitReconciledSince(t, before, len(workers.Items))
}

// waitReconciled waits until the operator, which has just been started, has reconciled n
// QueueWorkers and has nothing left to do.
func waitReconciled(t *testing.T, o *operator, n int) {
	t.Helper()
	waitReconciledSince(t, o.before, n)
}

// waitReconciledSince waits until n reconciles have been done and no more follow, except
// those of pools that are requeued every few seconds.
func waitReconciledSince(t *testing.T, before float64, n int) {
	t.Helper()
	last, since, done := 0.0, time.Now(), time.Time{}
	within(t, 2*time.Minute, "the reconciles", func(context.Context) error {
		now := reconciles(t)
		if now != last {
			last, since = now, time.Now()
		}
		if now-before >= float64(n) && done.IsZero() {
			done = time.Now()
		}
		if done.IsZero() || time.Since(since) < 1500*time.Millisecond && time.Since(done) < 5*time.Second {
			return fmt.Errorf("%g of %d are done, the last one %s ago", now-before, n, time.Since(since))
		}
		return nil
	})
}

// reconciles returns how often this process has reconciled QueueWorkers.
func reconciles(t *testing.T) float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() == "controller_runtime_reconcile_total" {
			for _, metric := range family.GetMetric() {
				sum += metric.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// uids returns the pods of a namespace by UID.
func uids(t *testing.T, namespace string) map[types.UID]string {
	t.Helper()
	pods := &corev1.PodList{}
	if err := api.List(t.Context(), pods, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	found := map[types.UID]string{}
	for i := range pods.Items {
		found[pods.Items[i].UID] = pods.Items[i].Name
	}
	return found
}

func requireSamePods(t *testing.T, before, after map[types.UID]string) {
	t.Helper()
	for uid, name := range before {
		if _, still := after[uid]; !still {
			t.Errorf("pod %s is gone", name)
		}
	}
	if len(before) != len(after) {
		t.Errorf("%d pods became %d", len(before), len(after))
	}
}

func TestAgentUpgradeNowRollsThePods(t *testing.T) {
	namespace := newNamespace(t)
	create(t, builders.QueueApp(namespace, "shop").AgentUpgrade(v1alpha1.AgentUpgradeNow).Obj(),
		builders.QueueWorker(namespace, "emails").Processes(3).Obj())
	options := operatorOptions{namespaces: []string{namespace}}
	first := startOperator(t, options)
	waitReady(t, namespace, "emails")
	before := uids(t, namespace)
	first.stop()

	options.agentImage = "registry.example.com/queueworker/agent:2"
	startOperator(t, options)
	eventually(t, "all pods have the new agent", func(context.Context) error {
		for uid, name := range uids(t, namespace) {
			if _, old := before[uid]; old {
				return fmt.Errorf("pod %s is still there", name)
			}
		}
		for _, pod := range podsOf(t, namespace, "emails") {
			if image := pod.Spec.InitContainers[0].Image; image != options.agentImage {
				return fmt.Errorf("pod %s has the agent %s", pod.Name, image)
			}
		}
		return nil
	})
	waitReady(t, namespace, "emails")
}
