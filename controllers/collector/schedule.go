// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/throughput"
	"queueworker.dev/queueworker/controllers/turns"
)

const (
	// patience is how long a pull may take before its pod counts as slow.
	patience = 250 * time.Millisecond
	// minGap is the shortest time between two pulls of one pod.
	minGap = 100 * time.Millisecond
	// refreshGap is the shortest time between two pulls of one pod by refresh.
	// refreshDelay is how long refresh waits first. A probe that is asked at the same
	// time answers within it, so the report is newer than the measurement.
	refreshGap   = time.Second
	refreshDelay = 250 * time.Millisecond
	// jitter is how much an interval varies in either direction.
	jitter = 0.2
	// slowShare and tiredShare are numbers per quick pull: of pulls in each lane of
	// slow pods, and of pulls that have run out of patience.
	slowShare  = 4
	tiredShare = 12
	// failuresToUnreachable is how many failures in a row make a pod unreachable.
	failuresToUnreachable = 3
	// maxBackOff is the longest back-off, in intervals.
	maxBackOff = 6
	// maxKept bounds the connections that stay open between pulls; each costs some 15
	// KB. One namespace alone gets half of them.
	maxKept = 1000
)

// nudges are the times after a nudge when a pool is pulled again. The kubelet needs 90
// to 250 ms to bring a control document to the agent, and sometimes longer.
var nudges = []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}

// lane is a class of targets that wait for their pull. Each lane has its own places, so
// that no lane delays another.
type lane int

const (
	laneQuick  lane = iota // the last pull was good, and quick
	laneSlow               // the last pull was good, and not quick
	laneFresh              // never pulled
	laneFailed             // the last pull was not good
	lanes
)

// stage is the stage of a target between two pulls.
type stage int

const (
	stageIdle   stage = iota // its timer is set
	stageQueued              // it waits in a lane
	stageFlying              // it is being pulled
)

// core is the collector without clock, network and locks.
type core struct {
	interval, report time.Duration
	random           func() float64 // in [0, 1)
	// rest returns how much longer a namespace must rest because it has used up its share
	// of the CPU. A resting namespace is not pulled.
	rest func(namespace string) time.Duration

	pools  map[types.NamespacedName]*pool
	timers timers
	turns  [lanes]turns.Queue[*pool] // the pools with targets in a lane
	places [lanes]*turns.Places      // the flights of each lane
	tired  *turns.Places             // the flights that have left the quick lane's places
	fast   []*target                 // the flights on the quick lane's places, oldest first
	kept   *turns.Places             // the connections that stay open
	wakes  wakeQueue
	// rested is when the first resting namespace with targets in a lane may be pulled
	// again; zero if there is none.
	rested time.Time
}

func newCore(interval, report time.Duration, concurrency int, random func() float64) *core {
	return &core{
		interval: interval, report: report,
		random: random,
		rest:   func(string) time.Duration { return 0 },
		pools:  map[types.NamespacedName]*pool{},
		places: [lanes]*turns.Places{
			laneQuick: turns.NewPlaces(concurrency), laneSlow: turns.NewPlaces(slowShare * concurrency),
			laneFresh: turns.NewPlaces(slowShare * concurrency), laneFailed: turns.NewPlaces(slowShare * concurrency),
		},
		tired: turns.NewPlaces(tiredShare * concurrency),
		kept:  turns.NewPlaces(maxKept),
		wakes: wakeQueue{held: map[types.NamespacedName]struct{}{}},
	}
}

// lag returns how far before the present the samples of a Snapshot may end, plus the bucket
// of the newest job: rates are zero that long after their window.
func (c *core) lag() time.Duration { return 2*c.interval + 2*throughput.BucketWidth }

// lane returns the lane the target waits in.
func (t *target) lane() lane {
	switch {
	case t.proven && t.pace.Slow():
		return laneSlow
	case t.proven:
		return laneQuick
	case t.failures == 0:
		return laneFresh
	}
	return laneFailed
}

// expire puts the target into its lane.
func (t *target) expire(c *core, _ time.Time) {
	t.stage = stageQueued
	l := t.lane()
	if t.pool.waiting[l].Empty() {
		c.turns[l].Push(t.pool.key.Namespace, t.pool)
	}
	t.pool.waiting[l].Push(t)
}

