// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/throughput"
)

// PodReport is the known state of one pod.
type PodReport struct {
	// Status is the last good status document, checked and cleaned; nil until there is
	// one. It is shared and must not be changed.
	Status *protocol.Status
	// PulledAt is when Status was asked for; ages in it count from then.
	PulledAt time.Time
	// Error says in a sentence why the last pull failed; empty if it did not fail.
	Error string
	// FailingSince is the time of the first failure in the present row of failures;
	// zero if the last pull was good.
	FailingSince time.Time
	// Unreachable reports whether so many pulls in a row failed that the pod counts as
	// unreachable: at least 3, over at least one pull interval.
	Unreachable bool
}

// Ended is the end of one pod.
type Ended struct {
	// UID and Name are the UID and name of the pod.
	UID  types.UID
	Name string
	// Final is the agent's final report; nil if its termination message was not seen,
	// is unreadable, or is older than LastPulled.
	Final *protocol.Final
	// Started reports whether the pod's worker container had ever started.
	Started bool
	// OfRun reports whether the pod belonged to a Job.
	OfRun bool
	// Tracked reports whether the pod was ever passed to Track, which proves that the
	// pod was the pool's even if its agent never answered. The Collector fills it in.
	Tracked bool
	// LastPulled holds the counts of the last good pull; nil if there was none. The
	// Collector fills it in. It is shared and must not be changed.
	LastPulled *protocol.Counters
}

// Snapshot is the known state of a pool at one moment.
type Snapshot struct {
	// Pods are the reports of the tracked pods.
	Pods map[types.UID]PodReport
	// Departed holds pods that were tracked within the last 5 minutes, are no longer
	// tracked, and have no recorded end: the lister was ahead of the handlers. Their
	// final report is still to come.
	Departed []types.UID
	// Ended holds the ends that are not yet settled, in the order of their recording.
	Ended []Ended
	// Samples are the jobs that ended recently, for throughput.Compute.
	Samples throughput.Input
	// Latest holds the same jobs, and also the jobs of the last seconds, which not every
	// pod has reported yet.
	Latest []throughput.Bucket
}
