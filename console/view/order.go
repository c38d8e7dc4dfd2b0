// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Order is the property that workers are sorted by.
type Order string

// The orders; numbers are sorted with the largest first.
const (
	ByName      Order = "name"
	ByState     Order = "state"
	ByCPU       Order = "cpu"
	ByMemory    Order = "memory"
	ByAge       Order = "age"
	ByProcessed Order = "processed"
	ByFailed    Order = "failed"
	ByJobTime   Order = "job"
)

// stateRank sorts states: a state that needs attention comes first.
var stateRank = map[v1alpha1.WorkerState]int{
	v1alpha1.WorkerBackingOff: 0, v1alpha1.WorkerBusy: 1, v1alpha1.WorkerRetiring: 2, v1alpha1.WorkerStarting: 3,
	v1alpha1.WorkerIdle: 4, v1alpha1.WorkerPaused: 5, v1alpha1.WorkerStopped: 6,
}

// SortWorkers sorts workers. It sorts equal workers by name, so that rows do not jump.
func SortWorkers(workers []Worker, by Order, reverse bool) {
	slices.SortStableFunc(workers, func(a, b Worker) int {
		order := compare(&a, &b, by)
		if reverse {
			order = -order
		}
		return cmp.Or(order, strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
}

func compare(a, b *Worker, by Order) int {
	switch by {
	case ByName:
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	case ByState:
		return cmp.Compare(stateRank[a.State], stateRank[b.State])
	case ByCPU:
		return quantities(b.CPU, a.CPU)
	case ByMemory:
		return quantities(b.Memory, a.Memory)
	case ByAge:
		return earlier(a.StartedTime.IsZero(), b.StartedTime.IsZero(), func() (time.Time, time.Time) { return a.StartedTime.Time, b.StartedTime.Time })
	case ByProcessed:
		return cmp.Compare(b.Processed, a.Processed)
	case ByFailed:
		return cmp.Compare(b.Failed, a.Failed)
	case ByJobTime:
		return earlier(idle(a), idle(b), func() (time.Time, time.Time) {
			return a.CurrentJob.StartedTime.Time, b.CurrentJob.StartedTime.Time
		})
	}
	return 0
}

func quantities(a, b *resource.Quantity) int {
	if a == nil || b == nil {
		return cmp.Compare(bit(a != nil), bit(b != nil))
	}
	return a.Cmp(*b)
}

// earlier puts the earlier of two times first, and a worker without a time last.
func earlier(noA, noB bool, times func() (a, b time.Time)) int {
	if noA || noB {
		return cmp.Compare(bit(noA), bit(noB))
	}
	a, b := times()
	return a.Compare(b)
}

func idle(w *Worker) bool { return w.CurrentJob == nil || w.CurrentJob.StartedTime.IsZero() }

func bit(is bool) int {
	if is {
		return 1
	}
	return 0
}

// FilterWorkers returns the workers that contain a text, in upper or lower case, in their
// name, QueueWorker, namespace, queue, state or job. With busyOnly it returns only
// workers that have a job.
func FilterWorkers(workers []Worker, text string, busyOnly bool) []Worker {
	text = strings.ToLower(text)
	var out []Worker
	for i := range workers {
		w := &workers[i]
		class := ""
		if w.CurrentJob != nil {
			class = w.CurrentJob.Class + " " + w.CurrentJob.ID
		}
		all := strings.ToLower(strings.Join([]string{w.Name, w.QueueWorker, w.Namespace, w.Queue, string(w.State), class}, " "))
		if strings.Contains(all, text) && (!busyOnly || w.CurrentJob != nil) {
			out = append(out, *w)
		}
	}
	return out
}
