// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/telemetry"
)

// toldBacklog is the news for which a pool was last woken.
type toldBacklog struct {
	known   bool
	reason  protocol.BacklogError
	message string
	figures []int64
}

// atOnce returns the news that a pool gets at once: whether its backlog is known, and
// why not.
func (t toldBacklog) atOnce() toldBacklog {
	t.figures = nil
	return t
}

func (t toldBacklog) equal(other toldBacklog) bool {
	return t.known == other.known && t.reason == other.reason && t.message == other.message && slices.Equal(t.figures, other.figures)
}

// tell wakes the pools of an app for which the newest answer is news. It wakes a pool
// at once for news that changes a condition and for the first job on empty queues. For
// changed figures it wakes the pool at once if it is Eager, and otherwise once per
// QuietInterval. Ages are no news, but it is news whether an age is known: a queue at
// rest reports its age only after a while.
func (b *Backlogs) tell(app types.NamespacedName, p *probe, now time.Time) {
	for key, pool := range b.users[app] {
		news := newsOf(p.reportOf(pool.use.Queues))
		if news.equal(pool.told) {
			continue
		}
		urgent := pool.use.Eager || !news.atOnce().equal(pool.told.atOnce()) || empty(pool.told.figures) != empty(news.figures)
		if urgent || now.Sub(pool.wokenAt) >= b.options.QuietInterval {
			pool.told, pool.wokenAt = news, now
			b.push(key)
		}
	}
	poke(b.kick)
}

func newsOf(report telemetry.BacklogReport) toldBacklog {
	out := toldBacklog{known: !report.MeasuredAt.IsZero(), reason: report.Reason, message: report.Message}
	for _, depth := range report.Queues {
		var aged int64
		if depth.OldestSeconds != nil && depth.Ready > 0 {
			aged = 1
		}
		out.figures = append(out.figures, depth.Ready, depth.Delayed, depth.Reserved, depth.DueSoon, aged)
	}
	return out
}

// empty reports whether no job waits, is delayed or is worked on.
func empty(figures []int64) bool {
	return !slices.ContainsFunc(figures, func(n int64) bool { return n != 0 })
}

// next returns the wake to hand out; the channel is nil if there is none.
func (b *Backlogs) next() (chan<- event.GenericEvent, event.GenericEvent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pending.Empty() {
		return nil, event.GenericEvent{}
	}
	pool := b.pending.Pop()
	delete(b.queued, pool)
	worker := &v1alpha1.QueueWorker{ObjectMeta: metav1.ObjectMeta{Namespace: pool.Namespace, Name: pool.Name}}
	return b.wakes, event.GenericEvent{Object: worker}
}

// putBack queues a wake that was not handed out.
func (b *Backlogs) putBack(wake event.GenericEvent) {
	if wake.Object == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.push(types.NamespacedName{Namespace: wake.Object.GetNamespace(), Name: wake.Object.GetName()})
}

func (b *Backlogs) push(pool types.NamespacedName) {
	if !b.queued[pool] {
		b.queued[pool] = true
		b.pending.Push(pool)
	}
}
