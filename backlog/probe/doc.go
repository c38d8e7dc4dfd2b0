// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package probe is the backlog probe: a small server that answers how deep an
// application's queues are.
//
// It answers the operator alone, which proves who it is; see package trust. Which queues
// are measured is the operator's list, so that no other pod can have the backend asked for
// names it has invented, or read how deep a queue is. Health and metrics are for anyone.
//
// A measurement answers the same question for a second. There is one measurement at a
// time, with a deadline; the client may leave before it ends.
//
// A configuration that cannot be used is an answer too: the probe stays up and says
// what is wrong, so that no container restarts again and again.
package probe
