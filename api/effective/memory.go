// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package effective

import (
	"queueworker.dev/queueworker/api/runtimes"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// MemoryLimits holds the memory limits derived from what one process may use, in bytes.
//
// Let M = spec.memory. A worker checks M only between jobs and counts only PHP's heap,
// so PHP's own memory_limit (Heap) leaves 25 % and 32 MiB of room above M. The process
// as a whole (Retire) also has its code and libraries, 64 MiB. The container (Limit)
// holds that for each process, and the agent.
type MemoryLimits struct {
	// Process is M.
	Process int64
	// Heap is PHP's memory_limit: 1.25 M + 32 MiB.
	Heap int64
	// Retire is the proportional set size at which the agent replaces a process after its job.
	Retire int64
	// Limit is the container's memory limit: processes × (Heap + 96 MiB) + 32 MiB.
	Limit int64
	// Request is the container's memory request: processes × M.
	Request int64
}

// MemoryLimitsOf derives the limits of a pod.
func MemoryLimitsOf(spec *v1alpha1.QueueWorkerSpec, runtime v1alpha1.Runtime) MemoryLimits {
	process := Memory(spec)
	processes := int64(ProcessesPerPod(spec))
	// Whole mebibytes, rounded up: a quantity of 0.1Gi would make limits that differ
	// from their own printed form.
	heap := (process/4*5 + 32*mebibyte + mebibyte - 1) / mebibyte * mebibyte
	limits := MemoryLimits{
		Process: process,
		Heap:    heap,
		Retire:  heap + 64*mebibyte,
		Limit:   processes*(heap+96*mebibyte) + 32*mebibyte,
		Request: processes * process,
	}
	if !runtimes.Of(runtime).HeapLimit {
		// The worker has no own limit that it would reach first.
		limits.Heap, limits.Retire = 0, process
	}
	return limits
}
