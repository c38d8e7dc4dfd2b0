// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	// maxAccounted bounds status.accounted. It is twice the number of pods that the
	// largest pool can have in a full surge.
	maxAccounted = 2000
	// maxAccountedBytes bounds its JSON. A pod takes 300 bytes. A pod whose agent claims
	// every possible reason takes 900, and 2,000 of these would exceed etcd's 1.5 MiB.
	maxAccountedBytes = 512 << 10
)

// account adds the work of the pods since the last write to the totals.
func account(in Input, status *v1alpha1.QueueWorkerStatus) {
	accounts := accounts{
		totals:   &status.Totals,
		restarts: countsOf(status.Restarts),
		ledger:   ledgerOf(status.Accounted),
		present:  map[types.UID]bool{},
	}
	for uid, entry := range accounts.ledger {
		accounts.bytes += entry.size(uid, protocol.Counters{})
	}
	for _, ended := range in.Ended {
		accounts.close(ended)
	}
	for _, pod := range in.Pods {
		if !accounts.present[pod.UID] {
			accounts.update(pod)
		}
	}
	accounts.giveUp(in.Expected)
	status.Accounted = accountedOf(accounts.ledger)
	status.Restarts = restartsOf(accounts.restarts)
}

// accounts are the totals, and the counts that they contain of each pod.
type accounts struct {
	totals   *v1alpha1.Totals
	restarts map[string]int64
	ledger   map[types.UID]entry
	// present holds the pods dealt with.
	present map[types.UID]bool
	// bytes is how many bytes of the status the ledger takes.
	bytes int
}

// room reports whether the ledger has room for an entry after counts were seen.
func (b *accounts) room(uid types.UID, entry entry, seen protocol.Counters) bool {
	before, known := b.ledger[uid]
	bytes := b.bytes + entry.size(uid, seen)
	if known {
		bytes -= before.size(uid, protocol.Counters{})
	}
	return bytes <= maxAccountedBytes && (known || len(b.ledger) < maxAccounted)
}

// keep puts an entry into the ledger.
func (b *accounts) keep(uid types.UID, entry entry) {
	b.drop(uid)
	b.ledger[uid] = entry
	b.bytes += entry.size(uid, protocol.Counters{})
}

// drop removes an entry from the ledger.
func (b *accounts) drop(uid types.UID) {
	if entry, known := b.ledger[uid]; known {
		b.bytes -= entry.size(uid, protocol.Counters{})
		delete(b.ledger, uid)
	}
}

// close adds the last counts of a pod that has ended.
func (b *accounts) close(ended EndedPod) {
	entry, known := b.ledger[ended.UID]
	if ended.Counters != nil {
		b.add(&entry, *ended.Counters)
	}
	if !ended.Complete && (ended.Started || known && entry.seen) {
		b.totals.UnaccountedWorkers++
	}
	b.drop(ended.UID)
	b.present[ended.UID] = true
}

// update adds the counts of a pod.
func (b *accounts) update(pod Pod) {
	b.present[pod.UID] = true
	entry := b.ledger[pod.UID]
	entry.name = pod.Name
	var seen protocol.Counters
	switch {
	case pod.Final != nil:
		seen, entry.seen = pod.Final.Counters, true
	case pod.Report != nil:
		seen, entry.seen = pod.Report.Counters, true
	}
	if !pod.Closing && !b.room(pod.UID, entry, seen) {
		return // its counts are added when there is room, or at its end
	}
	b.add(&entry, seen)
	countContainerRestarts(pod, b.restarts, &entry)
	if !pod.Closing {
		b.keep(pod.UID, entry)
		return
	}
	if entry.seen && (pod.Final == nil || !pod.Final.Complete) {
		b.totals.UnaccountedWorkers++
	}
	b.drop(pod.UID)
}

// giveUp drops the pods that are only in the ledger. They ended while no operator
// watched, unless the event of their end is still to come.
func (b *accounts) giveUp(expected map[types.UID]bool) {
	for uid, entry := range b.ledger {
		if b.present[uid] || expected[uid] {
			continue
		}
		if entry.seen {
			b.totals.UnaccountedWorkers++
		}
		b.drop(uid)
	}
}

// add raises an entry to the counts seen now, and the totals with it. Counts never go
// down: lower counts than before are ignored.
func (b *accounts) add(entry *entry, seen protocol.Counters) {
	b.totals.Processed += raise(&entry.counters.Processed, seen.Processed)
	b.totals.Failed += raise(&entry.counters.Failed, seen.Failed)
	b.totals.Released += raise(&entry.counters.Released, seen.Released)
	exits := maps.Clone(entry.counters.Exits)
	if exits == nil {
		exits = map[protocol.ExitReason]int64{}
	}
	for reason, count := range seen.Exits {
		known := exits[reason]
		b.restarts[string(reason)] += raise(&known, count)
		exits[reason] = known
	}
	entry.counters.Exits = exits
}

