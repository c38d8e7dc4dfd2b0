// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"
	"math"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// agent reads the two documents of its pod.
type agent interface {
	// read returns the document in force.
	read(pool, own protocol.Control) protocol.Control
}

// newAgent chooses between the two present documents.
type newAgent struct{ pool, own protocol.Control }

func (a *newAgent) read(pool, own protocol.Control) protocol.Control {
	if pool.Revision > 0 && pool.Revision <= protocol.MaxRevision {
		a.pool = pool
	}
	if own.Revision > 0 {
		a.own = own
	}
	if a.own.Revision >= a.pool.Revision {
		return a.own
	}
	return a.pool.WithOwn(a.own)
}

// oldAgent obeys the highest revision that it has ever seen. If two documents have the
// same revision, the pod's own wins.
type oldAgent struct {
	held, own protocol.Control
	isOwn     bool
}

func (a *oldAgent) read(pool, own protocol.Control) protocol.Control {
	if pool.Revision > a.held.Revision || pool.Revision == a.held.Revision && !a.isOwn {
		a.held, a.isOwn = pool, false
	}
	if own.Revision > 0 {
		a.own = own
		if own.Revision >= a.held.Revision {
			a.held, a.isOwn = own, true
		}
	}
	if a.isOwn {
		return a.held
	}
	return a.held.WithOwn(a.own)
}

// node is a kubelet that delivers documents to the agents of two pods. A pod's own
// document arrives at once, the pool's document when show is called.
type node struct {
	world
	readers []agent
	shown   protocol.Control
}

func newNode(made func() agent) *node {
	n := &node{world: world{worker: &v1alpha1.QueueWorker{}, agents: make([]protocol.Control, 2)}}
	for i := range n.agents {
		n.pods = append(n.pods, ControlledPod{Name: fmt.Sprint("pod-", i)})
		n.readers = append(n.readers, made())
	}
	return n
}

// show delivers the pool's document.
func (n *node) show() { n.shown = ReadControl(liveDocument(n.configMap)) }

// pull makes the agents read and report, and the operator decide. It returns how many
// documents the operator wrote.
func (n *node) pull(t *testing.T) int {
	t.Helper()
	before := map[string]string{}
	for i := range n.pods {
		n.agents[i] = n.readers[i].read(n.shown, ReadControl(n.pods[i].Document))
		n.pods[i].Reported = n.agents[i].Revision
		before[n.pods[i].Name] = n.pods[i].Document
	}
	controls := n.reconcile()
	if r := controls.Pool.Revision; r < 1 || r >= protocol.MaxRevision {
		t.Fatalf("the pool's document has the revision %d", r)
	}
	for pod, document := range controls.Pods {
		if ReadControl(document).Revision < ReadControl(before[pod]).Revision || document == before[pod] {
			t.Fatalf("%s supersedes %s", document, before[pod])
		}
	}
	writes := len(controls.Pods)
	if controls.Changed {
		writes++
	}
	return writes
}

// TestNoRevisionMakesAPoolUnsteerable: another client writes documents with any revision.
// Afterwards all agents must obey the operator again, whether or not the kubelet has
// delivered the pool's document yet, and every further change must reach them.
func TestNoRevisionMakesAPoolUnsteerable(t *testing.T) {
	revisions := []int64{1, 9, maxLeap, maxLeap + 9, protocol.MaxRevision / 2, protocol.MaxRevision - 2, protocol.MaxRevision - 1, protocol.MaxRevision, protocol.MaxRevision + 1, math.MaxInt64 / 2, math.MaxInt64 - 1, math.MaxInt64}
	for kind, made := range map[string]func() agent{"new": func() agent { return &newAgent{} }, "old": func() agent { return &oldAgent{} }} {
		for _, revision := range revisions {
			for _, content := range []string{"", `,"paused":true`} {
				for _, where := range []string{"the ConfigMap", "a pod", "both"} {
					t.Run(fmt.Sprintf("%s agents, %d%s in %s", kind, revision, content, where), func(t *testing.T) {
						n := newNode(made)
						n.pull(t)
						n.show()
						n.pull(t)
						written := fmt.Sprintf(`{"revision":%d%s}`, revision, content)
						if where != "a pod" {
							n.configMap = &corev1.ConfigMap{Data: map[string]string{protocol.ControlFile: written}}
						}
						if where != "the ConfigMap" {
							n.pods[0].Document = written
						}
						n.show()
						n.steer(t)
					})
				}
			}
		}
	}
}

// steer pauses and resumes the pool, and checks that the agents obey after two pulls.
func (n *node) steer(t *testing.T) {
	t.Helper()
	for i := range n.pods {
		n.agents[i] = n.readers[i].read(n.shown, ReadControl(n.pods[i].Document))
	}
	for change := range 6 {
		// The first change also replaces the documents that the other client wrote.
		pulls, most := 2, 3
		if change == 0 {
			pulls, most = 4, 6
		}
		writes := 0
		for range pulls {
			writes += n.pull(t)
		}
		if writes > most {
			t.Errorf("change %d took %d writes, want %d at most", change, writes, most)
		}
		for i, agent := range n.agents {
			if agent.Paused != n.worker.Spec.Paused {
				t.Fatalf("change %d: pod %d obeys %+v; the pool's document is %s, its own %s", change, i, agent, liveDocument(n.configMap), n.pods[i].Document)
			}
		}
		if again := n.pull(t); again > 0 {
			t.Fatalf("change %d: with nothing changed, %d documents are written: %s %+v", change, again, liveDocument(n.configMap), n.pods)
		}
		if change > 2 {
			n.show()
		}
		n.worker.Spec.Paused = !n.worker.Spec.Paused
	}
}

// TestAPodThatReportsMoreEachTimeIsSeldomWrittenTo bounds the writes that a pod causes by
// answering each document with a higher revision.
func TestAPodThatReportsMoreEachTimeIsSeldomWrittenTo(t *testing.T) {
	n := newNode(func() agent { return &newAgent{} })
	n.pull(t)
	writes := 0
	for range 1000 {
		n.pods[0].Reported = above(max(n.pods[0].Reported, ReadControl(n.pods[0].Document).Revision))
		controls := n.reconcile()
		writes += len(controls.Pods)
		if controls.Changed || controls.Pool.Revision != 1 {
			t.Fatalf("it changes the pool's document: %+v", controls.Pool)
		}
	}
	if writes > 63 {
		t.Errorf("it is written to %d times", writes)
	}
}
