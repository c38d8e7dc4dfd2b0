// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/controllers/throughput"
	"queueworker.dev/queueworker/controllers/turns"
)

const (
	// maxSettled bounds the memory of settled ends. An ended pod stays visible in its
	// terminal phase, and each of its events would otherwise record its end again.
	maxSettled = 1024
	// departedFor is how long a pod is remembered that is neither tracked nor known to
	// have ended. The reconciler can miss the pod in its list before the informer's
	// handlers report its end.
	departedFor = 5 * time.Minute
	// blip is how long such a pod keeps its status, which is up to a hundred times as
	// large as its counts. A pod that is back within this time was missing by mistake.
	blip = 10 * time.Second
)

// pool is the known state of one QueueWorker.
type pool struct {
	key   types.NamespacedName
	since time.Time
	// pods are pulled. departed pods are not pulled, but their end has not been recorded.
	pods     map[types.UID]*target
	departed map[types.UID]departure
	// ended holds the ends that are not yet settled, in order; endings holds the same
	// ends by UID. settled holds the UIDs of the last settled ends.
	ended        []*ending
	endings      map[types.UID]*ending
	settled      map[types.UID]struct{}
	settledOrder turns.FIFO[types.UID]

	samples  samples
	limits   Limits
	alarm    alarm
	timer    timer
	nudgedAt time.Time
	// waiting holds the targets that are due in each lane.
	waiting [lanes]turns.FIFO[*target]
}

// ending is a pod's end and the part of it that the samples already include.
type ending struct {
	telemetry.Ended
	from    time.Time
	counted *protocol.Counters
}

// departure is a pod that departed. After blip, its target keeps the counts but not the
// status.
type departure struct {
	target *target
	at     time.Time
}

// target is a pod that is pulled.
type target struct {
	pod   Pod
	pool  *pool
	timer timer
	stage stage
	// gone reports whether the pod is no longer pulled; a queue or a flight may still
	// hold it.
	gone bool
	// proven reports whether the last pull, from this address, was good.
	proven bool
	// pace says whether the pod is slow to answer.
	pace turns.Pace
	// places are the places of which the flight holds one. tired reports whether its
	// patience is over.
	places *turns.Places
	tired  bool
	// kept reports whether the pod's connection may be kept open.
	kept bool
	// startedAt is when the last pull began.
	startedAt time.Time

	status *protocol.Status
	// counted holds the counts of the last good pull while status is nil: the pod was
	// departed for longer than blip, and has not been pulled since.
	counted      *protocol.Counters
	pulledAt     time.Time
	failures     int
	failure      string
	failingSince time.Time
	unreachable  bool
}

// counts returns the counts of the last good pull; nil if there was none.
func (t *target) counts() *protocol.Counters {
	if t.status != nil {
		return &t.status.Counters
	}
	return t.counted
}

// keepCounts returns a copy of the counts, which does not keep the status in memory.
func (t *target) keepCounts() *protocol.Counters {
	if counts := t.counts(); counts != nil {
		return new(*counts)
	}
	return nil
}

func (c *core) pool(now time.Time, key types.NamespacedName) *pool {
	if p, ok := c.pools[key]; ok {
		return p
	}
	p := &pool{
		key: key, since: now,
		pods:     map[types.UID]*target{},
		departed: map[types.UID]departure{},
		endings:  map[types.UID]*ending{},
		settled:  map[types.UID]struct{}{},
		samples:  newSamples(now, c.lag()),
	}
	p.timer.owner = p
	c.pools[key] = p
	return p
}

// track sets the pods of the pool that are pulled.
func (c *core) track(now time.Time, key types.NamespacedName, pods []Pod) {
	p := c.pool(now, key)
	p.forgetDeparted(now)
	listed := make(map[types.UID]struct{}, len(pods))
	for _, pod := range pods {
		if pod.UID == "" || p.hasEnded(pod.UID) {
			continue
		}
		listed[pod.UID] = struct{}{}
		c.trackPod(now, p, pod)
	}
	for uid, t := range p.pods {
		if _, ok := listed[uid]; !ok {
			c.drop(t)
			p.departed[uid] = departure{target: t, at: now}
		}
	}
}

