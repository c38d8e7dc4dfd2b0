// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/throughput"
)

const (
	// patience is how long a proven pod's pull may take before it counts as slow.
	patience = 250 * time.Millisecond
	// minGap is the shortest time between two pulls of one pod.
	minGap = 100 * time.Millisecond
	// jitter is by how much an interval varies to either side.
	jitter = 0.2
	// slowShare is how many slow pulls may wait for each quick one.
	slowShare = 16
	// failuresToUnreachable is how many failures in a row make a pod unreachable.
	failuresToUnreachable = 3
	// maxBackOff is the longest back-off, in intervals.
	maxBackOff = 6
	// maxKept bounds the connections kept open between pulls; each costs some 15 KB.
	maxKept = 1000
)

// nudges are when, after a nudge, a pool is pulled again: the kubelet needs 90 to
// 250 ms to bring a control document to the agent, and sometimes longer.
var nudges = []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}

// lane is a class of targets that wait for their pull.
type lane int

const (
	laneProven lane = iota
	laneFresh
	laneFailed
	lanes
)

// stage is where a target is between two pulls.
type stage int

const (
	stageIdle   stage = iota // its timer is set
	stageQueued              // it waits in a lane
	stageFlying              // it is being pulled
)

// core is the collector without clock, network and locks.
type core struct {
	interval, report time.Duration
	fastBudget       int
	slowBudget       int
	random           func() float64 // in [0, 1)

	pools  map[types.NamespacedName]*pool
	timers timers
	turns  [lanes]fifo[*pool] // the pools with targets in a lane
	fast   []*target          // flights on the fast budget, oldest first
	slow   int                // flights on the slow budget
	kept   int
	wakes  wakeQueue
}

func newCore(interval, report time.Duration, concurrency int, random func() float64) *core {
	return &core{
		interval: interval, report: report,
		fastBudget: concurrency, slowBudget: slowShare * concurrency,
		random: random,
		pools:  map[types.NamespacedName]*pool{},
		wakes:  wakeQueue{held: map[types.NamespacedName]struct{}{}},
	}
}

// lag is how far the samples of a Snapshot may end before the present, plus the
// bucket the newest job is in: rates are zero that long after their window.
func (c *core) lag() time.Duration { return 2*c.interval + 2*throughput.BucketWidth }

// lane returns the lane the target waits in.
func (t *target) lane() lane {
	switch {
	case t.proven:
		return laneProven
	case t.failures == 0:
		return laneFresh
	}
	return laneFailed
}

// expire puts the target into its lane.
func (t *target) expire(c *core, _ time.Time) {
	t.stage = stageQueued
	l := t.lane()
	if t.pool.waiting[l].empty() {
		c.turns[l].push(t.pool)
	}
	t.pool.waiting[l].push(t)
}

// take removes the next target of a lane, the pools taking turns; nil if there is none.
func (c *core) take(l lane) *target {
	for !c.turns[l].empty() {
		p := c.turns[l].pop()
		t := p.waiting[l].pop()
		if !p.waiting[l].empty() {
			c.turns[l].push(p)
		}
		if !t.gone {
			return t
		}
	}
	return nil
}

// tick lets time pass up to now and returns the targets to pull.
func (c *core) tick(now time.Time) []*target {
	for t := c.timers.due(now); t != nil; t = c.timers.due(now) {
		t.owner.expire(c, now)
	}
	for len(c.fast) > 0 && c.slow < c.slowBudget && !c.fast[0].startedAt.Add(patience).After(now) {
		c.fast[0].hurried = false
		c.fast = append(c.fast[:0], c.fast[1:]...)
		c.slow++
	}
	var pulls []*target
	for len(c.fast) < c.fastBudget {
		t := c.take(laneProven)
		if t == nil {
			break
		}
		t.hurried = true
		c.fast = append(c.fast, t)
		pulls = append(pulls, c.launch(t, now))
	}
	for c.slow < c.slowBudget/2 {
		t := c.take(laneFresh)
		if t == nil {
			t = c.take(laneFailed)
		}
		if t == nil {
			break
		}
		c.slow++
		pulls = append(pulls, c.launch(t, now))
	}
	return pulls
}

func (c *core) launch(t *target, now time.Time) *target {
	t.stage, t.startedAt = stageFlying, now
	if !t.kept && c.kept < maxKept {
		t.kept = true
		c.kept++
	}
	return t
}

// release gives up the target's right to a connection that stays open.
func (c *core) release(t *target) {
	if t.kept {
		t.kept = false
		c.kept--
	}
}

// next returns when tick has something to do again, unless a pull ends before; zero
// if there is no such time.
func (c *core) next() time.Time {
	var at time.Time
	if len(c.timers) > 0 {
		at = c.timers[0].at
	}
	if len(c.fast) > 0 && c.slow < c.slowBudget {
		if tired := c.fast[0].startedAt.Add(patience); at.IsZero() || tired.Before(at) {
			at = tired
		}
	}
	return at
}

// finished takes the outcome of a pull: a status, or the sentence why there is none.
func (c *core) finished(now time.Time, t *target, status *protocol.Status, failure string) {
	c.land(t)
	if t.gone {
		return
	}
	if status != nil && t.status != nil {
		if what := decreased(t.status.Counters, status.Counters); what != "" {
			failure = "The agent at " + t.pod.Address + " reports counts that went down (" + what +
				"), which an honest agent's never do; its last good report stays."
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
func (c *core) land(t *target) {
	if !t.hurried {
		c.slow--
		return
	}
	t.hurried = false
	for i := range c.fast {
		if c.fast[i] == t {
			c.fast = append(c.fast[:i], c.fast[i+1:]...)
			return
		}
	}
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
	p, prev := t.pool, t.status
	if t.unreachable || notable(prev, status) || p.limits.exceeded(prev, status) {
		c.wakes.push(p.key)
	}
	if prev == nil {
		uptime := time.Duration(status.UptimeSeconds * float64(time.Second))
		if born, young := t.born(now, uptime); young {
			c.sampled(t.startedAt, p, born, status.Counters)
		}
	} else {
		c.sampled(t.startedAt, p, t.pulledAt, endedBetween(prev.Counters, status.Counters))
		if p.limits.Failures && status.Counters.Failed > prev.Counters.Failed {
			p.alarm.fail(now)
			c.setAlarm(p)
		}
		if moved(prev, status) {
			p.alarm.move(now, c.report)
			c.setAlarm(p)
		}
	}
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
		// Pods that came together shall not be pulled together from now on.
		return time.Duration(pause * (jitter + (1-jitter)*c.random()))
	case t.failures > 0 && t.status == nil:
		pause *= min(maxBackOff, 0.1*float64(int(1)<<min(t.failures-1, 10)))
	case t.failures > 0:
		pause *= min(maxBackOff, float64(int(1)<<min(t.failures-1, 10)))
	}
	return time.Duration(pause * (1 - jitter + 2*jitter*c.random()))
}

// earliest returns when the target may be pulled at the earliest.
func (t *target) earliest(now time.Time) time.Time {
	if at := t.startedAt.Add(minGap); at.After(now) {
		return at
	}
	return now
}

// nudge makes all targets of the pool due that are not already.
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
