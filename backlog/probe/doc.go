// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package probe is the backlog probe: a small server that answers how deep an
// application's queues are.
//
// One measurement serves everybody who asks within the next second, and it measures
// all queues that anybody asked for during the last minute. So however many ask, the
// backend is asked about once a second, and not at all when nobody does. There is
// one measurement at a time, with a deadline; who asked may leave before it ends.
//
// A configuration that cannot be used is an answer too: the probe stays up and says
// what is wrong, so that no container restarts again and again.
package probe
