// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

// The kinds of findings. Each is a promise that an image and an application's settings
// keep or break. It becomes a condition of the same name on the QueueApp.
const (
	// FindingPcntl: PHP has the extension pcntl.
	FindingPcntl = "PcntlAvailable"
	// FindingUnwrapped: no shell withholds signals from the worker.
	FindingUnwrapped = "CommandUnwrapped"
	// FindingOutput: the agent knows how to read the worker's output.
	FindingOutput = "OutputUnderstood"
	// FindingSettingsReadable: the application boots and the agent could read its settings.
	FindingSettingsReadable = "SettingsReadable"
	// FindingMemory: PHP's memory_limit fits the pool's memory.
	FindingMemory = "MemoryLimitFits"
	// FindingConnection: the queue connection exists and stores jobs in a queue.
	FindingConnection = "ConnectionExists"
	// FindingBlockFor: an idle worker does not block in Redis for too long to be stopped.
	FindingBlockFor = "BlockForSafe"
	// FindingRetryAfter: the connection gives a job out again only after its timeout.
	FindingRetryAfter = "RetryAfterFits"
	// FindingLogs: the application's logs leave the pod.
	FindingLogs = "LogsVisible"
	// FindingCache: all pods share the cache.
	FindingCache = "CacheShared"
)

// FindingKinds are all kinds, in the order in which to fix them.
var FindingKinds = []string{
	FindingPcntl, FindingUnwrapped, FindingSettingsReadable, FindingConnection, FindingMemory, FindingRetryAfter,
	FindingBlockFor, FindingLogs, FindingCache, FindingOutput,
}

// Finding says whether one promise is kept.
type Finding struct {
	// Kind is one of FindingKinds.
	Kind string `json:"kind"`
	// OK reports whether the promise is kept.
	OK bool `json:"ok"`
	// Message says so in a sentence. If the promise is broken, it has the cause and what
	// to do.
	Message string `json:"message"`
}
