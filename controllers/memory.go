// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/status"
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
	// reported is when a status was last written that told of jobs.
	reported time.Time
	// version is the QueueWorker's resource version after the last write.
	version string
	// told is, by pod, the sequence number of the last ended process told in an event.
	told map[types.UID]int64
	// seen are the pods whose deletion the informer has yet to tell of.
	seen map[types.UID]bool
}

// add notes what is observed now and adds what is remembered to a status's input.
func (m *poolMemory) add(o *observation, in status.Input) status.Input {
	if m.since.IsZero() {
		m.since = o.now
	}
	for _, pod := range o.pods {
		m.seen[pod.UID] = true
	}
	in.Expected = m.seen
	return in
}

// ahead tells whether the cache has yet to learn of the last write of the status.
func (m *poolMemory) ahead(worker *v1alpha1.QueueWorker) bool {
	if m.version == "" {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(worker.ResourceVersion, m.version)
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
