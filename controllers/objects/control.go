// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"encoding/json"
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// maxRestartSpread bounds the seconds over which the pods of a pool spread a restart.
const maxRestartSpread = 30

// ControlledPod is the part of a pod that concerns its control document.
type ControlledPod struct {
	// Name is the pod's name.
	Name string
	// RestartToken is the pod's own restartedAt annotation.
	RestartToken string
	// KillToken is the pod's own killAt annotation.
	KillToken string
	// Paused reports whether the pod itself is paused.
	Paused bool
	// Cordoned reports whether the pod shall take no more jobs.
	Cordoned bool
	// Document is the pod's present control annotation; empty if there is none. Control
	// is what it says, as ReadControl reads it.
	Document string
	Control  protocol.Control
	// Reported is the revision that the pod's agent obeys; 0 if it has not reported any.
	Reported int64
	// Overdue reports whether the pod's agent answers and has long not taken up the
	// document that was written to it. A kubelet that learns of two changes of a pod
	// within milliseconds may pass on only the first, until it looks again by itself a
	// minute later.
	Overdue bool
}

// ControlInput holds everything that decides the control documents of a pool.
type ControlInput struct {
	Now    time.Time
	Worker *v1alpha1.QueueWorker
	// Processes is how many processes the pool should have.
	Processes int32
	// Finish is the run that shall end; empty if none.
	Finish string
	// Live is the ConfigMap with the pool's document; nil if there is none.
	Live *corev1.ConfigMap
	// Pods are the pool's pods that are not being removed: the kubelet passes nothing
	// on to a pod that is being removed.
	Pods []ControlledPod
}

// Controls are the control documents that a pool should have.
type Controls struct {
	// Pool is the pool's document.
	Pool protocol.Control
	// Changed reports whether the pool's document differs from the live one.
	Changed bool
	// Restart reports whether the change asks for a restart of all processes.
	Restart bool
	// Pods are the documents to write to pods now, by pod name.
	Pods map[string]string
}

// Control decides the control documents. A document's revision grows whenever its content
// changes, past every revision that any agent may have seen. So a lost ConfigMap cannot
// make agents ignore its successor.
//
// A user who may patch ConfigMaps can write any revision. After the highest revision, the
// pool's revisions begin again at 1. A pod whose agent obeys a higher revision than the
// operator wrote gets a document of its own with a revision above that.
//
// The ConfigMap reaches a pod within a minute, but the kubelet delivers a document that
// is written to the pod itself at once. So every pod is written to when the pool's
// document changes. Pods that report an older revision are written to again later.
func Control(in ControlInput) Controls {
	live := PoolControl(in.Live)
	highest := live.Revision
	for i := range in.Pods {
		pod := &in.Pods[i]
		highest = max(highest, believable(pod.Control.Revision, live.Revision), believable(pod.Reported, live.Revision))
	}

	pool := poolControl(in)
	pool.Revision = live.Revision
	if pool.RestartToken == live.RestartToken {
		// The spread belongs to the requested restart, not to the pool's later size.
		pool.RestartSpreadSeconds = live.RestartSpreadSeconds
	}
	changed := pool != live || live.Revision == 0
	if changed {
		pool.Revision = highest + 1
		if pool.Revision >= protocol.MaxRevision {
			pool.Revision = 1
		}
	}

	out := Controls{
		Pool:    pool,
		Changed: changed,
		Restart: in.Live != nil && pool.RestartToken != "" && pool.RestartToken != live.RestartToken,
		Pods:    map[string]string{},
	}
	for _, pod := range in.Pods {
		if document, write := podControl(pool, pod, changed); write {
			out.Pods[pod.Name] = document
		}
	}
	return out
}

// maxLeap is how far a believable revision may be ahead of the written revision: a
// pod's own claims must not use up the numbers of its pool.
const maxLeap = 1 << 20

// believable returns a revision, or 0 if it cannot follow from the written revision.
func believable(revision, written int64) int64 {
	if revision > written+maxLeap {
		return 0
	}
	return revision
}

// above returns the next revision of a pod's own document. The highest revision has no
// next, so it stays. A document with it still replaces the one before, because agents
// obey the pod's own document unless they have seen a higher revision.
func above(revision int64) int64 {
	if revision == math.MaxInt64 {
		return revision
	}
	return revision + 1
}

// farAbove returns a revision above a revision that an agent reports and that the
// operator did not write. It is twice as high, so that a pod that reports ever higher
// revisions causes at most 63 writes.
func farAbove(revision int64) int64 {
	if revision > math.MaxInt64/2 {
		return math.MaxInt64
	}
	return 2 * revision
}

