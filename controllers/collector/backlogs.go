// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/controllers/turns"
	"queueworker.dev/queueworker/controllers/workqueue"
	"queueworker.dev/queueworker/trust"
)

// BacklogOptions configure Backlogs. The zero value of each field means its default.
type BacklogOptions struct {
	// Interval is the time between two questions to one probe, varied by up to 20 %
	// each time. Default: 5 s.
	Interval time.Duration
	// Timeout bounds one question; a probe gives its backend 3 s. Default: 5 s.
	Timeout time.Duration
	// Concurrency is how many quick probes are asked at once. Half as many slow probes, and
	// half as many probes that have never answered, are asked beside them. Default: 64.
	Concurrency int
	// QuietInterval is the shortest time between two wakes of a pool that is not Eager
	// if only its figures have changed. Default: 60 s.
	QuietInterval time.Duration
	// Clock tells when an answer came. Default: the real clock.
	Clock clock.PassiveClock
	// Budget bounds the CPU time that the answers of one namespace's probes may take.
	// Default: no bound.
	Budget *workqueue.Budget
	// Identity is the identity that the operator proves to probes. Default: none, and
	// then probes that serve TLS do not answer.
	Identity *trust.Identity
}

// Backlogs asks backlog probes how many jobs wait: each probe once per interval, for
// the queues of all pools that use it. Its methods may be called from any goroutine,
// also before Start. No method waits for a probe or a reader.
type Backlogs struct {
	options BacklogOptions
	asker   *asker
	slots   *slots
	// probePatience is how long a probe may take to answer before it counts as slow.
	probePatience time.Duration
	wakes         chan event.GenericEvent
	kick          chan struct{}
	listings      listings
	// loops are the goroutines that follow one probe each.
	loops sync.WaitGroup

	mu     sync.Mutex
	ctx    context.Context // nil before Start
	probes map[types.NamespacedName]*probe
	pools  map[types.NamespacedName]*backlogPool
	// users are the same pools by their app, so that an answer costs no more than the
	// pools of its own app.
	users   map[types.NamespacedName]map[types.NamespacedName]*backlogPool
	pending turns.FIFO[types.NamespacedName]
	queued  map[types.NamespacedName]bool
}

// BacklogUse describes the backlog that a pool asks for.
type BacklogUse struct {
	// App is the QueueApp whose probe measures it.
	App types.NamespacedName
	// Queues are the pool's queues in their order.
	Queues []string
	// Soon is the span of time of protocol.QueueDepth.DueSoon.
	Soon time.Duration
	// Eager: the pool is woken for every change of its figures.
	Eager bool
}

// probe is one probe and its last answers.
type probe struct {
	where  Probe
	cancel context.CancelFunc
	// kick makes the probe's loop look at wanted.
	kick chan struct{}
	// askedAt is when the probe was last asked. wanted is when to ask it again before the
	// interval is over; zero if it can wait for the interval.
	askedAt, wanted time.Time
	// slow reports whether the probe took long, or gave no answer, when it was last asked
	// for failed jobs.
	slow bool
	// refusals counts how often the probe was asked again soon because it did not know
	// the operator's key, less one for each answer since.
	refusals int

	report telemetry.BacklogReport
	// depths holds the last figures of each queue, and troubles the queues that the
	// last measurement failed for.
	depths, troubles map[string]protocol.QueueDepth
}

// backlogPool is a pool and the news for which it was last woken.
type backlogPool struct {
	use  BacklogUse
	told toldBacklog
	// wokenAt is when the pool was last woken.
	wokenAt time.Time
}

// NewBacklogs returns Backlogs that ask no probe until Start runs.
func NewBacklogs(o BacklogOptions) *Backlogs {
	o.Interval = cmp.Or(o.Interval, 5*time.Second)
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	o.QuietInterval = cmp.Or(o.QuietInterval, time.Minute)
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	return &Backlogs{
		options:       o,
		asker:         &asker{transport: newTransport(min(o.Timeout, time.Second), o.Identity), timeout: o.Timeout, budget: o.Budget},
		slots:         newSlots(cmp.Or(o.Concurrency, 64)),
		probePatience: time.Second,
		wakes:         make(chan event.GenericEvent),
		kick:          make(chan struct{}, 1),
		probes:        map[types.NamespacedName]*probe{},
		pools:         map[types.NamespacedName]*backlogPool{},
		users:         map[types.NamespacedName]map[types.NamespacedName]*backlogPool{},
		queued:        map[types.NamespacedName]bool{},
	}
}

// NeedLeaderElection tells the manager to run Backlogs only on the leader.
func (b *Backlogs) NeedLeaderElection() bool { return true }

// Wakes returns the pools to reconcile: each event's object is a QueueWorker with only
// a namespace and a name. The channel is never closed.
func (b *Backlogs) Wakes() <-chan event.GenericEvent { return b.wakes }

