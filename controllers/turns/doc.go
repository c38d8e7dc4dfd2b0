// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package turns shares scarce resources of the operator (workers, connections, waiting
// places) among namespaces. A namespace is the unit, because a tenant can fill one: it may
// hold thousands of objects, and none of them may delay an object of another namespace.
//
// Three rules make it fair, and each has its own type:
//
//   - Queue orders waiting items. Namespaces take turns, however many items each has. A
//     namespace that had nothing waiting goes first, so a namespace that asks rarely does
//     not wait for namespaces that always have more.
//   - Places bounds running work. A namespace may take another place only while it holds
//     fewer than are free. So one namespace alone holds at most half of the places, and
//     two at most three quarters, but a namespace that holds none may have any free place.
//   - Pace separates slow from quick, so that the slow can have their own places. After
//     each relapse, the slow must be quick for longer.
//
// Nothing in this package knows the time, or locks.
package turns
