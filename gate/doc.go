// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gate serves HTTP to a network that nobody controls: every pod of a cluster can
// open connections to every other.
//
// A Listener bounds the connections of one address and of all together. The newest
// connection always gets in: it takes the place of the one that has waited longest
// without a request being answered. So a client that only holds connections keeps out
// nobody but itself, and a client that asks and leaves, as the kubelet, Prometheus and the
// operator do, is answered. A connection whose answer is being made is never closed; one
// that does not read its answer is.
//
// A connection that a handler trusts counts against a bound of its own, so that strangers
// cannot use up the places of a peer that has proven who it is.
package gate
