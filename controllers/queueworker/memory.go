// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/queueworker/plan"
	"queueworker.dev/queueworker/controllers/status"
	"queueworker.dev/queueworker/controllers/telemetry"
)

// memory holds what the operator remembers about each pool between reconciles.
type memory struct {
	mu    sync.Mutex
	pools map[types.NamespacedName]poolMemory
}

// poolMemory is what the operator remembers about one pool. Nothing in it is needed for
// correct decisions: it only keeps writes rare and events single. A pass works on a copy,
// which replaces the memory at the end of the pass.
type poolMemory struct {
	plan.Memory
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
	// written are the last writes to pods, by UID.
	written map[types.UID]plan.PodWrite
	// deploymentVersion is the resource version that resulted from the last write to
	// the Deployment.
	deploymentVersion string
	// startedRun is the run started in the last pass, which the cache may not know yet.
	startedRun string
}

// behind reports whether the cache has not yet received a write to a pod or to the
// Deployment. A decision from the earlier state would repeat the last one.
func (m *poolMemory) behind(w *plan.World) bool {
	late := w.Deployment != nil && older(w.Deployment.ResourceVersion, m.deploymentVersion)
	for _, pod := range w.Pods {
		late = late || older(pod.ResourceVersion, pod.Write.Version)
	}
	return late
}

// forgetWrites drops the writes to pods that are gone.
func (m *poolMemory) forgetWrites(w *plan.World) {
	written := make(map[types.UID]plan.PodWrite, len(m.written))
	for _, pod := range w.Pods {
		if pod.Write != (plan.PodWrite{}) {
			written[pod.UID] = pod.Write
		}
	}
	m.written = written
}

// heardOfRun notes that a run need not be looked for any more: the cache has it, or it
// is gone.
func (m *poolMemory) heardOfRun(name string) {
	if m.startedRun == name {
		m.startedRun = ""
	}
}

// expect notes the observed pods, and returns the pods whose end the status waits for.
func (m *poolMemory) expect(w *plan.World) map[types.UID]bool {
	seen := make(map[types.UID]bool, len(w.Pods))
	for _, pod := range w.Pods {
		seen[pod.UID] = true
	}
	// A pod can also leave the pool without an end, when it loses its label. The status
	// waits for its end as long as the collector remembers the pod.
	for _, uid := range slices.Concat(w.Reports.Departed, endedUIDs(w.Reports.Ended)) {
		if m.seen[uid] {
			seen[uid] = true
		}
	}
	m.seen = seen
	return seen
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

// of returns the memory of a pool.
func (m *memory) of(name types.NamespacedName) poolMemory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pools[name]
}

// replace replaces the memory of a pool.
func (m *memory) replace(name types.NamespacedName, next poolMemory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pools == nil {
		m.pools = map[types.NamespacedName]poolMemory{}
	}
	m.pools[name] = next
}

func (m *memory) forget(name types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.pools, name)
}

func endedUIDs(ended []telemetry.Ended) []types.UID {
	uids := make([]types.UID, 0, len(ended))
	for _, e := range ended {
		uids = append(uids, e.UID)
	}
	return uids
}
