// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package process starts, reaps, signals and measures the processes of a
// container in which the agent is PID 1, or elsewhere a child subreaper.
//
// One goroutine owns wait4: on each SIGCHLD it reaps whatever has ended, children
// and orphans alike. A child is entered in the table under the same lock under
// which it is forked, so its end cannot be reaped before it is known, and a
// signal is sent under that lock too, so it never reaches a process that has
// taken over the number. Nothing else in the agent may wait for a process:
// os/exec is not used.
//
// Killing goes by descent: processes are stopped until no new descendant turns
// up, then killed. Sessions and process groups of their own do not save them.
package process
