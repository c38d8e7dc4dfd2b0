// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/agent/supervisor"
	"queueworker.dev/queueworker/api/protocol"
)

var now = time.Unix(10_000, 0)

// pod is a pod with four slots: busy, crashed, retiring and just started.
func pod() supervisor.State {
	facts := supervisor.Facts{Final: true, Signals: true, OwnTimeout: true, OwnMaxJobs: true, OwnMaxTime: true, Dialect: dialect.JSON, Version: "12.67.0"}
	s := supervisor.New(supervisor.Settings{Processes: 4, PodName: "p", RetireBytes: 100}, facts, supervisor.Past{}, now.Add(-time.Hour))
	at := func(ago time.Duration, event supervisor.Event) { s, _ = supervisor.Step(s, event, now.Add(-ago)) }
	at(time.Hour, supervisor.ControlRead{Document: &protocol.Control{Revision: 3}})
	for i := range 3 {
		at(time.Hour, supervisor.Started{Slot: i, PID: 10 + i})
	}
	open := &dialect.Job{ID: "u1", Class: "App\\Jobs\\Slow", Queue: "emails", Since: now.Add(-30 * time.Second)}
	at(time.Minute, supervisor.Printed{Slot: 0, PID: 10, Tally: dialect.Tally{
		Started: 4, Processed: 2, Failed: 1, Spent: 1500 * time.Millisecond, Open: open, OpenCount: 1,
	}})
	at(50*time.Second, supervisor.Measured{Slot: 0, PID: 10, Memory: 50, CPU: 71 * time.Second})
	at(500*time.Millisecond, supervisor.Exited{Slot: 1, PID: 11, Code: 255, CPU: 2 * time.Second, Tail: "PHP Fatal error:  x\n"})
	at(400*time.Millisecond, supervisor.Measured{Slot: 2, PID: 12, Memory: 150})
	at(100*time.Millisecond, supervisor.Started{Slot: 3, PID: 13})
	return s
}

func TestStatus(t *testing.T) {
	state := pod()
	got := Status(Input{State: &state, Agent: "v1", PodUID: "uid", Now: now, Network: protocol.Network{ReceivedBytes: 5}})
	crash := protocol.Exit{
		Sequence: 1, Slot: 1, Reason: protocol.ExitCrashed, Code: 255, AgeSeconds: 0.5, UptimeSeconds: 3599.5,
		Message: "It failed with exit code 255: PHP Fatal error:  x.",
	}
	want := protocol.Status{
		Version: protocol.Version, Agent: "v1", PodUID: "uid", ControlRevision: 3, Phase: protocol.PhaseRunning, Ready: true, UptimeSeconds: 3600,
		Counters: protocol.Counters{Processed: 2, Failed: 1, JobMilliseconds: 1500, Exits: map[protocol.ExitReason]int64{protocol.ExitCrashed: 1}},
		Workers: []protocol.Worker{
			{
				Slot: 0, PID: 10, State: protocol.WorkerBusy, AgeSeconds: 3600, Processed: 2, Failed: 1, MemoryBytes: 50, CPUSeconds: 71, CPUCores: 0.02,
				Job: &protocol.Job{ID: "u1", Class: "App\\Jobs\\Slow", Queue: "emails", AgeSeconds: 30},
			},
			{Slot: 1, State: protocol.WorkerBackingOff, CPUSeconds: 2, LastExit: &crash, NextStartSeconds: 0.5},
			{Slot: 2, PID: 12, State: protocol.WorkerRetiring, AgeSeconds: 3600, MemoryBytes: 150},
			{Slot: 3, PID: 13, State: protocol.WorkerStarting, AgeSeconds: 0.1},
		},
		Runtime:     &protocol.RuntimeFacts{GracefulStop: true, Dialect: string(dialect.JSON), Version: "12.67.0"},
		Network:     protocol.Network{ReceivedBytes: 5},
		RecentExits: []protocol.Exit{crash},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status differs (-want +got):\n%s", diff)
	}
}

