// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backlog

import (
	"context"

	"queueworker.dev/queueworker/api/protocol"
)

// A FailedLister lists failed jobs. It is used by one caller at a time.
type FailedLister interface {
	// ListFailed returns a page of the failed jobs, the newest first; an error is an
	// *Error. Of the list Jobs, Total and Continue are set.
	ListFailed(ctx context.Context, request protocol.FailedRequest) (protocol.FailedList, error)
	// Close gives the lister's connections back.
	Close() error
}
