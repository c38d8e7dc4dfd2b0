// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package supervisor keeps the worker processes of one pod running.
//
// Step makes all decisions. It is a pure function: it computes the next state and the
// actions to take from a state, one event and the time. One number drives it, the number
// of wanted processes. That is one for each slot, or none before the first control
// document is read, while the pod is paused or cordoned, and once the pod or its run
// ends. If there are too few processes, the agent starts one. It does so immediately
// after an intended end, and after a growing wait (1, 2, 4 ... 60 s) after any other end
// or an end within 2 s without a job. A finished job resets that wait. If there are too
// many, or a process is due for replacement, the agent retires it: it sends SIGTERM and
// waits. A slot's next process starts only after the last one has ended. Only the end of
// the pod has a deadline.
//
// Classify computes the reason of an end and is pure too. Executor carries out the
// actions of Step: it starts processes, sends signals, and turns what happens into
// events, one after the other.
package supervisor
