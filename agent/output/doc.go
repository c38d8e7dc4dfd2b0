// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package output carries what a worker prints to the agent's own stdout and
// stderr and finds the job events in it on the way.
//
// A Pump reads one pipe. After each read it lets output gather for 5 ms, or 20 ms
// while lines come thick, unless the buffer was full, so that a worker of many
// quick jobs does not wake the agent for every line. The end of the process ends
// the wait. Whole lines are passed on in order and unchanged; a line
// that is not finished is held back for 100 ms, so that lines of several
// processes do not mix. Lines with job events are always passed on; other output
// is dropped beyond a budget (1 MiB/s after the first 4 MiB) and the number of
// bytes dropped is told. Every line is looked at for events, dropped or not.
//
// Memory is bounded by the buffer: of a longer line only the beginning is looked at.
package output
