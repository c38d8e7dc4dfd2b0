// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// A pod's owner can put another program in the agent's place, which claims what it
// likes. However long its claims are, etcd must take the status, because otherwise the
// pool's figures would stop for ever.
func TestTheLargestStatusCanBeWritten(t *testing.T) {
	const most = 1 << 20 // etcd takes 1.5 MiB with the rest of the object
	now := time.Unix(1_800_000_000, 0)
	in := Input{Now: now, Worker: &v1alpha1.QueueWorker{}}
	in.Worker.Name, in.Worker.Spec.Queue = "emails", "default"
	exits := map[protocol.ExitReason]int64{}
	for _, reason := range []protocol.ExitReason{
		protocol.ExitMaxJobs,
		protocol.ExitMaxTime,
		protocol.ExitMemory,
		protocol.ExitJobTimeout,
		protocol.ExitOOMKilled,
		protocol.ExitMaxExceptions,
		protocol.ExitRestartRequested,
		protocol.ExitPaused,
		protocol.ExitDrained,
		protocol.ExitFinished,
		protocol.ExitGraceExceeded,
		protocol.ExitKilledOnRequest,
		protocol.ExitKilled,
		protocol.ExitCrashed,
		protocol.ExitConfigError,
		protocol.ExitCommandNotFound,
	} {
		exits[reason] = math.MaxInt64 / 4
	}
	for i := range 3000 {
		pod := &corev1.Pod{}
		pod.Name = fmt.Sprintf("%s-%04d", strings.Repeat("p", 248), i)
		pod.UID = types.UID(fmt.Sprintf("00000000-0000-0000-0000-%012d", i))
		pod.Status.Phase = corev1.PodRunning
		report := &protocol.Status{
			Phase:    protocol.PhaseRunning,
			Counters: protocol.Counters{Processed: math.MaxInt64 / 8, Failed: math.MaxInt64 / 8, Released: math.MaxInt64 / 8, Exits: exits},
		}
		for slot := range int32(4) {
			report.Workers = append(report.Workers, protocol.Worker{
				Slot: slot, PID: 1, State: protocol.WorkerBusy,
				Job:      &protocol.Job{Class: strings.Repeat("<", 256), ID: strings.Repeat("&", 128), Queue: strings.Repeat("\u00ff", 256)},
				LastExit: &protocol.Exit{Reason: protocol.ExitCrashed, Message: strings.Repeat(">", 512)},
			})
		}
		in.Pods = append(in.Pods, Pod{Pod: pod, Report: report, ReportedAt: now})
	}
	out := Compute(in)
	document, err := json.Marshal(out.Status)
	if err != nil {
		t.Fatal(err)
	}
	accounted, err := json.Marshal(out.Status.Accounted)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := json.Marshal(out.Status.Workers)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("status %d bytes: %d pods in %d bytes, %d rows in %d bytes", len(document), len(out.Status.Accounted), len(accounted), len(out.Status.Workers), len(rows))
	if len(document) > most || len(accounted) > maxAccountedBytes+2 || len(rows) > maxRowsBytes+2 {
		t.Errorf("the status has %d bytes, the ledger %d and the rows %d; want at most %d, %d and %d",
			len(document), len(accounted), len(rows), most, maxAccountedBytes, maxRowsBytes)
	}
	if len(accounted) < maxAccountedBytes*9/10 || len(rows) < maxRowsBytes*7/10 {
		t.Errorf("the ledger has %d bytes and the rows %d; the test does not reach the bounds", len(accounted), len(rows))
	}
}

// A pool of the largest size in the middle of a rollout, whose pods have honest counts.
func TestTheLargestPoolIsAccountedForInFull(t *testing.T) {
	const pods = 1250
	ledger := accounts{ledger: map[types.UID]entry{}, present: map[types.UID]bool{}, restarts: map[string]int64{}, totals: &v1alpha1.Totals{}}
	for i := range pods {
		pod := &corev1.Pod{}
		pod.Name = fmt.Sprintf("%s-worker-6d4b75cb6d-%05d", strings.Repeat("p", 50), i)
		pod.UID = types.UID(fmt.Sprintf("00000000-0000-0000-0000-%012d", i))
		ledger.update(Pod{Pod: pod, Report: &protocol.Status{Counters: protocol.Counters{
			Processed: 1_000_000, Failed: 1000, Released: 1000,
			Exits: map[protocol.ExitReason]int64{protocol.ExitMaxJobs: 1000, protocol.ExitMemory: 100, protocol.ExitCrashed: 10},
		}}})
	}
	if len(ledger.ledger) != pods {
		t.Errorf("%d of %d pods are accounted for", len(ledger.ledger), pods)
	}
	if document, err := json.Marshal(accountedOf(ledger.ledger)); err != nil || ledger.bytes < len(document) {
		t.Errorf("the ledger has %d bytes and is taken for %d, %v", len(document), ledger.bytes, err)
	}
}
