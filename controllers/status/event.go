// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// Event is something that happened to a pool.
type Event struct {
	// Type is corev1.EventTypeNormal or corev1.EventTypeWarning.
	Type string
	// Reason is a reason of the API.
	Reason string
	// Action is the action, in one word.
	Action string
	// Note is a sentence.
	Note string
	// Related is the pod concerned, so that events about several pods are not taken for
	// repetitions of one event; nil if the event concerns the pool.
	Related *corev1.ObjectReference
}

func normal(reason, action, note string, args ...any) Event {
	return Event{Type: corev1.EventTypeNormal, Reason: reason, Action: action, Note: fmt.Sprintf(note, args...)}
}
