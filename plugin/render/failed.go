// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// FailedJobs lists the failed jobs that a ListFailed command found, one per row.
func FailedJobs(command *v1alpha1.QueueCommand, now time.Time) Listing {
	command.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("QueueCommand"))
	listing := Listing{
		Object:  command,
		Columns: []Column{{Name: "ID"}, {Name: "Class"}, {Name: "Queue"}, {Name: "Failed"}, {Name: "Exception"}, {Name: "Connection", Wide: true}},
		Names:   []string{},
	}
	for i := range command.Status.FailedJobs {
		job := &command.Status.FailedJobs[i]
		listing.Names = append(listing.Names, job.ID)
		listing.Rows = append(listing.Rows, []string{
			job.ID, or(job.Class), or(job.Queue), since(job.FailedTime, now), or(job.Exception), or(job.Connection),
		})
	}
	return listing
}

// FailedShown says how many of all failed jobs are shown, if there are more. A nil total
// is unknown.
func FailedShown(shown int, total *int64) string {
	switch {
	case total == nil:
		return fmt.Sprintf("%d failed jobs are shown, and there may be more", shown)
	case *total >= protocol.MaxFailedCount: // counting ends at this number
		return fmt.Sprintf("%d of %d or more failed jobs are shown", shown, *total)
	}
	return fmt.Sprintf("%d of %d failed jobs are shown", shown, *total)
}

// Created lists a QueueWorker that was created, or that a dry run would have created.
func Created(object *unstructured.Unstructured) Listing {
	queue, _, _ := unstructured.NestedString(object.Object, "spec", "queue")
	return Listing{
		Object: object, Columns: []Column{{Name: "Name"}, {Name: "Queue"}},
		Rows: [][]string{{object.GetName(), queue}},
	}
}
