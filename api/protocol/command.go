// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

// CommandEnv is the environment variable that holds the Command as JSON for `agent exec`,
// written like ConfigEnv.
const CommandEnv = "QUEUEWORKER_COMMAND"

// Actions of a Command.
const (
	ActionRetryFailed  = "RetryFailed"
	ActionForgetFailed = "ForgetFailed"
	ActionFlushFailed  = "FlushFailed"
	ActionClearQueue   = "ClearQueue"
	ActionOnce         = "Once"
)

// Command is what `agent exec` runs once. The end of its output becomes the termination
// message of its container, as plain text of at most MaxFinalBytes. Its exit code becomes
// the exit code of the container.
type Command struct {
	// Version is the protocol version.
	Version int `json:"version"`
	// Action is one of the constants above.
	Action string `json:"action"`
	// IDs are the failed jobs to retry or forget. All retries every failed job, or every
	// failed job of Queue.
	IDs []string `json:"ids,omitempty"`
	All bool     `json:"all,omitempty"`
	// Queue is the queue for RetryFailed and ClearQueue.
	Queue string `json:"queue,omitempty"`
	// Hours keeps jobs that failed within the last so many hours; 0 keeps none.
	Hours int32 `json:"hours,omitempty"`
	// Worker holds the options of the worker that takes one job. All actions use its
	// connection and PHP's memory_limit.
	Worker Config `json:"worker"`
}
