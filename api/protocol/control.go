// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

// MaxControlBytes bounds a control document; a larger one is refused.
const MaxControlBytes = 16 << 10

// ControlFile and ControlPodFile are the names of the two control documents in
// the directory ControlDir of a worker pod: the pool's, from the ConfigMap, and
// the pod's own, from its annotation. The second is empty until it is needed.
const (
	ControlDir     = "/queueworker/control"
	ControlFile    = "pool.json"
	ControlPodFile = "pod.json"
)

// Control is what the processes of one pod shall do. The agent obeys the
// document with the highest revision it has seen; of two with the same
// revision the pod's own.
//
// Tokens are opaque. What the first document an agent reads says, a token or none,
// is its baseline; after that a token that differs from the last one seen acts
// once. An empty token says nothing: it neither acts nor replaces the last value.
//
// Unknown fields are ignored, so that an older agent understands the documents
// of a newer operator.
type Control struct {
	// Revision orders documents; it is at least 1 and grows with every change.
	Revision int64 `json:"revision"`

	// Paused lets every process finish its job; none is started until it is false.
	Paused bool `json:"paused,omitempty"`

	// Cordoned lets every process of this pod finish its job, as Paused does, because
	// the pod is about to be removed; none is started until it is false. It wins over
	// Paused, and only a pod's own document ever says it. The pod stays as
	// ready as it was: a ReplicaSet removes pods that are not ready first, busy or not.
	Cordoned bool `json:"cordoned,omitempty"`

	// RestartToken restarts the processes of every pod of the pool, gracefully.
	RestartToken string `json:"restartToken,omitempty"`

	// RestartSpreadSeconds is the time over which the pods of the pool spread a
	// restart: each waits its own share of it, derived from its name, before it acts.
	RestartSpreadSeconds int32 `json:"restartSpreadSeconds,omitempty"`

	// PodRestartToken restarts the processes of this pod alone, at once.
	PodRestartToken string `json:"podRestartToken,omitempty"`
}