// take removes the next target of a lane that may have a place; nil if there is none. The
// namespaces take turns, and so do the pools of each namespace.
func (c *core) take(l lane, now time.Time) *target {
	for {
		p, ok := c.turns[l].Pop(func(namespace string) bool { return c.places[l].May(namespace) && !c.rests(namespace, now) })
		if !ok {
			return nil
		}
		t := p.waiting[l].Pop()
		if !p.waiting[l].Empty() {
			c.turns[l].Push(p.key.Namespace, p)
		}
		if !t.gone {
			return t
		}
	}
}

// rests reports whether a namespace rests, and updates rested.
func (c *core) rests(namespace string, now time.Time) bool {
	rest := c.rest(namespace)
	if rest <= 0 {
		return false
	}
	if at := now.Add(rest); c.rested.IsZero() || at.Before(c.rested) {
		c.rested = at
	}
	return true
}

// tick lets time pass up to now and returns the targets to pull.
func (c *core) tick(now time.Time) []*target {
	for t := c.timers.due(now); t != nil; t = c.timers.due(now) {
		t.owner.expire(c, now)
	}
	c.tire(now)
	c.rested = time.Time{}
	var pulls []*target
	for l := range lanes {
		for t := c.take(l, now); t != nil; t = c.take(l, now) {
			pulls = append(pulls, c.launch(t, l, now))
		}
	}
	return pulls
}

// tire moves flights whose patience is over from the quick lane's places to the tired
// places, if their namespaces may have one.
func (c *core) tire(now time.Time) {
	c.fast = slices.DeleteFunc(c.fast, func(t *target) bool {
		t.tired = !t.startedAt.Add(patience).After(now)
		if !t.tired || !c.tired.May(t.pool.key.Namespace) {
			return false
		}
		c.move(t, c.tired)
		return true
	})
}

// move gives the flight's place back and takes another for it; nil means no place.
func (c *core) move(t *target, places *turns.Places) {
	if t.places != nil {
		t.places.Give(t.pool.key.Namespace)
	}
	if t.places = places; places != nil {
		places.Take(t.pool.key.Namespace)
	}
}

func (c *core) launch(t *target, l lane, now time.Time) *target {
	t.stage, t.startedAt, t.tired = stageFlying, now, false
	c.move(t, c.places[l])
	if l == laneQuick {
		c.fast = append(c.fast, t)
	}
	if namespace := t.pool.key.Namespace; !t.kept && c.kept.May(namespace) {
		t.kept = true
		c.kept.Take(namespace)
	}
	return t
}

// release gives up the target's right to a connection that stays open.
func (c *core) release(t *target) {
	if t.kept {
		t.kept = false
		c.kept.Give(t.pool.key.Namespace)
	}
}

// next returns when tick has something to do again, unless a pull ends earlier; zero if
// there is no such time.
func (c *core) next() time.Time {
	at := c.rested
	if len(c.timers) > 0 && (at.IsZero() || c.timers[0].at.Before(at)) {
		at = c.timers[0].at
	}
	for _, t := range c.fast {
		if t.tired {
			continue // until a place is given back
		}
		if over := t.startedAt.Add(patience); at.IsZero() || over.Before(at) {
			at = over
		}
		break
	}
	return at
}

// finished takes the outcome of a pull: a status, or the sentence that says why there
// is none.
func (c *core) finished(now time.Time, t *target, status *protocol.Status, failure string) {
	c.land(now, t)
	if t.gone {
		return
	}
	if last := t.counts(); status != nil && last != nil {
		if what := decreased(*last, status.Counters); what != "" {
			failure = "The agent at " + t.pod.Address + " reports counts that decreased (" + what +
				"), but an agent's counts never decrease; its last good report stays."
		}
	}
	first := t.status == nil
	if failure != "" {
		c.failed(now, t, failure)
	} else {
		c.reported(now, t, status)
	}
	t.stage = stageIdle
	c.timers.set(&t.timer, c.nextPull(t, now, first))
}