// TestACordonedPodTellsWhenItIsDrained follows a pod of two processes from the cordon to
// the end of the last process, and back.
func TestACordonedPodTellsWhenItIsDrained(t *testing.T) {
	s := supervisor.New(supervisor.Settings{Processes: 2}, supervisor.Facts{Final: true, Signals: true}, supervisor.Past{}, now)
	status := func(event supervisor.Event) protocol.Status {
		s, _ = supervisor.Step(s, event, now)
		return Status(Input{State: &s, Now: now})
	}
	states := func(got protocol.Status) []protocol.WorkerState {
		return []protocol.WorkerState{got.Workers[0].State, got.Workers[1].State}
	}
	expect := func(what string, got protocol.Status, phase protocol.Phase, drained bool, want ...protocol.WorkerState) {
		t.Helper()
		if diff := cmp.Diff(want, states(got)); diff != "" || got.Phase != phase || got.Drained() != drained {
			t.Errorf("%s: phase %s, drained: %t, states differ (-want +got):\n%s", what, got.Phase, got.Drained(), diff)
		}
	}
	status(supervisor.ControlRead{Document: &protocol.Control{Revision: 1}})
	status(supervisor.Started{Slot: 0, PID: 10})
	status(supervisor.Started{Slot: 1, PID: 11})
	got := status(supervisor.ControlRead{Document: &protocol.Control{Revision: 2, Cordoned: true}})
	expect("cordoned", got, protocol.PhaseCordoned, false, protocol.WorkerRetiring, protocol.WorkerRetiring)
	got = status(supervisor.Exited{Slot: 1, PID: 11})
	expect("one is left", got, protocol.PhaseCordoned, false, protocol.WorkerRetiring, protocol.WorkerStopped)
	got = status(supervisor.Exited{Slot: 0, PID: 10})
	expect("none is left", got, protocol.PhaseCordoned, true, protocol.WorkerStopped, protocol.WorkerStopped)
	if got.ControlRevision != 2 || got.Counters.Exits[protocol.ExitDrained] != 2 {
		t.Errorf("drained, the pod obeys revision %d and counts %v", got.ControlRevision, got.Counters.Exits)
	}
	got = status(supervisor.ControlRead{Document: &protocol.Control{Revision: 3, Paused: true}})
	expect("un-cordoned and paused", got, protocol.PhasePaused, false, protocol.WorkerPaused, protocol.WorkerPaused)
	got = status(supervisor.ControlRead{Document: &protocol.Control{Revision: 4}})
	expect("going on", got, protocol.PhaseRunning, false, protocol.WorkerStarting, protocol.WorkerStarting)
}

