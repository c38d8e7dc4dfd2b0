// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"net"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/protocol"
)

// AddressOf returns the address where a pod's agent or probe serves the operator, and
// reports whether it uses TLS. The pod's spec says so: an older pod does not name that
// port.
func AddressOf(pod *corev1.Pod) (address string, secure bool) {
	port := protocol.Port
	for i := range pod.Spec.Containers {
		if slices.ContainsFunc(pod.Spec.Containers[i].Ports, func(p corev1.ContainerPort) bool { return p.Name == protocol.OperatorPortName }) {
			port, secure = protocol.OperatorPort, true
		}
	}
	return net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(port)), secure
}
