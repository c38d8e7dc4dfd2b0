// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

func TestDue(t *testing.T) {
	tests := map[string]struct {
		change func(*Input)
		// since is how long ago the status was last written.
		since     time.Duration
		wantWrite bool
		wantWait  time.Duration
	}{
		"nothing changed": {change: func(*Input) {}},
		"memory, CPU and ages alone": {change: func(in *Input) {
			in.Now = noon.Add(time.Hour)
			in.Pods[0].Report.Workers[0].MemoryBytes = 99 << 20
			in.Pods[0].Report.Workers[0].CPUCores = 0.7
			in.Pods[0].Report.UptimeSeconds = 5000
		}, since: time.Hour},
		"a job was done a moment after the last write": {change: didJobs, since: 20 * time.Second, wantWait: 40 * time.Second},
		"a job was done long after the last write":     {change: didJobs, since: time.Minute, wantWrite: true},
		"a process became busy": {change: func(in *Input) {
			in.Pods[0] = in.Pods[0].worker(protocol.WorkerBusy, &protocol.Job{})
		}, since: time.Minute, wantWrite: true},
		"the spec changed":          {change: func(in *Input) { in.Worker.Generation = 4 }, wantWrite: true},
		"more processes are wanted": {change: func(in *Input) { in.Processes = 5 }, wantWrite: true},
		"a process crashed": {change: func(in *Input) {
			in.Pods[0] = in.Pods[0].crashed(protocol.ExitCrashed, "exit 255")
		}, wantWrite: true},
		"a pod is gone":                                     {change: func(in *Input) { in.Pods = in.Pods[:1] }, since: 2 * time.Second, wantWrite: true},
		"a pod is not ready, after a rest":                  {change: unready, since: 2 * time.Second, wantWrite: true},
		"a pod is not ready, a moment after the last write": {change: unready, since: 500 * time.Millisecond, wantWait: 1500 * time.Millisecond},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := pool(2)
			in.Worker.Status = Compute(in).Status
			tc.change(&in)
			after := Compute(in).Status
			write, wait := Due(&in.Worker.Status, &after, in.Now, Writes{Any: in.Now.Add(-tc.since), OfJobs: in.Now.Add(-tc.since)})
			if write != tc.wantWrite || wait != tc.wantWait {
				t.Errorf("Due() = %t, %s, want %t, %s", write, wait, tc.wantWrite, tc.wantWait)
			}
		})
	}
}

func unready(in *Input) { in.Pods[0].Status.Conditions[0].Status = corev1.ConditionFalse }

func didJobs(in *Input) {
	in.Pods[0].Report.Counters.Processed = 10
}

func TestChanges(t *testing.T) {
	tests := map[string]struct {
		change func(*Input)
		want   []string
	}{
		"nothing": {change: func(*Input) {}},
		"scaled":  {change: func(in *Input) { in.Processes = 3 }, want: []string{v1alpha1.EventScaled}},
		"stopped": {change: func(in *Input) { in.Worker.Spec.Stopped, in.Processes = true, 0 }, want: []string{v1alpha1.EventStopped}},
		"paused": {change: func(in *Input) {
			in.Worker.Spec.Paused = true
			for i := range in.Pods {
				in.Pods[i] = in.Pods[i].worker(protocol.WorkerPaused, nil)
			}
		}, want: []string{v1alpha1.EventPaused}},
		"a pod ended unseen": {change: func(in *Input) { in.Pods = in.Pods[:1] }, want: []string{v1alpha1.EventUnaccounted}},
		"stalled":            {change: func(in *Input) { in.Conflict = "It is theirs." }, want: []string{v1alpha1.ReasonForeignObject}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := pool(2)
			in.Worker.Status = Compute(in).Status
			tc.change(&in)
			after := Compute(in).Status
			var got []string
			for _, event := range Changes(in, &after) {
				got = append(got, event.Reason)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExitsAreToldOnce(t *testing.T) {
	p := pod("a")
	p.Report.RecentExits = []protocol.Exit{
		{Sequence: 4, Reason: protocol.ExitDrained, AgeSeconds: 1},
		{Sequence: 3, Reason: protocol.ExitJobTimeout, AgeSeconds: 5, Message: "the job ran longer than 60 s"},
		{Sequence: 2, Reason: protocol.ExitMaxJobs, AgeSeconds: 8},
		{Sequence: 1, Reason: protocol.ExitCrashed, AgeSeconds: 300},
	}
	events, told := Exits([]Pod{p}, nil)
	var got []string
	for _, event := range events {
		got = append(got, event.Type+" "+event.Reason)
	}
	// The crash was before this operator's time, and draining was requested.
	if diff := cmp.Diff([]string{"Normal MaxJobs", "Warning JobTimeout"}, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if told["uid-a"] != 4 {
		t.Errorf("told up to %d, want 4", told["uid-a"])
	}
	if again, _ := Exits([]Pod{p}, told); len(again) != 0 {
		t.Errorf("told again: %+v", again)
	}
	if _, told := Exits(nil, map[types.UID]int64{"gone": 9}); len(told) != 0 {
		t.Errorf("a pod that is gone is remembered: %v", told)
	}
}

func TestRows(t *testing.T) {
	in := pool(2)
	in.Pods[0], in.Pods[1] = in.Pods[1], in.Pods[0]
	worker := &in.Pods[0].Report.Workers[0]
	worker.State, worker.MemoryBytes, worker.CPUCores = protocol.WorkerBusy, 45<<20+12345, 0.253
	worker.Job = &protocol.Job{ID: "x1", Class: "Send", Queue: "high", AgeSeconds: 30}
	first := Compute(in).Status
	if got := []string{first.Workers[0].Name, first.Workers[1].Name}; got[0] != "emails-0/0" || got[1] != "emails-1/0" {
		t.Errorf("rows are not sorted: %v", got)
	}
	busy := first.Workers[1]
	if busy.Memory.String() != "45Mi" || busy.CPU.String() != "253m" || busy.Queue != "high" ||
		!busy.CurrentJob.StartedTime.Equal(new(metav1.NewTime(noon.Add(-30*time.Second)))) {
		t.Errorf("row is %+v", busy)
	}

	in.Worker.Status = first
	in.Pods[0].ReportedAt = noon.Add(10*time.Second + 700*time.Millisecond)
	worker.Job.AgeSeconds, worker.AgeSeconds = 40, 70
	second := Compute(in).Status.Workers[1]
	if !second.StartedTime.Equal(busy.StartedTime) || !second.CurrentJob.StartedTime.Equal(busy.CurrentJob.StartedTime) {
		t.Errorf("the delay of a call moves instants: %+v", second)
	}
}
