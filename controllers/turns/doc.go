// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package turns shares what the operator has only a little of (workers, connections,
// places to wait in) among namespaces. A namespace is the unit, because it is what one
// tenant can fill: it may hold thousands of objects, and none of them may delay an
// object of another namespace.
//
// Three rules make it fair, and each is a type of its own:
//
//   - Queue orders what waits. Namespaces take turns, whatever number of items each has.
//     A namespace that had nothing waiting goes first: one that asks rarely does not wait
//     for those that always have more.
//   - Places bounds what runs. A namespace may take another place only while it holds
//     fewer than are free. So one namespace alone holds at most half of the places, and
//     two at most three quarters, while one that holds none may have any that is free.
//   - Pace tells the slow from the quick, so that the slow ones can have places of their
//     own. Who was slow has to be quick for longer each time.
//
// Nothing here knows the time, or locks.
package turns
