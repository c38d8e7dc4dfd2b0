// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/controllers/workqueue"
	"queueworker.dev/queueworker/trust"
)

// Options configure a Collector. The zero value of each field means its default.
type Options struct {
	// Interval is the time between two pulls of one pod, varied by up to 20 % each
	// time. Default: 5 s.
	Interval time.Duration
	// Concurrency is how many quick pulls run at once; up to 16 times as many slow
	// pulls wait beside them. Default: 16.
	Concurrency int
	// Timeout bounds one pull, from the dial to the last byte. Default: 2 s.
	Timeout time.Duration
	// ReportInterval is the shortest time between two wakes of a pool only for started
	// and ended jobs. Default: 60 s.
	ReportInterval time.Duration
	// Clock is the clock of everything except Timeout. Default: the real clock.
	Clock clock.WithTicker
	// Identity is the identity that the operator proves to agents. Default: none, and
	// then agents that serve TLS report no jobs.
	Identity *trust.Identity
	// Transport carries the requests. Default: a dedicated transport that uses no
	// proxy. With any transport, redirects are not followed and cookies are not kept.
	Transport http.RoundTripper
	// Budget bounds the CPU time that the answers of one namespace's pods may take.
	// Default: no bound.
	Budget *workqueue.Budget
	// Log is where the collector logs. Default: nowhere.
	Log logr.Logger
}

// Collector pulls the status documents of worker pods. Its methods may be called from
// any goroutine, also before Start. No method waits for a pod or a reader.
type Collector struct {
	clock  clock.WithTicker
	log    logr.Logger
	puller *puller
	wakes  chan event.GenericEvent
	// kick tells Start's loop that something other than time has changed.
	kick chan struct{}

	mu   sync.Mutex
	core *core
	used bool
}

// New returns a Collector that pulls nothing until Start runs.
func New(o Options) *Collector {
	timeout := cmp.Or(o.Timeout, 2*time.Second)
	c := &Collector{
		clock:  o.Clock,
		log:    o.Log,
		puller: &puller{transport: o.Transport, timeout: timeout, budget: o.Budget},
		wakes:  make(chan event.GenericEvent),
		kick:   make(chan struct{}, 1),
		core: newCore(cmp.Or(o.Interval, 5*time.Second), cmp.Or(o.ReportInterval, time.Minute),
			cmp.Or(o.Concurrency, 16), rand.Float64),
	}
	c.core.rest = o.Budget.Rest
	if c.clock == nil {
		c.clock = clock.RealClock{}
	}
	if c.puller.transport == nil {
		c.puller.transport = newTransport(timeout, o.Identity)
	}
	return c
}

// NeedLeaderElection tells the manager to run the collector only on the leader.
func (c *Collector) NeedLeaderElection() bool { return true }

// Wakes returns the pools to reconcile: each event's object is a QueueWorker with only
// a namespace and a name. The channel is never closed.
func (c *Collector) Wakes() <-chan event.GenericEvent { return c.wakes }

// Track sets the pods of a pool that are pulled from now on. New pods are pulled at
// once. A pod whose end was recorded is left out.
func (c *Collector) Track(pool types.NamespacedName, pods []Pod) {
	c.do(func(now time.Time) { c.core.track(now, pool, pods) })
}

// Watch sets the limits that wake a pool, in place of the earlier limits.
func (c *Collector) Watch(pool types.NamespacedName, limits Limits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.core.pool(c.clock.Now(), pool).limits = limits
}

// Forget drops everything known about a pool, which was deleted.
func (c *Collector) Forget(pool types.NamespacedName) {
	c.do(func(time.Time) { c.core.forget(pool) })
}

// Nudge pulls all pods of a pool now and a few more times within 2 s, because a control
// document was just written for them.
func (c *Collector) Nudge(pool types.NamespacedName) {
	c.do(func(now time.Time) { c.core.nudge(now, pool) })
}

// Refresh pulls all pods of a pool soon, but each pod at most once a second. Otherwise
// the pods' reports could cause pulls without pause, because a report can lead to the
// next Refresh.
func (c *Collector) Refresh(pool types.NamespacedName) {
	c.do(func(now time.Time) { c.core.refresh(now, pool) })
}

// RecordEnd notes that a pod was deleted or reached a terminal phase; the pod is no
// longer pulled. Recording the same end again changes nothing. Recording more about it
// (that the pod had started, or a later final report) adds to it. RecordEnd fills in
// Tracked and LastPulled itself.
func (c *Collector) RecordEnd(pool types.NamespacedName, end telemetry.Ended) {
	c.do(func(now time.Time) { c.core.recordEnd(now, pool, end) })
}

