// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// TestExitsBeforeTheFirstReport: an operator that has just started knows a pod before the
// pod's agent has answered it. What happened long before is old all the same.
func TestExitsBeforeTheFirstReport(t *testing.T) {
	silent := pod("a")
	silent.Report = nil
	_, told := Exits([]Pod{silent}, nil)
	answering := pod("a")
	answering.Report.RecentExits = []protocol.Exit{
		{Sequence: 2, Reason: protocol.ExitMemory, AgeSeconds: freshExit.Seconds()}, {Sequence: 1, Reason: protocol.ExitCrashed, AgeSeconds: freshExit.Seconds() + 1},
	}
	answering.Report.KilledJobs = []protocol.KilledJob{killedJob(2, "new", freshExit.Seconds()), killedJob(1, "old", freshExit.Seconds()+1)}
	events, told2 := Exits([]Pod{answering}, told)
	if len(events) != 1 || events[0].Reason != string(protocol.ExitMemory) {
		t.Errorf("the events are %+v", events)
	}
	in := Input{Worker: &v1alpha1.QueueWorker{}, Pods: []Pod{answering}}
	if killed := JobsKilled(in, told); len(killed) != 1 || killed[0].Note != `Killed 1 job(s) in pod a, as killAt asks: App\Jobs\Send new` {
		t.Errorf("the killed jobs are %+v", killed)
	}
	if _, kept := Exits([]Pod{silent}, told2); kept[silent.UID] != 2 {
		t.Errorf("a pod that falls silent is forgotten: %v", kept)
	}
}

// TestEachExitIsToldOnce: a report that is repeated, late, or misses its predecessors
// tells each end once, and the ends in the order in which they happened.
func TestEachExitIsToldOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var told map[types.UID]int64
		var last, first int64
		count := map[string]int{}
		for range rapid.IntRange(1, 15).Draw(t, "passes") {
			p := pod("a")
			if rapid.Bool().Draw(t, "silent") {
				p.Report = nil
			} else {
				last += rapid.Int64Range(0, 3).Draw(t, "new ends")
				for sequence := last; sequence > max(0, last-5); sequence-- {
					p.Report.RecentExits = append(p.Report.RecentExits, protocol.Exit{Sequence: sequence, Slot: int32(sequence), Reason: protocol.ExitCrashed})
				}
				if first == 0 {
					first = max(1, last-4)
				}
			}
			events, next := Exits([]Pod{p}, told)
			told = next
			for i, event := range events {
				count[event.Note]++
				if i > 0 && len(event.Note) == len(events[i-1].Note) && event.Note < events[i-1].Note {
					t.Fatalf("%q is told after %q", event.Note, events[i-1].Note)
				}
			}
			if p.Report != nil && told[p.UID] != last {
				t.Fatalf("told up to %d of %d", told[p.UID], last)
			}
		}
		for note, times := range count {
			if times != 1 {
				t.Fatalf("%q is told %d times", note, times)
			}
		}
		if want := last - first + 1; first > 0 && last > 0 && int64(len(count)) != want {
			t.Fatalf("%d ends are told, want %d", len(count), want)
		}
	})
}

func TestEventsOfExits(t *testing.T) {
	tests := map[protocol.ExitReason]string{
		protocol.ExitDrained: "", protocol.ExitPaused: "", protocol.ExitFinished: "",
		protocol.ExitMaxJobs: "Normal", protocol.ExitMaxTime: "Normal", protocol.ExitRestartRequested: "Normal",
		protocol.ExitMemory: "Warning", protocol.ExitMaxExceptions: "Warning", protocol.ExitJobTimeout: "Warning", protocol.ExitOOMKilled: "Warning",
		protocol.ExitGraceExceeded: "Warning", protocol.ExitKilledOnRequest: "Warning", protocol.ExitKilled: "Warning", protocol.ExitCrashed: "Warning",
		protocol.ExitConfigError: "Warning", protocol.ExitCommandNotFound: "Warning",
	}
	for reason, want := range tests {
		p := pod("a")
		p.Report.RecentExits = []protocol.Exit{{Sequence: 1, Slot: 2, Reason: reason, Message: "it was so"}}
		events, _ := Exits([]Pod{p}, nil)
		switch {
		case want == "" && len(events) == 0:
		case len(events) != 1 || events[0].Type != want || events[0].Reason != string(reason) || events[0].Note != "Process a/2 ended: it was so.":
			t.Errorf("%s: the events are %+v, want %q", reason, events, want)
		}
	}
}

