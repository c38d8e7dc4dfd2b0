// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/alerts"
	"queueworker.dev/queueworker/controllers/scaling"
	"queueworker.dev/queueworker/controllers/status"
	"queueworker.dev/queueworker/controllers/stuck"
)

// memory is what the operator remembers of a pool between reconciles. Nothing in
// it is needed to be right: it only keeps writes rare and events single.
type memory struct {
	mu    sync.Mutex
	pools map[types.NamespacedName]*poolMemory
}

type poolMemory struct {
	// since is when this operator first looked at the pool.
	since time.Time
	// writes are when the status was last written.
	writes status.Writes
	// version is the QueueWorker's resource version after the last write.
	version string
	// told is, by pod, the sequence number of the last ended process told in an event.
	told map[types.UID]int64
	// seen are the pods that are present, and those whose deletion the informer has yet to
	// tell of.
	seen map[types.UID]bool

	// past is what the next decision goes by.
	past past
	// tally is what the pods have got done.
	tally tally
	// written are the last writes to pods, by UID.
	written map[types.UID]podWrite
	// deploymentVersion is the resource version that the last write to the Deployment
	// has resulted in.
	deploymentVersion string
	// startedRun is the run started in the last pass, which the cache may not know yet.
	startedRun string
	// quiet is since when the workers have told of nothing new.
	quiet quiet
	// foreign is who wrote the Deployment's replicas last, besides the operator.
	foreign foreignScaler
}

// past is what a decision goes by besides what is observed.
type past struct {
	// since is when this operator first looked at the pool.
	since time.Time
	// size is the size decided on last, in processes; what the pool has where nothing
	// was decided yet.
	size int32
	// scaling is the memory of the last scaling decision.
	scaling scaling.Memory
	// completed is what the pool has got done.
	completed scaling.Completed
	// startLatency is what pods of the pool take to start; 0 if unknown.
	startLatency time.Duration
	// quiet is since when the workers have told of nothing new.
	quiet time.Time
	// stuck is the memory of the last look for stuck workers.
	stuck stuck.Memory
	// alerts is the memory of the last judgement of the jobs' health.
	alerts alerts.Memory
}

// recall completes an observation by what is remembered of the pool.
func (m *poolMemory) recall(o *observation) {
	if m.since.IsZero() {
		m.since = o.now
		m.past.size = sizeBefore(o)
	}
	m.tally.update(m.since, o.pods, o.reports)
	m.past.completed = m.tally.completed
	m.past.startLatency = startLatency(o.pods, m.past.startLatency)
	m.past.quiet = m.quiet.update(o.pods, o.reports)
	m.past.since = m.since
	o.past = m.past
	m.foreign.see(o)
	o.foreign = m.foreign
}

// sizeBefore is a pool's size as an earlier operator left it.
func sizeBefore(o *observation) int32 {
	if o.worker.Status.ObservedGeneration > 0 {
		return o.worker.Status.Desired
	}
	return 0
}

// keep remembers a decision.
func (m *poolMemory) keep(d decision) {
	m.past.size, m.past.stuck, m.past.scaling = d.sizing.processes, d.stuck.Memory, scaling.Memory{}
	m.past.alerts = d.alerts.Memory
	if d.sizing.decision != nil {
		m.past.scaling = d.sizing.decision.Memory
	}
}

// podWrite is the last write to a pod.
type podWrite struct {
	// version is the resource version it resulted in.
	version string
	// at is when it was, and again how many writes of the same document came before it.
	at    time.Time
	again int
}

const (
	// overdueAfter is how long an agent has to take up a document: several times what
	// it takes the kubelet to pass it on.
	overdueAfter = 3 * time.Second
	// overdueDoublings bounds the time between two writes of one document to a pod.
	overdueDoublings = 4
)

// overdue tells whether an agent that answered at heard should have taken up the
// document by then.
func (w podWrite) overdue(now, heard time.Time) bool {
	if w.at.IsZero() {
		return false
	}
	wait := overdueAfter << min(w.again, overdueDoublings)
	return now.Sub(w.at) >= wait && heard.Sub(w.at) >= overdueAfter/2
}

// behind tells whether the cache has yet to learn of a write to a pod or to the
// Deployment. To decide from what was before would be to decide again.
func (m *poolMemory) behind(o *observation) bool {
	late := o.deployment != nil && older(o.deployment.ResourceVersion, m.deploymentVersion)
	written := make(map[types.UID]podWrite, len(m.written))
	for _, pod := range o.pods {
		if last, ok := m.written[pod.UID]; ok {
			written[pod.UID] = last
			late = late || older(pod.ResourceVersion, last.version)
		}
	}
	m.written, o.written = written, written
	return late
}

// wrote remembers a write to a pod; again tells that its agent has heard of no other
// document since the last one.
func (m *poolMemory) wrote(pod types.UID, version string, at time.Time, again bool) {
	if m.written == nil {
		m.written = map[types.UID]podWrite{}
	}
	write := podWrite{version: version, at: at}
	if again {
		write.again = m.written[pod].again + 1
	}
	m.written[pod] = write
}

// add notes what is observed now and adds what is remembered to a status's input.
func (m *poolMemory) add(o *observation, in status.Input) status.Input {
	seen := make(map[types.UID]bool, len(o.pods))
	for _, pod := range o.pods {
		seen[pod.UID] = true
	}
	// A pod may also leave the pool without an end, when it loses its label. Word of its end
	// is waited for as long as the collector remembers it.
	for _, uid := range slices.Concat(o.reports.Departed, endedUIDs(o.reports.Ended)) {
		if m.seen[uid] {
			seen[uid] = true
		}
	}
	m.seen, in.Expected = seen, seen
	return in
}

// ahead tells whether the cache has yet to learn of the last write of the status.
func (m *poolMemory) ahead(worker *v1alpha1.QueueWorker) bool {
	return older(worker.ResourceVersion, m.version)
}

// older tells whether an object is of an earlier version than one that was written;
// not if none was.
func older(have, written string) bool {
	if written == "" {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(have, written)
	return err == nil && order < 0
}

// of returns what is remembered of a pool. A pool is reconciled by one goroutine
// at a time, so its memory needs no lock of its own.
func (m *memory) of(name types.NamespacedName) *poolMemory {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pools == nil {
		m.pools = map[types.NamespacedName]*poolMemory{}
	}
	if m.pools[name] == nil {
		m.pools[name] = &poolMemory{seen: map[types.UID]bool{}}
	}
	return m.pools[name]
}

func (m *memory) forget(name types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.pools, name)
}
