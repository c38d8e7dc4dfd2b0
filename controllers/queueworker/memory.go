// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

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

// memory is what the operator remembers about a pool between reconciles. Nothing in it
// is needed for correct decisions: it only keeps writes rare and events single.
type memory struct {
	mu    sync.Mutex
	pools map[types.NamespacedName]*poolMemory
}

type poolMemory struct {
	// since is when this operator first looked at the pool.
	since time.Time
	// writes are the times of the last writes of the status.
	writes status.Writes
	// version is the QueueWorker's resource version after the last write.
	version string
	// told is, by pod, the sequence number of the last ended process that an event has
	// reported.
	told map[types.UID]int64
	// seen holds the observed pods, and the pods observed before whose end the collector
	// has recorded or still expects.
	seen map[types.UID]bool

	// past is the memory for the next decision.
	past past
	// tally counts the work that the pods have completed.
	tally tally
	// written are the last writes to pods, by UID.
	written map[types.UID]podWrite
	// deploymentVersion is the resource version that resulted from the last write to
	// the Deployment.
	deploymentVersion string
	// startedRun is the run started in the last pass, which the cache may not know yet.
	startedRun string
	// quiet tracks since when the workers have reported nothing new.
	quiet quiet
	// foreign is the other client that last wrote the Deployment's replicas.
	foreign foreignScaler
}

// past is the memory that a decision uses in addition to the observation.
type past struct {
	// since is when this operator first looked at the pool.
	since time.Time
	// size is the last decided size, in processes, or the present size of the pool if
	// nothing was decided yet.
	size int32
	// scaling is the memory of the last scaling decision.
	scaling scaling.Memory
	// completed counts the work that the pool has completed.
	completed scaling.Completed
	// startLatency is the time that pods of the pool take to start; 0 if unknown.
	startLatency time.Duration
	// quiet is the time since when the workers have reported nothing new.
	quiet time.Time
	// stuck is the memory of the last look for stuck workers.
	stuck stuck.Memory
	// alerts is the memory of the last judgement of the jobs' health.
	alerts alerts.Memory
}

// recall adds the memory of the pool to an observation.
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

// sizeBefore returns a pool's size as an earlier operator left it.
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
	// version is the resource version that resulted from the write.
	version string
	// at is the time of the write, and again the number of earlier writes of the same
	// document.
	at    time.Time
	again int
}

const (
	// overdueAfter is how long an agent has to take up a document: several times what
	// the kubelet needs to pass it on.
	overdueAfter = 3 * time.Second
	// overdueDoublings bounds the time between two writes of one document to a pod.
	overdueDoublings = 4
)

// overdue reports whether an agent that answered at heard should have taken up the
// document by then.
func (w podWrite) overdue(now, heard time.Time) bool {
	if w.at.IsZero() {
		return false
	}
	wait := overdueAfter << min(w.again, overdueDoublings)
	return now.Sub(w.at) >= wait && heard.Sub(w.at) >= overdueAfter/2
}

// behind reports whether the cache has not yet received a write to a pod or to the
// Deployment. A decision from the earlier state would repeat the last one.
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

// wrote remembers a write to a pod. again reports whether the pod's agent has taken up
// no document since the last write.
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

// add notes the observed pods and adds the memory to a status's input.
func (m *poolMemory) add(o *observation, in status.Input) status.Input {
	seen := make(map[types.UID]bool, len(o.pods))
	for _, pod := range o.pods {
		seen[pod.UID] = true
	}
	// A pod can also leave the pool without an end, when it loses its label. The status
	// waits for its end as long as the collector remembers the pod.
	for _, uid := range slices.Concat(o.reports.Departed, endedUIDs(o.reports.Ended)) {
		if m.seen[uid] {
			seen[uid] = true
		}
	}
	m.seen, in.Expected = seen, seen
	return in
}

// ahead reports whether the cache has not yet received the last write of the status.
func (m *poolMemory) ahead(worker *v1alpha1.QueueWorker) bool {
	return older(worker.ResourceVersion, m.version)
}

// older reports whether an object has an earlier version than a written one; false if
// none was written.
func older(have, written string) bool {
	if written == "" {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(have, written)
	return err == nil && order < 0
}

// of returns the memory of a pool. A pool is reconciled by one goroutine at a time, so
// its memory needs no lock of its own.
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