// entry holds the counts of one pod that totals contain.
type entry struct {
	name              string
	counters          protocol.Counters
	containerRestarts int32
	// seen reports whether the pod's agent has ever reported.
	seen bool
}

// size returns how many bytes an entry takes in the status after counts were seen.
func (e entry) size(uid types.UID, seen protocol.Counters) int {
	const fields = len(`{"uid":"","name":"","reported":true,"processed":,"failed":,"released":,"restarts":[],"containerRestarts":2147483647},`)
	n := fields + len(uid) + len(e.name) +
		digits(max(e.counters.Processed, seen.Processed)) + digits(max(e.counters.Failed, seen.Failed)) + digits(max(e.counters.Released, seen.Released))
	row := func(reason protocol.ExitReason, count int64) int {
		return len(`{"reason":"","count":},`) + len(reason) + digits(count)
	}
	for reason, count := range seen.Exits {
		n += row(reason, max(e.counters.Exits[reason], count))
	}
	for reason, count := range e.counters.Exits {
		if _, again := seen.Exits[reason]; !again {
			n += row(reason, count)
		}
	}
	return n
}

func digits(n int64) int { return len(strconv.FormatInt(n, 10)) }

// raise raises a count to the value seen now and returns the difference.
func raise(known *int64, seen int64) int64 {
	difference := max(seen-*known, 0)
	*known += difference
	return difference
}

// countContainerRestarts counts the ends of the whole container. On cgroup v2 the
// kernel kills all processes of a container that reaches its memory limit. That
// includes the agent, which therefore cannot report the end.
func countContainerRestarts(pod Pod, restarts map[string]int64, entry *entry) {
	container := pod.container()
	if container == nil || container.RestartCount <= entry.containerRestarts {
		return
	}
	difference := int64(container.RestartCount - entry.containerRestarts)
	entry.containerRestarts = container.RestartCount
	reason := protocol.ExitCrashed
	if last := container.LastTerminationState.Terminated; last != nil {
		switch {
		case last.Reason == string(protocol.ExitOOMKilled):
			reason = protocol.ExitOOMKilled
		case last.ExitCode == 0:
			return
		}
	}
	restarts[string(reason)] += difference
}

func ledgerOf(accounted []v1alpha1.AccountedPod) map[types.UID]entry {
	ledger := make(map[types.UID]entry, len(accounted))
	for _, pod := range accounted {
		e := entry{
			name:              pod.Name,
			containerRestarts: pod.ContainerRestarts,
			seen:              pod.Reported,
			counters:          protocol.Counters{Processed: pod.Processed, Failed: pod.Failed, Released: pod.Released},
		}
		if len(pod.Restarts) > 0 {
			e.counters.Exits = map[protocol.ExitReason]int64{}
			for _, restart := range pod.Restarts {
				e.counters.Exits[protocol.ExitReason(restart.Reason)] = restart.Count
			}
		}
		ledger[pod.UID] = e
	}
	return ledger
}

func accountedOf(ledger map[types.UID]entry) []v1alpha1.AccountedPod {
	out := make([]v1alpha1.AccountedPod, 0, len(ledger))
	for uid, entry := range ledger {
		exits := map[string]int64{}
		for reason, count := range entry.counters.Exits {
			exits[string(reason)] = count
		}
		out = append(out, v1alpha1.AccountedPod{
			UID:               uid,
			Name:              entry.name,
			Reported:          entry.seen,
			Processed:         entry.counters.Processed,
			Failed:            entry.counters.Failed,
			Released:          entry.counters.Released,
			Restarts:          restartsOf(exits),
			ContainerRestarts: entry.containerRestarts,
		})
	}
	slices.SortFunc(out, func(a, b v1alpha1.AccountedPod) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
	})
	return out
}

func countsOf(restarts []v1alpha1.RestartCount) map[string]int64 {
	counts := map[string]int64{}
	for _, restart := range restarts {
		counts[restart.Reason] = restart.Count
	}
	return counts
}

func restartsOf(counts map[string]int64) []v1alpha1.RestartCount {
	var out []v1alpha1.RestartCount
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		if counts[reason] > 0 {
			out = append(out, v1alpha1.RestartCount{Reason: reason, Count: counts[reason]})
		}
	}
	return out
}