// Settle drops the ends of pods that have been persisted. Such a pod stays ended:
// recording its end again does nothing.
func (c *Collector) Settle(pool types.NamespacedName, uids []types.UID) {
	c.do(func(time.Time) { c.core.settle(pool, uids) })
}

// Snapshot returns the known state of a pool.
func (c *Collector) Snapshot(pool types.NamespacedName) telemetry.Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.core.snapshot(c.clock.Now(), pool)
}

// do changes the core and makes Start's loop look at it.
func (c *Collector) do(change func(now time.Time)) {
	c.mu.Lock()
	change(c.clock.Now())
	c.mu.Unlock()
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// Start pulls until ctx ends, and returns when no pull is left. It can run once.
func (c *Collector) Start(ctx context.Context) error {
	c.mu.Lock()
	again := c.used
	c.used = true
	c.mu.Unlock()
	if again {
		return errors.New("the collector was started a second time")
	}
	var flights sync.WaitGroup
	defer func() {
		flights.Wait()
		if t, ok := c.puller.transport.(interface{ CloseIdleConnections() }); ok {
			t.CloseIdleConnections()
		}
	}()
	c.run(ctx, func(t *target, q question) {
		flights.Go(func() {
			status, failure := c.puller.pull(ctx, q)
			if ctx.Err() == nil {
				c.finish(t, q, status, failure)
			}
		})
	})
	return nil
}

// run is the loop that launches pulls and hands out wakes.
func (c *Collector) run(ctx context.Context, launch func(*target, question)) {
	timer := c.clock.NewTimer(time.Hour)
	defer timer.Stop()
	var held event.GenericEvent
	for ctx.Err() == nil {
		wait := c.advance(&held, launch)
		timer.Reset(wait)
		var wakes chan<- event.GenericEvent
		if held.Object != nil {
			wakes = c.wakes
		}
		select {
		case <-ctx.Done():
		case <-c.kick:
		case <-timer.C():
		case wakes <- held:
			held = event.GenericEvent{}
		}
	}
}

// advance launches the pulls that are due, takes the next wake into held if held is
// free, and returns the time until something else is due.
func (c *Collector) advance(held *event.GenericEvent, launch func(*target, question)) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now()
	for _, t := range c.core.tick(now) {
		launch(t, question{
			namespace: t.pool.key.Namespace, uid: t.pod.UID, address: t.pod.Address, secure: t.pod.Secure, once: !t.kept,
		})
	}
	// A wake is removed from the queue before it is handed out. So later news about the
	// pool queues it again instead of counting as already reported.
	if held.Object == nil {
		if pool, ok := c.core.wakes.pop(); ok {
			held.Object = &v1alpha1.QueueWorker{ObjectMeta: metav1.ObjectMeta{Namespace: pool.Namespace, Name: pool.Name}}
		}
	}
	next := c.core.next()
	if next.IsZero() {
		return time.Hour
	}
	return max(0, next.Sub(now))
}

// quoted matches the quotations of an answer in a sentence.
var quoted = regexp.MustCompile(`"(\\.|[^"\\])*"?`)

// forLog returns a sentence about a pull without its quotations of the answer. The answer
// comes from a user's pod, and the operator's log has other readers than the pool's status.
func forLog(failure string) string {
	for _, phrase := range []string{" could not be asked", " cannot be read"} {
		if head, _, found := strings.Cut(failure, phrase+":"); found {
			failure = head + phrase + "; the condition AgentsReporting of the QueueWorker says why."
		}
	}
	return quoted.ReplaceAllString(failure, `"..."`)
}

// finish takes the outcome of a pull. It logs if the outcome changes whether the pod
// can be reached.
func (c *Collector) finish(t *target, q question, status *protocol.Status, failure string) {
	var before, after bool
	c.do(func(now time.Time) {
		before = t.unreachable
		c.core.finished(now, t, status, failure)
		after = t.unreachable
	})
	if before != after {
		log := c.log.WithValues("namespace", t.pool.key.Namespace, "queueWorker", t.pool.key.Name, "pod", t.pod.Name, "address", q.address)
		if after {
			log.Info("Lost contact with the agent of a Pod", "error", forLog(failure))
		} else {
			log.Info("Regained contact with the agent of a Pod")
		}
	}
}