// TestNotesOfChanges: what the events say, with their numbers.
func TestNotesOfChanges(t *testing.T) {
	paused := func(in *Input) {
		for i := range in.Pods {
			in.Pods[i] = in.Pods[i].worker(protocol.WorkerPaused, nil)
		}
	}
	tests := map[string]struct {
		before, after func(*Input)
		want          []string
	}{
		"more processes":  {nil, func(in *Input) { in.Processes = 5 }, []string{"Normal Scaled: Scaled from 2 to 5 process(es)"}},
		"fewer processes": {nil, func(in *Input) { in.Processes = 1 }, []string{"Normal Scaled: Scaled from 2 to 1 process(es)"}},
		"none":            {nil, func(in *Input) { in.Processes = 0 }, []string{"Normal Stopped: Stopped a pool of 2 process(es)"}},
		"the first look":  {func(in *Input) { in.Worker.Status = v1alpha1.QueueWorkerStatus{} }, func(*Input) {}, nil},
		"pausing":         {nil, func(in *Input) { in.Worker.Spec.Paused = true }, nil},
		"paused":          {nil, func(in *Input) { in.Worker.Spec.Paused = true; paused(in) }, []string{"Normal Paused: Paused: every worker has finished its job"}},
		"paused until": {
			nil, func(in *Input) { in.Worker.Spec.PausedUntil = new(metav1.NewTime(noon.Add(time.Hour))); paused(in) },
			[]string{"Normal Paused: Paused until 2026-11-23T13:00:00Z: every worker has finished its job"},
		},
		"resumed": {
			func(in *Input) { in.Worker.Spec.Paused = true; paused(in); in.Worker.Status = Compute(*in).Status },
			func(in *Input) { in.Worker.Spec.Paused = false }, []string{"Normal Resumed: Resumed"},
		},
		"two pods are lost": {nil, func(in *Input) { in.Pods = nil }, []string{"Warning Unaccounted: 2 pod(s) ended without a final report, so status.totals may lack the jobs of their last seconds"}},
		"stalled":           {nil, func(in *Input) { in.Rejected = "exceeded quota" }, []string{"Warning Rejected: exceeded quota."}},
		"stalled otherwise": {
			func(in *Input) { in.Rejected = "exceeded quota"; in.Worker.Status = Compute(*in).Status },
			func(in *Input) { in.Conflict = "It is theirs." }, []string{"Warning ForeignObject: It is theirs."},
		},
		"still stalled, in other words": {
			func(in *Input) { in.Rejected = "exceeded quota"; in.Worker.Status = Compute(*in).Status },
			func(in *Input) { in.Rejected = "exceeded another quota" }, nil,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := pool(2)
			in.Worker.Status = Compute(in).Status
			if tc.before != nil {
				tc.before(&in)
			}
			tc.after(&in)
			after := Compute(in).Status
			if diff := cmp.Diff(tc.want, notes(Changes(in, &after))); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
	asked := []Event{RestartRequested(3, 0), RestartRequested(3, 90), Stuck("emails-0"), Finishing("emails-run-1")}
	want := []string{
		"Normal RestartRequested: Restarting 3 process(es), each after its current job",
		"Normal RestartRequested: Restarting 3 process(es), each after its current job, spread over 90 s",
		"Warning " + v1alpha1.EventStuck + ": Restarting the processes of pod emails-0: one of them takes no job while jobs wait",
		"Normal " + v1alpha1.EventRunFinishing + ": The queues of the run emails-run-1 are empty; its workers end",
	}
	if diff := cmp.Diff(want, notes(asked)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// notes returns events as text.
func notes(events []Event) []string {
	var out []string
	for _, event := range events {
		out = append(out, event.Type+" "+event.Reason+": "+event.Note)
	}
	return out
}
