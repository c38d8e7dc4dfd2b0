// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Pools lists QueueWorkers, one per row, in the order of the list.
func Pools(pools *v1alpha1.QueueWorkerList, now time.Time, namespaces bool) Listing {
	pools.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("QueueWorkerList"))
	listing := Listing{Object: pools}
	if namespaces {
		listing.Columns = append(listing.Columns, Column{Name: "Namespace"})
	}
	for _, name := range []string{"Name", "Queue", "State", "Processes", "Ready", "Busy", "Backlog", "Wait", "Jobs/min", "Avg", "Failed", "Age"} {
		listing.Columns = append(listing.Columns, Column{Name: name})
	}
	for _, name := range []string{"Processed", "App", "Reason"} {
		listing.Columns = append(listing.Columns, Column{Name: name, Wide: true})
	}
	for i := range pools.Items {
		pools.Items[i].SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("QueueWorker"))
		var row []string
		if namespaces {
			row = append(row, pools.Items[i].Namespace)
		}
		listing.Rows = append(listing.Rows, append(row, poolCells(&pools.Items[i], now)...))
	}
	return listing
}

func poolCells(pool *v1alpha1.QueueWorker, now time.Time) []string {
	s := &pool.Status
	backlog, wait := none, none
	if s.Backlog != nil {
		backlog, wait = count(s.Backlog.Ready), since(s.Backlog.OldestTime, now)
	}
	rate, average, failed := none, none, none
	if s.Throughput != nil {
		rate, average, failed = or(s.Throughput.JobsPerMinute), or(s.Throughput.AverageTime), or(s.Throughput.FailedShare)
	}
	reason := none
	if ready := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady); ready != nil {
		reason = ready.Reason
	}
	return []string{
		pool.Name, pool.Spec.Queue, or(string(s.State)), number(s.Processes), number(s.Ready), number(s.Busy),
		backlog, wait, rate, average, failed, since(&pool.CreationTimestamp, now),
		count(s.Totals.Processed), or(s.AppName), reason,
	}
}