// forgetDeparted forgets pods that departed long ago, and the statuses of pods that
// departed more than a moment ago.
func (p *pool) forgetDeparted(now time.Time) {
	for uid, d := range p.departed {
		switch gone := now.Sub(d.at); {
		case gone > departedFor:
			delete(p.departed, uid)
		case gone > blip:
			d.target.counted, d.target.status = d.target.keepCounts(), nil
		}
	}
}

// trackPod adds a pod, or moves a pod to its new address and keeps what is known about
// it.
func (c *core) trackPod(now time.Time, p *pool, pod Pod) {
	old := p.pods[pod.UID]
	if old != nil && pod.Address == old.pod.Address && pod.Secure == old.pod.Secure {
		return
	}
	t := &target{pod: pod, pool: p}
	t.timer.owner = t
	if old != nil {
		c.drop(old)
	} else {
		old = p.departed[pod.UID].target
		delete(p.departed, pod.UID)
	}
	if old != nil {
		t.status, t.counted, t.pulledAt, t.unreachable = old.status, old.counted, old.pulledAt, old.unreachable
		t.failures, t.failure, t.failingSince = old.failures, old.failure, old.failingSince
		t.pace = old.pace
	}
	p.pods[pod.UID] = t
	if pod.Address == "" {
		t.failures, t.failure, t.failingSince, t.unreachable = 0, "", time.Time{}, false
		return
	}
	c.timers.set(&t.timer, now)
}

// drop stops pulling a pod.
func (c *core) drop(t *target) {
	t.gone = true
	c.timers.unset(&t.timer)
	c.release(t)
	delete(t.pool.pods, t.pod.UID)
}

func (c *core) forget(key types.NamespacedName) {
	p, ok := c.pools[key]
	if !ok {
		return
	}
	for _, t := range p.pods {
		c.drop(t)
	}
	c.timers.unset(&p.timer)
	delete(c.pools, key)
}

// recordEnd notes an end and wakes the pool, unless the end has nothing new.
func (c *core) recordEnd(now time.Time, key types.NamespacedName, end telemetry.Ended) {
	p := c.pool(now, key)
	if _, ok := p.settled[end.UID]; ok {
		return
	}
	known := p.endings[end.UID]
	if known == nil {
		known = p.newEnding(now, end)
		if t := p.pods[end.UID]; t != nil {
			c.drop(t)
		}
		delete(p.departed, end.UID)
		p.ended = append(p.ended, known)
		p.endings[end.UID] = known
		c.wakes.push(key)
	}
	before := known.Ended
	known.Started = known.Started || end.Started
	known.OfRun = known.OfRun || end.OfRun
	c.takeFinal(now, p, known, end.Final)
	if known.Ended != before {
		c.wakes.push(key)
	}
}

// newEnding returns the end of a pod with the counts of its last good pull.
func (p *pool) newEnding(now time.Time, end telemetry.Ended) *ending {
	e := &ending{Ended: telemetry.Ended{UID: end.UID, Name: end.Name}, from: now}
	t := p.pods[end.UID]
	if t == nil {
		t = p.departed[end.UID].target
	}
	if t == nil {
		return e
	}
	e.Tracked = true
	if counts := t.keepCounts(); counts != nil {
		e.LastPulled, e.counted, e.from = counts, counts, t.pulledAt
	} else if born, young := t.born(now, 0); young {
		e.counted, e.from = &protocol.Counters{}, born
	}
	return e
}

// takeFinal adds an agent's final report to an end, unless it is older than what is
// already known. Such a report comes from an earlier container of the pod.
func (c *core) takeFinal(now time.Time, p *pool, e *ending, final *protocol.Final) {
	if final == nil || (e.LastPulled != nil && decreased(*e.LastPulled, final.Counters) != "") {
		return
	}
	if old := e.Final; old != nil && (decreased(old.Counters, final.Counters) != "" ||
		sameCounters(&old.Counters, &final.Counters) && old.Complete == final.Complete) {
		return
	}
	e.Final = final
	if e.counted == nil {
		return
	}
	c.sampled(now, p, e.from, endedBetween(*e.counted, final.Counters))
	e.counted, e.from = &final.Counters, now
}

