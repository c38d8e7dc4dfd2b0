// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gate serves HTTP to an untrusted network: every pod of a cluster can open
// connections to every other pod.
//
// A Listener bounds the connections of one address and of all addresses together. At a
// bound, a new connection takes the place of the connection that has waited longest. It
// is refused only if a request is being answered on all of them. So a client that only
// holds connections keeps out only itself. A client that asks and leaves, as the kubelet,
// Prometheus and the operator do, is answered. A connection is never closed while its
// answer is being made, but it may be closed if its client does not read the answer.
//
// A connection that asks too often waits before each further answer. A new connection
// does not wait. So a client that shares its address with a flood, as the kubelet may, is
// answered at once.
//
// A connection that a handler trusts counts against a separate limit, so that strangers
// cannot use up the places of a peer that has proven its identity.
package gate
