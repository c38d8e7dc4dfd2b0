// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"net"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

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

// Probe is the place where a QueueApp's backlog probe can be asked.
type Probe struct {
	// UID is the UID of the probe's pod; an answer that names another UID is refused.
	UID types.UID
	// Address is its IP address and port; empty while there is no probe to ask.
	Address string
	// Secure reports whether the probe serves the operator over TLS, as the pod's spec
	// says. An older probe is asked in the clear.
	Secure bool
	// Reason and Message say why there is no probe to ask; empty while the probe is
	// starting.
	Reason  protocol.BacklogError
	Message string
}
