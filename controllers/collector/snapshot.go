// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Pod is a worker pod to pull.
type Pod struct {
	// UID is the pod's UID; an answer that names another UID is refused.
	UID types.UID
	// Name is the pod's name.
	Name string
	// Address is the agent's IP address and port, such as 10.1.2.3:9797. It is empty while
	// there is no agent to ask, before the pod runs or after. Earlier reports stay.
	Address string
	// Secure reports whether the agent serves the operator over TLS, as the pod's spec
	// says. An older agent is asked in the clear.
	Secure bool
	// Created is when the pod was created; zero if unknown. It distinguishes a new pod,
	// whose counts all belong to the last minutes, from an old pod with a new agent.
	Created time.Time
}

// Limits wake a pool when a report exceeds one of them, in addition to news that
// changes its conditions. A zero value never wakes it.
type Limits struct {
	// Memory is how much memory a process may use, in bytes.
	Memory int64
	// Job is how long a process may have been working on a job.
	Job time.Duration
	// Failures: jobs that failed for good wake the pool, at most every few seconds.
	Failures bool
}
