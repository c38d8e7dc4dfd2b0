// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

// CommandEnv is the environment variable that holds the Command as JSON for `agent
// exec`, written as ConfigEnv is.
const CommandEnv = "QUEUEWORKER_COMMAND"

// Actions of a Command.
const (
	ActionRetryFailed  = "RetryFailed"
	ActionForgetFailed = "ForgetFailed"
	ActionFlushFailed  = "FlushFailed"
	ActionClearQueue   = "ClearQueue"
	ActionOnce         = "Once"
)

// Command is what `agent exec` runs once. The end of what it prints becomes the
// termination message of its container, as plain text of at most MaxFinalBytes, and
// its exit code that of the container.
type Command struct {
	// Version is the protocol version.
	Version int `json:"version"`
	// Action is one of the actions.
	Action string `json:"action"`
	// IDs are the failed jobs to retry or forget; All retries every one, or every one
	// of the queue.
	IDs []string `json:"ids,omitempty"`
	All bool     `json:"all,omitempty"`
	// Queue is the queue of RetryFailed and ClearQueue.
	Queue string `json:"queue,omitempty"`
	// Hours keeps what failed within so many hours; 0 keeps nothing.
	Hours int32 `json:"hours,omitempty"`
	// Worker are the options of the worker that takes one job, and for all actions the
	// connection and PHP's memory_limit.
	Worker Config `json:"worker"`
}
