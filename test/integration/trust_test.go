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
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakes"
	"queueworker.dev/queueworker/trust"
)

// requireNamed waits until the status names the job that a pool works on. It makes the
// operator write the status by changing a field that concerns no pod, because rows alone
// are written only once a minute.
func requireNamed(t *testing.T, namespace, name, class string) {
	t.Helper()
	within(t, 2*time.Minute, "the status names "+class, func(ctx context.Context) error {
		changeWorker(t, namespace, name, func(worker *v1alpha1.QueueWorker) { worker.Spec.Priority++ })
		worker := &v1alpha1.QueueWorker{}
		for range 20 {
			if err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, worker); err != nil {
				return err
			}
			if rows := worker.Status.Workers; len(rows) == 1 && rows[0].CurrentJob != nil && rows[0].CurrentJob.Class == class {
				return nil
			}
			time.Sleep(50 * time.Millisecond)
		}
		return fmt.Errorf("the rows are %+v", worker.Status.Workers)
	})
}

// pokePods makes the kubelet sync a pool's pods, as it does by itself once a minute.
func pokePods(t *testing.T, namespace, worker string) {
	t.Helper()
	for _, pod := range podsOf(t, namespace, worker) {
		patch := fmt.Sprintf(`{"metadata":{"annotations":{"poked":%q}}}`, time.Now())
		if err := api.Patch(t.Context(), &pod, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestANewKeyIsLearnedWithoutAWriteToAnyWorkerPod: an operator with another key learns
// counts at once, and jobs when the pool's ConfigMap has reached the pod. It knows the
// backlog within seconds.
func TestANewKeyIsLearnedWithoutAWriteToAnyWorkerPod(t *testing.T) {
	namespace := newNamespace(t)
	first := startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj(), builders.QueueWorker(namespace, "emails").Obj())
	kubelet.Backend(namespace, "shop").Set(protocol.QueueDepth{Queue: "default", Ready: 2})
	waitFor(t, namespace, "emails", "is ready and knows its backlog", all(isReady, backlogIsKnown))
	agent := agentsOf(t, namespace, "emails", 1)[0]
	agent.Start(0, `App\Jobs\First`)
	requireNamed(t, namespace, "emails", `App\Jobs\First`)
	first.stop()

	identity, err := trust.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	asked := kubelet.Backend(namespace, "shop").Asked()
	from := mark(t)
	second := startOperator(t, operatorOptions{namespaces: []string{namespace}, identity: identity})
	began := time.Now()
	eventually(t, "the backlog is asked for with the new key", func(context.Context) error {
		if kubelet.Backend(namespace, "shop").Asked() == asked {
			return fmt.Errorf("not in %s", time.Since(began))
		}
		return nil
	})
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the backlog was unknown for %s", took)
	}
	agent.Finish(0, fakes.Processed)
	waitFor(t, namespace, "emails", "counts the job all the same", func(worker *v1alpha1.QueueWorker) error {
		if worker.Status.Totals.Processed != 1 {
			return fmt.Errorf("the totals are %+v", worker.Status.Totals)
		}
		return nil
	})
	agent.Start(0, `App\Jobs\Second`)
	eventually(t, "the pool's ConfigMap has the new pin", func(ctx context.Context) error {
		configMap := &corev1.ConfigMap{}
		if err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "emails-control"}, configMap); err != nil {
			return err
		}
		if got := configMap.Data[protocol.OperatorFile]; got != identity.Pin() {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})
	pokePods(t, namespace, "emails")
	requireNamed(t, namespace, "emails", `App\Jobs\Second`)
	second.stop()
	writes := map[string]int{}
	for _, write := range writesBetween(t, second, from, mark(t)) {
		if ref := write.ObjectRef; ref.Resource == "pods" || ref.Resource == "configmaps" {
			writes[ref.Resource+" of "+strings.SplitN(ref.Name, "-", 3)[1]]++
		}
	}
	if writes["configmaps of control"] != 1 || writes["pods of backlog"] != 1 || len(writes) != 2 {
		t.Errorf("the new key was written so often: %v; want once to the ConfigMap and once to the probe's pod", writes)
	}
}
