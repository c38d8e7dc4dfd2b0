// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

// FailedPath is where a backlog probe lists failed jobs for the operator, which POSTs a
// FailedRequest and receives a FailedList. Asking changes nothing.
//
// A probe from before OperatorPort instead accepts the header Authorization: Bearer KEY.
// The operator has written the SHA-256 of that key to an annotation of the pod.
const FailedPath = "/failed"

// ProbeOperatorFile is the file of a probe's pod with the pins of the operator's keys, in
// the form of OperatorFile. Its volume is mounted at ProbeOperatorDir.
const (
	ProbeOperatorDir  = "/queueworker/key"
	ProbeOperatorFile = ProbeOperatorDir + "/" + OperatorFile
)

// MaxFailedBytes bounds a FailedList document; the operator refuses a larger one.
const MaxFailedBytes = 512 << 10

// MaxFailedJobs is how many failed jobs one request may ask for.
const MaxFailedJobs = 100

// MaxFailedCount is the number at which counting failed jobs stops.
const MaxFailedCount = 100_000

// FailedRequest asks for a page of the failed jobs, the newest first.
type FailedRequest struct {
	// Queue is the queue of the failed jobs; empty means any.
	Queue string `json:"queue,omitempty"`
	// Search is a text that the id, the class, the queue or the first line of the
	// exception must contain, in upper or lower case; empty means any.
	Search string `json:"search,omitempty"`
	// Limit is the greatest number of jobs to list, 1 to MaxFailedJobs.
	Limit int `json:"limit"`
	// Continue is FailedList.Continue of the previous page; empty means the first page.
	Continue string `json:"continue,omitempty"`
}

// FailedList is a page of failed jobs.
type FailedList struct {
	// Version is the protocol version the probe speaks.
	Version int `json:"version"`
	// PodUID is the UID of the probe's pod.
	PodUID string `json:"podUID"`
	// Reason is why the jobs could not be listed; empty if they were. Message is a
	// sentence with the cause and what to do, without any secret.
	Reason  BacklogError `json:"reason,omitempty"`
	Message string       `json:"message,omitempty"`
	// Jobs are the failed jobs. A page that is not the last may have fewer than
	// requested, because a search stops after some time.
	Jobs []FailedJob `json:"jobs,omitempty"`
	// Total is the number of all failed jobs, whatever was requested, counted up to
	// MaxFailedCount; absent if counting took too long.
	Total *int64 `json:"total,omitempty"`
	// Continue is the token to request the next page with; empty on the last page.
	Continue string `json:"continue,omitempty"`
}

// FailedJob is one job that failed for good.
type FailedJob struct {
	// ID is what queue:retry identifies the job by: its UUID or its number.
	ID         string `json:"id"`
	Class      string `json:"class,omitempty"`
	Connection string `json:"connection,omitempty"`
	Queue      string `json:"queue,omitempty"`
	// FailedAt is when the job failed, as RFC 3339, by the application's clock. Unlike
	// other times it is an instant, because the application stores an instant.
	FailedAt string `json:"failedAt,omitempty"`
	// Exception is the first line of the exception.
	Exception string `json:"exception,omitempty"`
}
