// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

// FailedPath is where a backlog probe lists failed jobs to the operator: POST a
// FailedRequest, get a FailedList. Asking changes nothing.
//
// A probe from before OperatorPort answers to the header Authorization: Bearer KEY instead,
// with a key whose SHA-256 the operator has written to an annotation of the pod.
const FailedPath = "/failed"

// ProbeOperatorFile is the file of a probe's pod with the pins of the operator's keys, as
// in OperatorFile, in a volume mounted at ProbeOperatorDir.
const (
	ProbeOperatorDir  = "/queueworker/key"
	ProbeOperatorFile = ProbeOperatorDir + "/" + OperatorFile
)

// MaxFailedBytes bounds a FailedList document; the operator refuses a larger one.
const MaxFailedBytes = 512 << 10

// MaxFailedJobs is how many failed jobs one request may ask for.
const MaxFailedJobs = 100

// MaxFailedCount is up to how many failed jobs are counted.
const MaxFailedCount = 100_000

// FailedRequest asks for a page of the failed jobs, the newest first.
type FailedRequest struct {
	// Queue is the queue they were taken from; empty: any.
	Queue string `json:"queue,omitempty"`
	// Search is a text that id, class, queue or the first line of the exception must
	// hold, in upper or lower case; empty: any.
	Search string `json:"search,omitempty"`
	// Limit is how many to list at most, 1 to MaxFailedJobs.
	Limit int `json:"limit"`
	// Continue is FailedList.Continue of the page before; empty: the first page.
	Continue string `json:"continue,omitempty"`
}

// FailedList is a page of failed jobs.
type FailedList struct {
	// Version is the protocol version the probe speaks.
	Version int `json:"version"`
	// PodUID is the UID of the probe's pod.
	PodUID string `json:"podUID"`
	// Reason is why they could not be listed; empty if they were. Message is the cause in
	// a sentence and what to do, without any secret.
	Reason  BacklogError `json:"reason,omitempty"`
	Message string       `json:"message,omitempty"`
	// Jobs are the failed jobs. There may be fewer than were asked for on a page that is
	// not the last: a search stops after so much time.
	Jobs []FailedJob `json:"jobs,omitempty"`
	// Total is how many failed jobs there are, whatever was asked for, counted up to
	// MaxFailedCount; absent where that took too long.
	Total *int64 `json:"total,omitempty"`
	// Continue is what to ask the next page with; empty on the last one.
	Continue string `json:"continue,omitempty"`
}

// FailedJob is one job that has failed for good.
type FailedJob struct {
	// ID is what queue:retry knows it by: its UUID, or its number.
	ID         string `json:"id"`
	Class      string `json:"class,omitempty"`
	Connection string `json:"connection,omitempty"`
	Queue      string `json:"queue,omitempty"`
	// FailedAt is when it failed, as RFC 3339, by the application's clock. Unlike other
	// times it is an instant, because it is kept as one.
	FailedAt string `json:"failedAt,omitempty"`
	// Exception is the first line of the exception.
	Exception string `json:"exception,omitempty"`
}
