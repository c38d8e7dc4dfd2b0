// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/throughput"
)

// Pod is a worker pod to pull.
type Pod struct {
	// UID is the pod's UID; an answer that names another one is not taken.
	UID types.UID
	// Name is the pod's name.
	Name string
	// Address is the agent's IP address and port, such as 10.1.2.3:9797; empty while
	// there is nobody to ask, before the pod runs or after. What was heard of it stays.
	Address string
	// Secure tells that the agent serves the operator by TLS, as the pod's spec says; one
	// from before that is asked in the clear.
	Secure bool
	// Created is when the pod was created; zero if unknown. It tells a new pod, whose
	// counts all belong to the last minutes, from an old one whose agent is new.
	Created time.Time
}

// PodReport is what is known of one pod.
type PodReport struct {
	// Status is the last good status document, checked and cleaned; nil until there
	// is one. It is shared and must not be changed.
	Status *protocol.Status
	// PulledAt is when Status was asked for; ages in it count from then.
	PulledAt time.Time
	// Error says in a sentence why the last pull failed; empty if it did not.
	Error string
	// FailingSince is when the first of the present row of failures was; zero if
	// the last pull was good.
	FailingSince time.Time
	// Unreachable tells that so many pulls in a row failed that the pod counts as
	// unreachable: at least 3, over at least one pull interval.
	Unreachable bool
}

// Ended is the end of one pod.
type Ended struct {
	// UID and Name are the pod's.
	UID  types.UID
	Name string
	// Final is the agent's last word; nil if its termination message was not seen,
	// is unreadable, or is older than LastPulled.
	Final *protocol.Final
	// Started tells whether the pod's worker container had ever started.
	Started bool
	// OfRun tells that it was a pod of a Job.
	OfRun bool
	// Tracked tells whether the pod was ever among those given to Track, which proves
	// that it was the pool's even if its agent never answered. It is filled in.
	Tracked bool
	// LastPulled are the counts of the last good pull; nil if there was none. It is
	// filled in, shared, and must not be changed.
	LastPulled *protocol.Counters
}

// Snapshot is what is known of a pool at one moment.
type Snapshot struct {
	// Pods are the reports of the tracked pods.
	Pods map[types.UID]PodReport
	// Departed are pods that were tracked within the last 5 minutes, are so no longer,
	// and whose end has not been recorded: the lister already knew what the handlers
	// are still to be told. Their last word is yet to come.
	Departed []types.UID
	// Ended are the ends not yet settled, in the order they were recorded.
	Ended []Ended
	// Samples are the jobs ended of late, for throughput.Compute.
	Samples throughput.Input
	// Latest are the same jobs with those of the last seconds, of which not every pod
	// has told yet.
	Latest []throughput.Bucket
}

// Limits are what wakes a pool when a report goes beyond it, besides what changes its
// conditions anyway. Zero values wake it never.
type Limits struct {
	// Memory is how much memory a process may use, in bytes.
	Memory int64
	// Job is how long a job may have been worked on.
	Job time.Duration
	// Failures wakes the pool for jobs that failed for good, every few seconds at most.
	Failures bool
}
