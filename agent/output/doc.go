// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package output passes a worker's output on to the agent's own stdout and stderr and
// finds the job events in it.
//
// A Pump reads one pipe. After each read it lets output gather for 5 ms, or for 20 ms
// while lines come fast, unless the buffer was full. A worker with many short jobs
// therefore does not wake the agent for every line. The end of the process ends the wait.
// Complete lines are passed on in order and unchanged. An incomplete line is held back
// for 100 ms, so that lines of several processes do not mix. Lines with job events are
// always passed on. Other output beyond a budget (1 MiB/s after the first 4 MiB) is
// dropped, and the number of dropped bytes is reported. Every line is examined for
// events, dropped or not.
//
// The buffer bounds the memory: of a longer line only the beginning is examined.
package output
