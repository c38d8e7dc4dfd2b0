// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

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
		if address, secure := AddressOf(pod); address != tc.address || secure != tc.secure {
			t.Errorf("%s is asked at %s, by TLS: %t", name, address, secure)
		}
	}
}
