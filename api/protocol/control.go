// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

// MaxControlBytes bounds a control document; the agent refuses a larger one.
const MaxControlBytes = 16 << 10

// MaxRevision bounds the revision of a pool's control document. JSON numbers up to it are
// exact. A pod's own document may have any int64 as its revision, so that it can always
// supersede the pool's.
const MaxRevision = 1 << 53

// ControlFile and ControlPodFile are the two control documents in the directory
// ControlDir of a worker pod. The pool's document comes from the ConfigMap. The pod's own
// document comes from the pod's annotation and is empty until it is needed.
const (
	ControlDir     = "/queueworker/control"
	ControlFile    = "pool.json"
	ControlPodFile = "pod.json"
)

// OperatorFile is the file in ControlDir of a worker pod, and the key of the pool's
// ConfigMap, with the pins of the operator's keys. Each pin is the SHA-256 of a public
// key in hexadecimal digits; white space separates them. The pins are not part of the
// control document, because older agents and operators compare that document as a whole.
const OperatorFile = "operator"

// Control says what the processes of one pod must do. Of the pool's document and the
// pod's own, the agent obeys the document with the higher revision. If both have the same
// revision, the pod's own wins. Older agents obey the highest revision that they have
// ever seen.
//
// Tokens are opaque. The token in the first document that an agent reads, even an empty
// one, is its baseline. After that, a token that differs from the last token seen acts
// once. An empty token neither acts nor replaces the last token.
//
// The agent ignores unknown fields, so that an older agent understands the documents of a
// newer operator.
type Control struct {
	// Revision orders documents. It is at least 1 and grows with every change. After the
	// highest, a pool's revisions begin again at 1.
	Revision int64 `json:"revision"`

	// Paused lets every process finish its job and starts none until it is false.
	Paused bool `json:"paused,omitempty"`

	// Cordoned lets every process of this pod finish its job and starts none until it is
	// false, like Paused, because the pod is about to be removed. It wins over Paused,
	// and only a pod's own document sets it. The pod's readiness does not change, because
	// a ReplicaSet removes pods that are not ready first, busy or not.
	Cordoned bool `json:"cordoned,omitempty"`

	// Finish is the name of the batch run to end. In a pod with this Config.Run every
	// process finishes its job, none is started again, and the pod ends. It cannot be
	// taken back. It wins over Cordoned and Paused.
	Finish string `json:"finish,omitempty"`

	// RestartToken gracefully restarts the processes of every pod of the pool.
	RestartToken string `json:"restartToken,omitempty"`

	// RestartSpreadSeconds is the time over which the pods of the pool spread a restart.
	// Each pod waits for its share, derived from its name, before it acts.
	RestartSpreadSeconds int32 `json:"restartSpreadSeconds,omitempty"`

	// PodRestartToken restarts the processes of only this pod, without a spread.
	PodRestartToken string `json:"podRestartToken,omitempty"`

	// PodPaused pauses only this pod. It keeps the pod paused while the pool's document
	// is newer than the pod's own. If it is true, Paused is true as well.
	PodPaused bool `json:"podPaused,omitempty"`

	// KillToken kills the processes of every pod of the pool, at once and in the middle of
	// their jobs, whatever else the document says. PodKillToken does so in only this pod.
	KillToken    string `json:"killToken,omitempty"`
	PodKillToken string `json:"podKillToken,omitempty"`
}

// WithOwn returns c with the fields of the pod's own document that concern only this pod.
// A pod may read the pool's next document before its own, and stays cordoned or paused
// meanwhile.
func (c Control) WithOwn(own Control) Control {
	c.Cordoned, c.PodPaused = own.Cordoned, own.PodPaused
	c.Paused = c.Paused || own.PodPaused
	c.PodRestartToken, c.PodKillToken = own.PodRestartToken, own.PodKillToken
	return c
}
