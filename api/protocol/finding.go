// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

// The kinds of findings. Each is a promise that an image and an application's settings
// keep or do not keep; it becomes a condition of the QueueApp of the same name.
const (
	// FindingPcntl: PHP has the extension pcntl.
	FindingPcntl = "PcntlAvailable"
	// FindingUnwrapped: no shell keeps signals from the worker.
	FindingUnwrapped = "CommandUnwrapped"
	// FindingOutput: it is known how to read the worker's output.
	FindingOutput = "OutputUnderstood"
	// FindingSettingsReadable: the application boots and its settings could be read.
	FindingSettingsReadable = "SettingsReadable"
	// FindingMemory: PHP's memory_limit fits the pool's memory.
	FindingMemory = "MemoryLimitFits"
	// FindingConnection: the queue connection exists and keeps a queue.
	FindingConnection = "ConnectionExists"
	// FindingBlockFor: an idle worker does not wait in Redis for too long to be stopped.
	FindingBlockFor = "BlockForSafe"
	// FindingRetryAfter: the connection gives a job out again only after its timeout.
	FindingRetryAfter = "RetryAfterFits"
	// FindingLogs: what the application logs leaves the pod.
	FindingLogs = "LogsVisible"
	// FindingCache: the cache is one that all pods share.
	FindingCache = "CacheShared"
)

// FindingKinds are all kinds, in the order in which one would mend them.
var FindingKinds = []string{
	FindingPcntl, FindingUnwrapped, FindingSettingsReadable, FindingConnection, FindingMemory, FindingRetryAfter,
	FindingBlockFor, FindingLogs, FindingCache, FindingOutput,
}

// Finding is one promise, kept or not.
type Finding struct {
	// Kind is one of FindingKinds.
	Kind string `json:"kind"`
	// OK tells that the promise is kept.
	OK bool `json:"ok"`
	// Message says it in a sentence; if it is not kept, with its cause and what to do.
	Message string `json:"message"`
}