func TestGracefulStop(t *testing.T) {
	tests := map[string]struct {
		facts supervisor.Facts
		want  protocol.RuntimeFacts
	}{
		"graceful":      {facts: supervisor.Facts{Signals: true}, want: protocol.RuntimeFacts{GracefulStop: true}},
		"no pcntl":      {facts: supervisor.Facts{NoSignals: "NoPcntl", ShellWrapped: true}, want: protocol.RuntimeFacts{GracefulStopReason: "NoPcntl"}},
		"shell wrapper": {facts: supervisor.Facts{Signals: true, ShellWrapped: true}, want: protocol.RuntimeFacts{GracefulStopReason: "ShellWrapper"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(&tc.want, runtimeFacts(tc.facts)); diff != "" {
				t.Errorf("facts differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTheLargestStatusFits fills every slot, field and message to its bound.
func TestTheLargestStatusFits(t *testing.T) {
	long := strings.Repeat("ü", 128)
	const slots = 100
	s := supervisor.New(supervisor.Settings{Processes: slots}, supervisor.Facts{Final: true}, supervisor.Past{}, now)
	step := func(event supervisor.Event) { s, _ = supervisor.Step(s, event, now) }
	step(supervisor.ControlRead{Document: &protocol.Control{Revision: 1}})
	for i := range slots {
		step(supervisor.Started{Slot: i, PID: 1000 + i})
		step(supervisor.Exited{Slot: i, PID: 1000 + i, Code: 255, Tail: strings.Repeat(long+"\n", 20)})
		step(supervisor.Started{Slot: i, PID: 2000 + i})
		step(supervisor.Printed{Slot: i, PID: 2000 + i, Tally: dialect.Tally{
			Started: 1, OpenCount: 1, Open: &dialect.Job{ID: long[:128], Class: long, Queue: long, Since: now},
		}})
	}
	content, err := json.Marshal(Status(Input{State: &s, Now: now}))
	if err != nil {
		t.Fatal(err)
	}
	if len(content) > protocol.MaxStatusBytes {
		t.Errorf("the status is %d bytes; at most %d are read", len(content), protocol.MaxStatusBytes)
	}
}

func TestNotReadyWhileNothingHasStarted(t *testing.T) {
	state := supervisor.New(supervisor.Settings{Processes: 1}, supervisor.Facts{Final: true}, supervisor.Past{}, now)
	response, err := http.Get(serve(t, &state).public + protocol.ReadyPath)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("answers %d", response.StatusCode)
	}
}

func TestMetrics(t *testing.T) {
	state := pod()
	response, err := http.Get(serve(t, &state).public + protocol.MetricsPath)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	const labels = `namespace="shop",queueapp="shop",queueworker="emails"`
	for _, want := range []string{
		`queueworker_jobs_total{namespace="shop",outcome="processed",queueapp="shop",queueworker="emails"} 2`,
		`queueworker_jobs_total{namespace="shop",outcome="failed",queueapp="shop",queueworker="emails"} 1`,
		`queueworker_job_seconds_total{` + labels + `} 1.5`,
		`queueworker_exits_total{namespace="shop",queueapp="shop",queueworker="emails",reason="Crashed"} 1`,
		`queueworker_workers{namespace="shop",queueapp="shop",queueworker="emails",state="Busy"} 1`,
		`queueworker_workers{namespace="shop",queueapp="shop",queueworker="emails",state="Paused"} 0`,
		`queueworker_worker_memory_bytes{` + labels + `,slot="2"} 150`,
		`queueworker_worker_job_age_seconds{` + labels + `,slot="1"} 0`,
		`queueworker_ready{` + labels + `} 1`,
		`queueworker_control_revision{` + labels + `} 3`,
		`queueworker_agent_info{dialect="json",framework="12.67.0",namespace="shop",queueapp="shop",queueworker="emails",version="v1"} 1`,
	} {
		if !strings.Contains(string(body), want+"\n") {
			t.Errorf("the metrics have no line %s", want)
		}
	}
	problems, err := promlint.New(bytes.NewReader(body)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("the linter says %v, %v", problems, err)
	}
}

func TestParseNetwork(t *testing.T) {
	const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 9999999    100    0    0    0     0          0         0  9999999    100    0    0    0     0       0          0
  eth0: 1500    10    0    0    0     0          0         0  700    7    0    0    0     0       0          0
net1:500 1 0 0 0 0 0 0 300 1 0 0 0 0 0 0
`
	want := protocol.Network{ReceivedBytes: 2000, TransmittedBytes: 1000}
	if diff := cmp.Diff(want, parseNetwork([]byte(text))); diff != "" {
		t.Errorf("traffic differs (-want +got):\n%s", diff)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come about in 20 s", what)
		}
	}
}

func TestKeeperWritesTheNewestAndLoadReadsIt(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "final")
	if err := os.WriteFile(final, []byte(strings.Repeat("x", 100_000)), 0o644); err != nil {
		t.Fatal(err)
	}
	keeper := NewKeeper(dir, final, func(format string, arguments ...any) { t.Errorf(format, arguments...) })
	state := pod()
	for i := range 1000 {
		next := state
		next.Counters.Processed = int64(i)
		keeper.Changed(&next, i%100 == 0)
	}
	eventually(t, "the newest counts", func() bool {
		past, err := Load(dir)
		return err == nil && past.Counters.Processed == 999
	})
	keeper.Close(&state)
	past, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(state.Past(), past); diff != "" {
		t.Errorf("kept counts differ (-want +got):\n%s", diff)
	}
	var word protocol.Final
	content, _ := os.ReadFile(final)
	if err := json.Unmarshal(content, &word); err != nil {
		t.Fatalf("the last word is %q: %v", content, err)
	}
	want := protocol.Final{Version: protocol.Version, Counters: state.Counters, Complete: true, Message: "It failed with exit code 255: PHP Fatal error:  x."}
	if diff := cmp.Diff(want, word); diff != "" {
		t.Errorf("the last word differs (-want +got):\n%s", diff)
	}
}

func TestKeeperSaysOnceThatItCannotWrite(t *testing.T) {
	var said []string
	keeper := NewKeeper("/no/such/dir", "", func(format string, arguments ...any) { said = append(said, fmt.Sprintf(format, arguments...)) })
	state := pod()
	keeper.Changed(&state, true)
	keeper.Close(&state)
	if len(said) != 1 || !strings.Contains(said[0], "keep the counts: open /no/such/dir/") {
		t.Errorf("it said %q", said)
	}
}

func TestLoad(t *testing.T) {
	if past, err := Load(t.TempDir()); err != nil || past.Sequence != 0 {
		t.Errorf("of an empty directory: %+v, %v", past, err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, countersFile), []byte("{half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if past, err := Load(dir); err == nil || past.Sequence != 0 || past.Counters.Exits != nil {
		t.Errorf("of half a file: %+v, %v", past, err)
	}
}

// TestTheLastWordFits checks that any message fits, and that a shorter one leaves no
// rest.
func TestTheLastWordFits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "final")
	word := finalWord{path: path}
	counters := protocol.Counters{Processed: 1 << 60, Exits: map[protocol.ExitReason]int64{protocol.ExitCrashed: 1 << 60}}
	for _, message := range []string{strings.Repeat("ü\x01", 5000), "short", strings.Repeat("x", 2000), ""} {
		if err := word.write(protocol.Final{Version: 1, Counters: counters, Message: message}); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var got protocol.Final
		if err := json.Unmarshal(content, &got); err != nil || len(content) > protocol.MaxFinalBytes {
			t.Errorf("%d bytes were written: %v", len(content), err)
		}
		if !strings.HasPrefix(message, got.Message) || got.Message == "" && message != "" {
			t.Errorf("the message became %q", got.Message)
		}
	}
}
