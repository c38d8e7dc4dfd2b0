// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"queueworker.dev/queueworker/controllers/throughput"
)

// Options configure a Collector. The zero value of each field means its default.
type Options struct {
	// Interval is the time between two pulls of one pod, each time varied by up to
	// 20 %. Default: 5 s.
	Interval time.Duration
	// Concurrency is how many quick pulls run at once; up to four times as many slow
	// ones wait beside them. Default: 16.
	Concurrency int
	// Timeout bounds one pull, from the dial to the last byte. Default: 2 s.
	Timeout time.Duration
	// ReportInterval is the shortest time between two wakes of a pool for started
	// and ended jobs alone. Default: 60 s.
	ReportInterval time.Duration
	// Clock is the clock. Default: the real one.
	Clock clock.WithTicker
	// Transport carries the requests. Default: one made for the purpose, which
	// follows no redirect, uses no proxy and keeps no cookies.
	Transport http.RoundTripper
	// Log is where the collector logs. Default: nowhere.
	Log logr.Logger
}

// Collector pulls the status documents of worker pods.
type Collector struct {
	options Options
	wakes   chan event.GenericEvent

	mu    sync.Mutex
	ended map[types.NamespacedName][]Ended
}

// New returns a Collector that pulls nothing until Start runs.
func New(options Options) *Collector {
	return &Collector{
		options: options,
		wakes:   make(chan event.GenericEvent),
		ended:   map[types.NamespacedName][]Ended{},
	}
}

// Start pulls until ctx ends.
func (c *Collector) Start(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// NeedLeaderElection tells the manager to run the collector on the leader alone.
func (c *Collector) NeedLeaderElection() bool { return true }

// Wakes are the pools to reconcile: each event's object is a QueueWorker that
// carries only a namespace and a name.
func (c *Collector) Wakes() <-chan event.GenericEvent { return c.wakes }

// Track sets the pods of a pool. New ones are pulled at once, others no longer.
func (c *Collector) Track(pool types.NamespacedName, pods []Pod) {}

// Forget drops all that is known of a pool.
func (c *Collector) Forget(pool types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.ended, pool)
}

// Nudge pulls all pods of a pool now, and some times more in quick succession.
func (c *Collector) Nudge(pool types.NamespacedName) {}

// RecordEnd notes that a pod was deleted or reached a terminal phase.
func (c *Collector) RecordEnd(pool types.NamespacedName, end Ended) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended[pool] = append(c.ended[pool], end)
}

// Settle drops the ends of pods that have been persisted.
func (c *Collector) Settle(pool types.NamespacedName, uids []types.UID) {}

// Snapshot returns what is known of a pool.
func (c *Collector) Snapshot(pool types.NamespacedName) Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Snapshot{
		Pods:    map[types.UID]PodReport{},
		Ended:   append([]Ended(nil), c.ended[pool]...),
		Samples: throughput.Input{Now: time.Now()},
	}
}
