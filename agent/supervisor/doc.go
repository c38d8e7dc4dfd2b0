// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package supervisor keeps the worker processes of one pod alive.
//
// Step is the whole of its decisions: a pure function from a state, one event and
// the time to the next state and what is to be done. One number rules, how many
// processes there should be: none before the first control document was read,
// while paused or cordoned and while the pod ends, else one for each slot. Too few: a process
// is started, at once after an intended end and after a growing wait (1, 2, 4 ...
// 60 s) after any other; a finished job ends the waiting. Too many, or one that
// is due to be replaced: it is retired, which is one SIGTERM and then patience. A
// slot's next process starts only after its last one has ended. Only the end of
// the pod has a deadline.
//
// Classify names the reason of an end; it is pure too. Executor carries out what
// Step decides: it starts processes, sends signals, and turns what it hears into
// events, one after the other.
package supervisor
