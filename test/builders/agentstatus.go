// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package builders

import (
	"strings"

	"queueworker.dev/queueworker/api/protocol"
)

// LargestStatus returns a status with everything that an honest agent can report: as many
// entries and as long texts as package received allows.
func LargestStatus(uid string) *protocol.Status {
	exit := func(sequence int64, slot int32) protocol.Exit {
		return protocol.Exit{
			Sequence: sequence, Slot: slot, Reason: protocol.ExitCrashed, Code: 255, Signal: 9, Message: strings.Repeat("m", 512),
			AgeSeconds: 5, UptimeSeconds: 6, JobClass: strings.Repeat("c", 256),
		}
	}
	s := &protocol.Status{
		Version: 1, Agent: "v1.2.3", PodUID: uid, ControlRevision: 42, ControlError: strings.Repeat("e", 512),
		Phase: protocol.PhaseRunning, Ready: true, UptimeSeconds: 1000,
		Counters: protocol.Counters{Processed: 1e9, Failed: 1e6, Released: 1e5, JobMilliseconds: 1e12, Exits: map[protocol.ExitReason]int64{
			protocol.ExitMaxJobs: 1, protocol.ExitMaxTime: 2, protocol.ExitMemory: 3, protocol.ExitJobTimeout: 4, protocol.ExitOOMKilled: 5,
			protocol.ExitRestartRequested: 6, protocol.ExitPaused: 7, protocol.ExitDrained: 8, protocol.ExitGraceExceeded: 9,
			protocol.ExitKilled: 10, protocol.ExitCrashed: 11, protocol.ExitConfigError: 12, protocol.ExitCommandNotFound: 13,
		}},
		Runtime: &protocol.RuntimeFacts{GracefulStop: false, GracefulStopReason: "NoPcntl", Dialect: "brackets", Version: "8.83.26"},
		Network: protocol.Network{ReceivedBytes: 1e15, TransmittedBytes: 1e15},
	}
	for slot := range int32(64) {
		last := exit(int64(slot)+1, slot)
		s.Workers = append(s.Workers, protocol.Worker{
			Slot: slot, PID: slot + 10, State: protocol.WorkerBusy, AgeSeconds: 1.5, Processed: 7, Failed: 8, MemoryBytes: 1 << 40,
			CPUSeconds: 100, CPUCores: 0.5, NextStartSeconds: 3, LastExit: &last,
			Job: &protocol.Job{ID: strings.Repeat("i", 128), Class: strings.Repeat("c", 256), Queue: strings.Repeat("q", 512), AgeSeconds: 1},
		})
	}
	for sequence := range int64(10) {
		s.RecentExits = append(s.RecentExits, exit(100-sequence, int32(sequence)))
	}
	return s
}
