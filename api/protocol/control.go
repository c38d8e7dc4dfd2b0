// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

// MaxControlBytes bounds a control document; a larger one is refused.
const MaxControlBytes = 16 << 10

// MaxRevision bounds the revision of a control document: every JSON number up to it is exact.
const MaxRevision = 1 << 53

// ControlFile and ControlPodFile are the names of the two control documents in
// the directory ControlDir of a worker pod: the pool's, from the ConfigMap, and
// the pod's own, from its annotation. The second is empty until it is needed.
const (
	ControlDir     = "/queueworker/control"
	ControlFile    = "pool.json"
	ControlPodFile = "pod.json"
)

// OperatorFile is the name of the file in ControlDir of a worker pod, and the key of the
// pool's ConfigMap, with the pins of the operator's keys: each the SHA-256 of a public key
// in hexadecimal digits, separated by white space. The pins are not part of the control
// document, because older agents and operators compare that document as a whole.
const OperatorFile = "operator"

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

	// Finish is the name of the batch run that is to end: every process of a pod whose
	// Config.Run it is finishes its job, none is started any more, and the pod ends. It
	// cannot be taken back. It wins over Cordoned and Paused.
	Finish string `json:"finish,omitempty"`

	// RestartToken restarts the processes of every pod of the pool, gracefully.
	RestartToken string `json:"restartToken,omitempty"`

	// RestartSpreadSeconds is the time over which the pods of the pool spread a
	// restart: each waits its own share of it, derived from its name, before it acts.
	RestartSpreadSeconds int32 `json:"restartSpreadSeconds,omitempty"`

	// PodRestartToken restarts the processes of this pod alone, at once.
	PodRestartToken string `json:"podRestartToken,omitempty"`

	// PodPaused tells that this pod alone is paused, so that it stays so when the pool's
	// document is newer than its own. Paused is true with it.
	PodPaused bool `json:"podPaused,omitempty"`

	// KillToken kills the processes of every pod of the pool, at once and in the middle
	// of their jobs, whatever else the document says; PodKillToken those of this pod.
	KillToken    string `json:"killToken,omitempty"`
	PodKillToken string `json:"podKillToken,omitempty"`
}

// WithOwn is the document with what the pod's own one says of this pod alone. A pod may
// read the pool's next document before its own, and stays cordoned or paused meanwhile.
func (c Control) WithOwn(own Control) Control {
	c.Cordoned, c.PodPaused = own.Cordoned, own.PodPaused
	c.Paused = c.Paused || own.PodPaused
	c.PodRestartToken, c.PodKillToken = own.PodRestartToken, own.PodKillToken
	return c
}
