// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	// maxRows bounds status.workers, and maxRowsBytes bounds its JSON: an agent may claim
	// jobs and exits of the longest names, in characters that take six bytes each.
	maxRows      = 100
	maxRowsBytes = 256 << 10
	// sameInstant is how far two readings of one instant may lie apart, because ages
	// are reported with the delay of a call.
	sameInstant = 3 * time.Second
	mebibyte    = 1 << 20
)

// rows returns the worker table.
func rows(in Input) []v1alpha1.Worker {
	before := map[string]v1alpha1.Worker{}
	for _, row := range in.Worker.Status.Workers {
		before[row.Name] = row
	}
	var out []v1alpha1.Worker
	for _, pod := range in.Pods {
		if pod.terminal() {
			continue
		}
		for _, worker := range pod.workers() {
			name := fmt.Sprintf("%s/%d", pod.Name, worker.Slot)
			out = append(out, row(in.Worker.Spec.Queue, pod.ReportedAt, name, worker, before[name]))
		}
	}
	slices.SortFunc(out, func(a, b v1alpha1.Worker) int { return cmp.Compare(a.Name, b.Name) })
	return fitting(out[:min(len(out), maxRows)])
}

// fitting returns the first rows that the status has room for.
func fitting(rows []v1alpha1.Worker) []v1alpha1.Worker {
	bytes := 0
	for i := range rows {
		if bytes += rowSize(&rows[i]); bytes > maxRowsBytes {
			return rows[:i]
		}
	}
	return rows
}

// rowSize returns the largest number of bytes that a row takes in the status.
func rowSize(row *v1alpha1.Worker) int {
	const fields = 512 // names of fields, numbers and times
	n := fields + encoded(row.Name) + encoded(string(row.State)) + encoded(row.Queue)
	if job := row.CurrentJob; job != nil {
		n += encoded(job.Class) + encoded(job.ID)
	}
	if exit := row.LastExit; exit != nil {
		n += encoded(exit.Reason) + encoded(exit.Message)
	}
	return n
}

// encoded returns the largest number of bytes that a text takes in JSON, without its
// quotes.
func encoded(text string) int {
	n := len(text)
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ' || c == '<' || c == '>' || c == '&' || c == '"' || c == '\\':
			n += 5 // \u003c instead of it, at most
		case c >= 0x80:
			n++ // \u2028 instead of three bytes, at most
		}
	}
	return n
}

func row(queue string, reported time.Time, name string, worker protocol.Worker, before v1alpha1.Worker) v1alpha1.Worker {
	out := v1alpha1.Worker{
		Name:      name,
		PID:       worker.PID,
		State:     v1alpha1.WorkerState(worker.State),
		Queue:     queue,
		Processed: worker.Processed,
		Failed:    worker.Failed,
	}
	if worker.PID != 0 {
		out.StartedTime = instant(reported, worker.AgeSeconds, before.StartedTime)
	}
	if worker.MemoryBytes > 0 {
		out.Memory = resource.NewQuantity(max(worker.MemoryBytes/mebibyte, 1)*mebibyte, resource.BinarySI)
	}
	if worker.CPUCores > 0 {
		out.CPU = resource.NewMilliQuantity(int64(worker.CPUCores*1000), resource.DecimalSI)
	}
	if job := worker.Job; job != nil {
		out.CurrentJob = &v1alpha1.CurrentJob{Class: job.Class, ID: job.ID}
		var jobBefore *metav1.Time
		if before.CurrentJob != nil && before.CurrentJob.ID == job.ID {
			jobBefore = before.CurrentJob.StartedTime
		}
		out.CurrentJob.StartedTime = instant(reported, job.AgeSeconds, jobBefore)
		if job.Queue != "" {
			out.Queue = job.Queue
		}
	}
	if exit := worker.LastExit; exit != nil {
		out.LastExit = &v1alpha1.Exit{Reason: string(exit.Reason), Code: exit.Code, Message: bounded(exit.Message, 512)}
	}
	return out
}

// instant returns when something of an age began. If it is about the same as before, it
// returns before.
func instant(reported time.Time, ageSeconds float64, before *metav1.Time) *metav1.Time {
	began := reported.Add(-time.Duration(ageSeconds * float64(time.Second)))
	if before != nil && began.Sub(before.Time).Abs() <= sameInstant {
		return before
	}
	return new(metav1.NewTime(began.Truncate(time.Second)))
}

func bounded(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}