// land gives the flight's place back.
func (c *core) land(now time.Time, t *target) {
	t.pace.Answered(now.Sub(t.startedAt) <= patience)
	c.move(t, nil)
	c.fast = slices.DeleteFunc(c.fast, func(flying *target) bool { return flying == t })
}

func (c *core) failed(now time.Time, t *target, failure string) {
	if t.failures == 0 {
		t.failingSince = now
	}
	t.failures++
	t.failure, t.proven = failure, false
	c.release(t)
	if !t.unreachable && t.failures >= failuresToUnreachable && now.Sub(t.failingSince) >= c.interval {
		t.unreachable = true
		c.wakes.push(t.pool.key)
	}
}

func (c *core) reported(now time.Time, t *target, status *protocol.Status) {
	p, prev, last := t.pool, t.status, t.counts()
	if t.unreachable || notable(prev, status) || p.limits.exceeded(prev, status) {
		c.wakes.push(p.key)
	}
	if last == nil {
		uptime := time.Duration(status.UptimeSeconds * float64(time.Second))
		if born, young := t.born(now, uptime); young {
			c.sampled(t.startedAt, p, born, status.Counters)
		}
	} else {
		c.sampled(t.startedAt, p, t.pulledAt, endedBetween(*last, status.Counters))
		if p.limits.Failures && status.Counters.Failed > last.Failed {
			p.alarm.fail(now)
			c.setAlarm(p)
		}
	}
	if prev != nil && moved(prev, status) {
		p.alarm.move(now, c.report)
		c.setAlarm(p)
	}
	t.counted = nil
	t.status, t.pulledAt, t.proven = status, t.startedAt, true
	t.failures, t.failure, t.failingSince, t.unreachable = 0, "", time.Time{}, false
}

// nextPull returns when the target is pulled again.
func (c *core) nextPull(t *target, now time.Time, first bool) time.Time {
	due := t.startedAt.Add(c.pause(t, first))
	if due.Before(now) {
		due = now
	}
	if t.startedAt.Before(t.pool.nudgedAt) {
		return t.earliest(now)
	}
	for _, after := range nudges {
		if at := t.pool.nudgedAt.Add(after); at.After(now) && at.Before(due) {
			return at
		}
	}
	return due
}

// pause returns the time between the start of the last pull and the next one.
func (c *core) pause(t *target, first bool) time.Duration {
	pause := float64(c.interval)
	switch {
	case t.proven && first:
		// Pods that were created together should not be pulled together from now on.
		return time.Duration(pause * (jitter + (1-jitter)*c.random()))
	case t.failures > 0 && t.status == nil:
		pause *= min(maxBackOff, 0.1*float64(int(1)<<min(t.failures-1, 10)))
	case t.failures > 0:
		pause *= min(maxBackOff, float64(int(1)<<min(t.failures-1, 10)))
	}
	return time.Duration(pause * (1 - jitter + 2*jitter*c.random()))
}

// earliest returns the earliest time at which the target may be pulled.
func (t *target) earliest(now time.Time) time.Time {
	if at := t.startedAt.Add(minGap); at.After(now) {
		return at
	}
	return now
}

// refresh makes all idle targets of the pool due after refreshDelay, or refreshGap after
// their last pull if that is later. It delays no target.
func (c *core) refresh(now time.Time, key types.NamespacedName) {
	p, ok := c.pools[key]
	if !ok {
		return
	}
	for _, t := range p.pods {
		if t.stage != stageIdle || t.pod.Address == "" {
			continue
		}
		at := now.Add(refreshDelay)
		if next := t.startedAt.Add(refreshGap); next.After(at) {
			at = next
		}
		if at.Before(t.timer.at) {
			c.timers.set(&t.timer, at)
		}
	}
}

// nudge makes all targets of the pool due that are not yet due.
func (c *core) nudge(now time.Time, key types.NamespacedName) {
	p, ok := c.pools[key]
	if !ok {
		return
	}
	p.nudgedAt = now
	for _, t := range p.pods {
		if t.stage == stageIdle && t.pod.Address != "" {
			c.timers.set(&t.timer, t.earliest(now))
		}
	}
}