// podControl returns the document of one pod, and whether to write it.
func podControl(pool protocol.Control, pod ControlledPod, changed bool) (string, bool) {
	own := pod.Control
	want := pool.WithOwn(protocol.Control{
		Cordoned: pod.Cordoned, PodPaused: pod.Paused, PodRestartToken: pod.RestartToken, PodKillToken: pod.KillToken,
	})
	stray := pod.Reported > max(own.Revision, pool.Revision)
	ofItsOwn := pod.unheard(own.Revision) || differsByItself(want, own)
	want.Revision = own.Revision
	written := want == own && own.Revision >= pool.Revision
	if written && !ofItsOwn && !stray {
		return "", false
	}
	want.Revision = ownRevision(pool.Revision, own.Revision, pod.Reported, ofItsOwn)
	// A pod without its own document read the pool's document when it started.
	return encodeControl(want), changed || stray || ofItsOwn || pod.Document != "" || pod.behind(pool.Revision)
}

// ownRevision returns the revision of a pod's next document. Its arguments are the
// revisions of the pool's document and of the pod's present document, and the revision
// that the pod's agent obeys. beyond reports whether the document must supersede the
// pool's, which it must if it says something of the pod's own: an agent that has read
// only the pool's document would seem to obey it.
func ownRevision(pool, own, obeyed int64, beyond bool) int64 {
	switch {
	case obeyed > max(own, pool):
		return farAbove(obeyed)
	case beyond || own > pool:
		return above(max(own, pool))
	}
	return pool
}

// behind reports whether the pod's agent obeys an earlier revision than this.
func (p *ControlledPod) behind(revision int64) bool {
	return p.Reported != 0 && p.Reported < revision
}

// unheard reports whether the pod's agent should have taken up the pod's own document,
// but has not.
func (p *ControlledPod) unheard(own int64) bool { return p.Overdue && p.Reported < own }

// differsByItself reports whether two documents of a pod differ in the fields of the pod
// itself.
func differsByItself(a, b protocol.Control) bool {
	return a.PodRestartToken != b.PodRestartToken || a.PodKillToken != b.PodKillToken ||
		a.Cordoned != b.Cordoned || a.PodPaused != b.PodPaused
}

// poolControl returns the content of the pool's document, without its revision.
func poolControl(in ControlInput) protocol.Control {
	control := protocol.Control{
		Paused:       effective.PausedBy(in.Worker, in.Now) != "",
		Finish:       in.Finish,
		RestartToken: Token(in.Worker, v1alpha1.AnnotationRestartedAt),
		KillToken:    Token(in.Worker, v1alpha1.AnnotationKillAt),
	}
	if control.RestartToken != "" && effective.Pods(in.Processes, &in.Worker.Spec) > 1 {
		control.RestartSpreadSeconds = min(maxRestartSpread, in.Processes)
	}
	return control
}

// maxToken bounds the part of an annotation's token that is passed on, in bytes of a
// document, because several tokens must fit into one document.
const maxToken = 1024

// Token returns the token in an annotation of an object, or its hash if it is too long.
func Token(object metav1.Object, annotation string) string {
	return ShortToken(object.GetAnnotations()[annotation])
}

// ShortToken returns a token, or its hash if it is too long. The short token of a short
// token is the token itself.
func ShortToken(token string) string {
	if encoded, err := json.Marshal(token); err != nil || len(encoded) > maxToken {
		return hashOf(token)
	}
	return token
}

func controlConfigMap(in Input) *corev1ac.ConfigMapApplyConfiguration {
	data := map[string]string{protocol.ControlFile: encodeControl(in.Control)}
	if in.OperatorPin != "" {
		data[protocol.OperatorFile] = in.OperatorPin
	}
	return corev1ac.ConfigMap(ControlName(in.Worker.Name), in.Worker.Namespace).
		WithLabels(childLabels(in.Worker)).
		WithOwnerReferences(owner(in.Worker)).
		WithData(data)
}

// PoolPin returns the operator's pin in the pool's ConfigMap, which its agents read.
func PoolPin(live *corev1.ConfigMap) string {
	if live == nil {
		return ""
	}
	return live.Data[protocol.OperatorFile]
}

// PoolControl returns the pool's present document. A revision of MaxRevision or more
// counts as none, because no higher one can follow it. So the document is written anew.
func PoolControl(live *corev1.ConfigMap) protocol.Control {
	control := ReadControl(liveDocument(live))
	if control.Revision >= protocol.MaxRevision {
		control.Revision = 0
	}
	return control
}

func liveDocument(live *corev1.ConfigMap) string {
	if live == nil {
		return ""
	}
	return live.Data[protocol.ControlFile]
}

// ReadControl reads a document. An unreadable document counts as none, so that it is
// written anew.
func ReadControl(document string) protocol.Control {
	var control protocol.Control
	if len(document) > protocol.MaxControlBytes || json.Unmarshal([]byte(document), &control) != nil ||
		control.Revision < 1 {
		return protocol.Control{}
	}
	return control
}

func encodeControl(control protocol.Control) string {
	document, err := json.Marshal(control)
	if err != nil {
		panic(err) // a struct of strings, numbers and booleans always encodes
	}
	return string(document)
}
