// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
)

func TestThePodsSpecSaysHowItIsAsked(t *testing.T) {
	port := func(name string) corev1.ContainerPort { return corev1.ContainerPort{Name: name} }
	for name, tc := range map[string]struct {
		containers []corev1.Container
		address    string
		secure     bool
	}{
		"a pod from before": {[]corev1.Container{{Ports: []corev1.ContainerPort{port(protocol.PortName)}}}, "10.0.0.1:9797", false},
		"a pod of now": {
			[]corev1.Container{{}, {Ports: []corev1.ContainerPort{port("http"), port(protocol.PortName), port(protocol.OperatorPortName)}}},
			"10.0.0.1:9799", true,
		},
	} {
		pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: tc.containers}, Status: corev1.PodStatus{PodIP: "10.0.0.1"}}
		if address, secure := addressOf(pod); address != tc.address || secure != tc.secure {
			t.Errorf("%s is asked at %s, by TLS: %t", name, address, secure)
		}
	}
}

// TestANewKeyIsWrittenInTurns follows a thousand pools after a start with a new key.
func TestANewKeyIsWrittenInTurns(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	p := &pins{own: "new"}
	pool := func(i int) types.NamespacedName {
		return types.NamespacedName{Namespace: "ns", Name: fmt.Sprint("pool-", i)}
	}
	for name, live := range map[string]string{"a pool that knows none": "", "one that knows this key": "new"} {
		if pin, again := p.of(pool(0), live, start); pin != "new" || again != 0 {
			t.Errorf("%s is told %q, again after %s", name, pin, again)
		}
	}
	perSecond := map[time.Duration]int{}
	for i := range 1000 {
		pin, again := p.of(pool(i), "old", start)
		if pin != "old" || again <= 0 || again > pinSpread {
			t.Fatalf("pool %d is told %q, again after %s", i, pin, again)
		}
		perSecond[again/time.Second]++
		if pin, again := p.of(pool(i), "old", start.Add(again)); pin != "new" || again != 0 {
			t.Fatalf("in its turn pool %d is told %q, again after %s", i, pin, again)
		}
	}
	for second, n := range perSecond {
		if n > 80 {
			t.Errorf("%d of 1000 pools are written in second %d", n, second)
		}
	}
}
