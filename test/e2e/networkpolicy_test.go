// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestANetworkPolicyKeepsEverybodyElseOut lets a real policy engine enforce the
// NetworkPolicy that spec.networkPolicy makes. The test runs alone, because the engine
// filters the connections of all pods.
func TestANetworkPolicyKeepsEverybodyElseOut(t *testing.T) {
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "mail").Queue("default").Obj())
	l.Ready("mail", 2*time.Minute)
	probe := podWith(l, client.MatchingLabels{v1alpha1.LabelComponent: "backlog"})
	worker := l.Pods("mail")[0]

	stranger, prometheus := lab.New(t), lab.New(t)
	lab.Update(prometheus, prometheus.Namespace, &corev1.Namespace{}, func(n *corev1.Namespace) { n.Labels["metrics"] = "enabled" })
	for _, from := range []*lab.Lab{stranger, prometheus, l} {
		from.Create(from.DemoPod("caller", nil, []string{"sleep", "600"}))
		from.PodIP("caller")
	}
	callers := map[string]*lab.Lab{"another namespace": stranger, "the same namespace": l, "a namespace labelled metrics: enabled": prometheus}
	targets := map[string]string{"the worker": worker.Status.PodIP, "the probe": probe.Status.PodIP}
	expect := func(title string, want map[string]bool) {
		t.Helper()
		for who, from := range callers {
			for what, address := range targets {
				l.Eventually(fmt.Sprintf("%s: %s reaches %s: %v", title, who, what, want[who]), time.Minute, func() (bool, string) {
					got := connects(from, address)
					return got == want[who], fmt.Sprintf("connected: %v", got)
				})
			}
		}
	}
	everybody := map[string]bool{"another namespace": true, "the same namespace": true, "a namespace labelled metrics: enabled": true}
	l.EnforceNetworkPolicies()
	expect("without the field", everybody)

	setNetworkPolicy := func(on bool) {
		lab.Update(l, "demo", &v1alpha1.QueueApp{}, func(app *v1alpha1.QueueApp) { app.Spec.NetworkPolicy = on })
	}
	setNetworkPolicy(true)
	expect("with the field", map[string]bool{"a namespace labelled metrics: enabled": true})

	// The operator and the kubelet must get through: new jobs are counted, and the pod
	// stays ready.
	l.Dispatch(lab.Jobs{Kind: "quick", Count: 5, Run: "guarded"})
	l.Eventually("the operator counts the jobs and knows the backlog", 2*time.Minute, func() (bool, string) {
		status := l.Worker("mail").Status
		known := meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionBacklogKnown)
		reporting := meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionAgentsReporting)
		return status.Totals.Processed == 5 && known && reporting && status.Ready == 1, fmt.Sprintf("%+v", status)
	})

	setNetworkPolicy(false)
	expect("after the field", everybody)
}

// connects reports whether the pod named caller reaches the port that serves metrics.
func connects(from *lab.Lab, address string) bool {
	_, err := from.Exec("caller", "php", "-r", fmt.Sprintf(`exit(@stream_socket_client("tcp://%s:9797", $code, $text, 2) ? 0 : 7);`, address))
	return err == nil
}

// podWith waits for a running pod with some labels.
func podWith(l *lab.Lab, labels client.MatchingLabels) *corev1.Pod {
	l.Helper()
	var found *corev1.Pod
	l.Eventually(fmt.Sprintf("a pod with the labels %v runs", labels), time.Minute, func() (bool, string) {
		pods := &corev1.PodList{}
		if err := l.Client.List(l.Ctx, pods, client.InNamespace(l.Namespace), labels); err != nil {
			return false, err.Error()
		}
		for i := range pods.Items {
			if pods.Items[i].Status.Phase == corev1.PodRunning && pods.Items[i].Status.PodIP != "" {
				found = &pods.Items[i]
				return true, ""
			}
		}
		return false, fmt.Sprintf("%d pods, none runs", len(pods.Items))
	})
	return found
}
