// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package process starts, reaps, signals and measures the processes of a container in
// which the agent is PID 1, or otherwise a child subreaper.
//
// One goroutine owns wait4: on each SIGCHLD it reaps every process that has ended,
// children and orphans alike. The table of children is locked while a child is forked and
// entered, so that no child is reaped before it is known. Signals are sent under the same
// lock, so that none reaches another process that has taken over the number. Nothing else
// may wait for a process while a Reaper runs, so os/exec must not be used then.
//
// Killing follows descent: all descendants are stopped until no new ones appear, then
// killed. A session or process group of its own does not save a process.
package process
