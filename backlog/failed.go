// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backlog

import (
	"context"

	"queueworker.dev/queueworker/api/protocol"
)

// A FailedLister lists failed jobs. Calls to it must not overlap.
type FailedLister interface {
	// ListFailed returns a page of the failed jobs, newest first. Of the list it sets
	// Jobs, Total and Continue. An error is an *Error.
	ListFailed(ctx context.Context, request protocol.FailedRequest) (protocol.FailedList, error)
	// Close closes the lister's connections.
	Close() error
}