const (
	// leastGap is the shortest time between two questions to one probe, and askGap the
	// shortest time before a question that Ask wants.
	leastGap = 500 * time.Millisecond
	askGap   = time.Second
)

// want makes the loop ask the probe soon, but not before gap has passed since the last
// question.
func (p *probe) want(gap time.Duration) {
	at := p.askedAt.Add(gap)
	if p.wanted.IsZero() || at.Before(p.wanted) {
		p.wanted = at
	}
	poke(p.kick)
}

// Track sets where the probe of a QueueApp is, and has the probe asked soon if that is
// new.
func (b *Backlogs) Track(app types.NamespacedName, where Probe) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.probes[app]
	if p == nil {
		p = &probe{kick: make(chan struct{}, 1)}
		b.probes[app] = p
		b.launch(app, p)
	}
	if p.where != where {
		if p.where.UID != where.UID {
			p.refusals = 0 // the key reaches each pod by itself
		}
		p.where = where
		p.want(leastGap)
	}
}

// Ask has the probe of a QueueApp asked soon, but at most once a second, because the
// probe's answers can cause the next question again and again.
func (b *Backlogs) Ask(app types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.probes[app]; p != nil {
		p.want(askGap)
	}
}

// Drop forgets the probe of a QueueApp that no longer needs one.
func (b *Backlogs) Drop(app types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.probes[app]; p != nil {
		if p.cancel != nil {
			p.cancel()
		}
		delete(b.probes, app)
	}
	for _, pool := range b.users[app] {
		pool.told = toldBacklog{}
	}
}

// Use sets what a pool asks for from now on, and returns what is known about it. The
// second result is false if the QueueApp has no probe.
func (b *Backlogs) Use(pool types.NamespacedName, use BacklogUse) (telemetry.BacklogReport, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := b.pools[pool]
	if known == nil {
		known = &backlogPool{}
		b.pools[pool] = known
	}
	news := known.use.App != use.App || !slices.Equal(known.use.Queues, use.Queues)
	b.leave(pool, known)
	known.use = use
	b.join(pool, known)
	if news {
		known.told = toldBacklog{}
	}
	p := b.probes[use.App]
	if p == nil {
		return telemetry.BacklogReport{}, false
	}
	if news {
		p.want(leastGap)
	}
	return p.reportOf(use.Queues), true
}

// Forget drops a pool that was deleted or needs no backlog.
func (b *Backlogs) Forget(pool types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.pools[pool]; known != nil {
		b.leave(pool, known)
		delete(b.pools, pool)
	}
}

// join and leave maintain users.
func (b *Backlogs) join(name types.NamespacedName, pool *backlogPool) {
	if b.users[pool.use.App] == nil {
		b.users[pool.use.App] = map[types.NamespacedName]*backlogPool{}
	}
	b.users[pool.use.App][name] = pool
}

func (b *Backlogs) leave(name types.NamespacedName, pool *backlogPool) {
	delete(b.users[pool.use.App], name)
	if len(b.users[pool.use.App]) == 0 {
		delete(b.users, pool.use.App)
	}
}

// reportOf returns the known state of some queues. It reports no measurement if a queue
// is missing, because part of a backlog would be taken for all of it.
func (p *probe) reportOf(queues []string) telemetry.BacklogReport {
	out := p.report
	out.Queues = make([]protocol.QueueDepth, 0, len(queues))
	for _, queue := range queues {
		if trouble, ok := p.troubles[queue]; ok && out.Reason == "" {
			out.Reason, out.Message = trouble.Reason, trouble.Message
		}
		depth, ok := p.depths[queue]
		if !ok {
			out.Queues, out.MeasuredAt = nil, time.Time{}
			return out
		}
		out.Queues = append(out.Queues, depth)
	}
	return out
}

// take keeps an answer. Figures stay as they were while a backend cannot be read,
// because the last known figures are still the best to show.
func (p *probe) take(answer *protocol.Backlog, now time.Time) {
	p.report.Reason, p.report.Message = answer.Reason, answer.Message
	if answer.Backend != "" {
		p.report.Backend = answer.Backend
	}
	if answer.Reason != "" {
		if p.report.FailingSince.IsZero() {
			p.report.FailingSince = now
		}
		return
	}
	p.report.FailingSince = time.Time{}
	p.report.MeasuredAt = now.Add(-time.Duration(answer.AgeSeconds * float64(time.Second)))
	before := p.depths
	p.depths = make(map[string]protocol.QueueDepth, len(answer.Queues))
	p.troubles = map[string]protocol.QueueDepth{}
	for _, depth := range answer.Queues {
		if depth.Reason != "" {
			p.troubles[depth.Queue] = depth
			last, known := before[depth.Queue]
			if !known {
				continue
			}
			depth = last
		}
		p.depths[depth.Queue] = depth
	}
}

func poke(kick chan struct{}) {
	select {
	case kick <- struct{}{}:
	default:
	}
}