// sampled adds the jobs that ended between from and now to the samples and sets the
// wakes that must follow.
func (c *core) sampled(now time.Time, p *pool, from time.Time, ended protocol.Counters) {
	if ended.Attempts() == 0 {
		return
	}
	p.samples.spread(from, now, ended)
	p.alarm.move(now, c.report)
	p.alarm.trails[0] = now.Add(max(c.report, throughput.RateWindow) + c.lag())
	p.alarm.trails[1] = now.Add(throughput.ShareWindow + c.lag())
	c.setAlarm(p)
}

func (c *core) setAlarm(p *pool) {
	if at := p.alarm.next(); !at.IsZero() {
		c.timers.set(&p.timer, at)
	}
}

// expire wakes the pool for its jobs.
func (p *pool) expire(c *core, now time.Time) {
	if p.alarm.ring(now) {
		c.wakes.push(p.key)
	}
	c.setAlarm(p)
}

func (c *core) settle(key types.NamespacedName, uids []types.UID) {
	p, ok := c.pools[key]
	if !ok {
		return
	}
	for _, uid := range uids {
		if p.endings[uid] == nil {
			continue
		}
		delete(p.endings, uid)
		p.settled[uid] = struct{}{}
		p.settledOrder.Push(uid)
		if len(p.settled) > maxSettled {
			delete(p.settled, p.settledOrder.Pop())
		}
	}
	p.ended = slices.DeleteFunc(p.ended, func(e *ending) bool { return p.endings[e.UID] == nil })
}

func (c *core) snapshot(now time.Time, key types.NamespacedName) telemetry.Snapshot {
	p, ok := c.pools[key]
	if !ok {
		return telemetry.Snapshot{Pods: map[types.UID]telemetry.PodReport{}, Samples: throughput.Input{Now: now, Since: now}}
	}
	s := telemetry.Snapshot{Pods: make(map[types.UID]telemetry.PodReport, len(p.pods))}
	until := now
	for uid, t := range p.pods {
		report := telemetry.PodReport{Status: t.status, Error: t.failure, FailingSince: t.failingSince, Unreachable: t.unreachable}
		if t.status != nil {
			report.PulledAt = t.pulledAt
		}
		s.Pods[uid] = report
		if t.pod.Address != "" && t.status != nil && t.pulledAt.Before(until) {
			until = t.pulledAt
		}
	}
	if earliest := now.Add(-2 * c.interval); until.Before(earliest) {
		until = earliest
	}
	until = p.samples.start(p.samples.number(until))
	s.Samples = throughput.Input{Now: now, Until: until, Since: p.since, Buckets: p.samples.buckets(until)}
	s.Latest = p.samples.buckets(now.Add(throughput.BucketWidth))
	for _, e := range p.ended {
		s.Ended = append(s.Ended, e.Ended)
	}
	for uid, d := range p.departed {
		if now.Sub(d.at) <= departedFor {
			s.Departed = append(s.Departed, uid)
		}
	}
	slices.Sort(s.Departed)
	return s
}

func (p *pool) hasEnded(uid types.UID) bool {
	_, settled := p.settled[uid]
	return settled || p.endings[uid] != nil
}

// born returns when the pod began to count, as far as is known, and whether that is
// recent enough: then all its counts belong in the samples. The agent's uptime alone
// does not show it, because counts survive a restart of the container.
func (t *target) born(now time.Time, uptime time.Duration) (time.Time, bool) {
	age := uptime
	if !t.pod.Created.IsZero() {
		age = max(age, now.Sub(t.pod.Created))
	} else if uptime == 0 {
		return time.Time{}, false
	}
	return now.Add(-age), age < throughput.ShareWindow
}
