// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

// Code names what happened to a pod or to its log. Each user interface has its own words
// for it.
type Code string

// The codes.
const (
	// NotStarted: the pod has no log yet.
	NotStarted Code = "NotStarted"
	// Started: the pod has started since the logs are followed.
	Started Code = "Started"
	// Gone: the pod was deleted.
	Gone Code = "Gone"
	// BrokenOff: Err keeps the rest of the log from being read.
	BrokenOff Code = "BrokenOff"
	// TriedAgain: Err keeps the log from being read now, and it is requested again.
	TriedAgain Code = "TriedAgain"
)

// Note tells the user what happened to a pod, apart from its lines.
type Note struct {
	Code Code
	Pod  string
	// Err is nil unless the code says that there is an error.
	Err error
}
