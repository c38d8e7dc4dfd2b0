// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/turns"
)

// Start asks until ctx ends, and returns when no question is left.
func (b *Backlogs) Start(ctx context.Context) error {
	defer b.end()
	b.mu.Lock()
	b.ctx = ctx
	for app, p := range b.probes {
		b.launch(app, p)
	}
	b.mu.Unlock()
	for ctx.Err() == nil {
		wakes, wake := b.next()
		select {
		case <-ctx.Done():
		case <-b.kick:
			b.putBack(wake)
		case wakes <- wake:
		}
	}
	return nil
}

// end waits for the last questions. No loop is started from now on.
func (b *Backlogs) end() {
	b.mu.Lock()
	b.ctx = nil
	b.mu.Unlock()
	b.loops.Wait()
	b.asker.close()
}

// launch starts the loop of a probe, once Start has run.
func (b *Backlogs) launch(app types.NamespacedName, p *probe) {
	if b.ctx == nil || p.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(b.ctx)
	p.cancel = cancel
	b.loops.Go(func() { b.follow(ctx, app, p) })
}

// follow asks one probe until ctx ends.
func (b *Backlogs) follow(ctx context.Context, app types.NamespacedName, p *probe) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	silent, due := 0, time.Now()
	manner := manner{patience: b.probePatience}
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.kick:
		case <-timer.C:
		}
		if wait := b.wait(app, p, due); wait > 0 {
			timer.Reset(wait)
			continue
		}
		class := manner.class()
		if !b.slots.take(ctx, class, app.Namespace) {
			return
		}
		began := time.Now()
		asked, answered := b.ask(ctx, app, p)
		b.slots.give(class, app.Namespace)
		if asked {
			manner.answered(answered, time.Since(began))
		}
		if answered {
			silent = 0
		} else {
			silent = min(silent+1, mostDoublings)
		}
		due = time.Now().Add(time.Duration(float64(b.options.Interval<<silent) * (0.8 + 0.4*rand.Float64())))
		timer.Reset(b.wait(app, p, due))
	}
}

// wait returns how long to wait before the probe is asked. The probe is asked when it is
// due, or earlier if it is wanted sooner, but never while its namespace rests.
func (b *Backlogs) wait(app types.NamespacedName, p *probe, due time.Time) time.Duration {
	b.mu.Lock()
	if !p.wanted.IsZero() && p.wanted.Before(due) {
		due = p.wanted
	}
	b.mu.Unlock()
	return max(time.Until(due), b.options.Budget.Rest(app.Namespace), 0)
}

// manner is how a probe has answered so far.
type manner struct {
	// patience is how long it may take to answer before it counts as slow.
	patience time.Duration
	known    bool
	pace     turns.Pace
}

func (m *manner) class() slotClass {
	switch {
	case !m.known:
		return slotFresh
	case m.pace.Slow():
		return slotSlow
	}
	return slotQuick
}

// answered records whether the probe answered, and how long it took. A probe that
// refused at once remains unknown.
func (m *manner) answered(answered bool, took time.Duration) {
	quickly := took <= m.patience
	m.known = m.known || answered || !quickly
	m.pace.Answered(quickly)
}

// mostDoublings bounds the pause between questions to a silent probe. Each question may
// hold a slot for the whole timeout.
const mostDoublings = 3

// ask asks a probe once and takes its answer. It reports whether there was a probe to
// ask, and whether the loop may go on as if the probe had answered. What the probe says
// about its backend is an answer, whatever it says.
func (b *Backlogs) ask(ctx context.Context, app types.NamespacedName, p *probe) (asked, answered bool) {
	var where Probe
	var request protocol.BacklogRequest
	b.options.Budget.Spend(app.Namespace, func() { where, request = b.question(app, p) })
	if len(request.Queues) == 0 {
		return false, true
	}
	answer, err := b.asker.askAll(ctx, app.Namespace, where, request)
	if ctx.Err() != nil {
		return false, true
	}
	refused := false
	b.options.Budget.Spend(app.Namespace, func() { refused = b.heard(app, p, answer, err) })
	if refused {
		return true, true
	}
	// A probe that refuses the operator is asked as often as a probe that answers, so
	// that it is usable an interval after it has learned the key.
	return !errors.Is(err, errNowhere), err == nil || errors.Is(err, errNowhere) || errors.Is(err, ErrKey)
}

// question returns where the probe is and the request for it, and notes that it is asked
// now.
func (b *Backlogs) question(app types.NamespacedName, p *probe) (Probe, protocol.BacklogRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	request := b.requestOf(app)
	p.wanted = time.Time{}
	if len(request.Queues) > 0 && p.where.Address != "" {
		p.askedAt = time.Now()
	}
	return p.where, request
}

// heard takes an answer. It reports whether the answer is a refusal that the operator
// does not report yet, because it asks the probe again soon.
func (b *Backlogs) heard(app types.NamespacedName, p *probe, answer *protocol.Backlog, err error) (refused bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refused(p, err) {
		return true
	}
	now := b.options.Clock.Now()
	p.take(answer, now)
	b.tell(app, p, now)
	return false
}

const (
	// learning is the time after which the operator asks a probe again that does not
	// know its key yet, and maxRefusals how often it does so before it reports trouble.
	// A kubelet usually shows a pod its annotations within 250 ms.
	learning    = 500 * time.Millisecond
	maxRefusals = 20
)

// refused reports whether a probe refused the operator because it does not know the key
// yet, and asks it again soon. The known backlog stays meanwhile, for a while.
//
// Only an answer shows that the probe knows the key, and earns the probe one early
// question. So a probe that answers now and then is asked hardly more often than other
// probes.
func (b *Backlogs) refused(p *probe, err error) bool {
	switch {
	case err == nil:
		p.refusals = max(p.refusals-1, 0)
		return false
	case !errors.Is(err, ErrKey) || p.refusals >= maxRefusals:
		return false
	}
	p.refusals++
	p.wanted = time.Now().Add(learning)
	return true
}

// requestOf returns a request for the queues of all pools of an app.
func (b *Backlogs) requestOf(app types.NamespacedName) protocol.BacklogRequest {
	var out protocol.BacklogRequest
	for _, pool := range b.users[app] {
		out.Queues = append(out.Queues, pool.use.Queues...)
		out.SoonSeconds = max(out.SoonSeconds, pool.use.Soon.Seconds())
	}
	slices.Sort(out.Queues)
	out.Queues = slices.Compact(out.Queues)
	return out
}
