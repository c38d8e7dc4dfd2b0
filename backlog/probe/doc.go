// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package probe is the backlog probe, a small server that reports how many jobs wait in
// an application's queues.
//
// The probe answers only the operator, which proves its identity; see package trust. The
// operator's request lists the queues to measure. So no other pod can make the probe
// query the backend for invented names, or read which jobs failed. Anyone may read health
// and metrics, which have the figures of the last measurement.
//
// For one second, a measurement answers every repetition of its question. One measurement
// runs at a time, with a deadline, and it goes on if the client leaves.
//
// If the configuration is unusable, the probe stays up and reports what is wrong, so that
// its container does not restart again and again.
package probe
