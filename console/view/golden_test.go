// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with the file of that name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); go test ./console/view -update writes it anew:\n%s", path, diff)
	}
}

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) *metav1.Time { return new(metav1.NewTime(now.Add(-d))) }

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: *before(10 * time.Minute)}
}

// shop is a namespace with an autoscaled pool, a paused pool, a Batch pool, and a pool
// whose QueueApp is missing.
func shop() *Snapshot {
	app := builders.QueueApp("shop", "shop").Connection("redis").Driver(v1alpha1.DriverRedis).MaxProcesses(20).Obj()
	app.Spec.Runtime = v1alpha1.RuntimeLaravel
	app.Status = v1alpha1.QueueAppStatus{
		Images: []v1alpha1.CheckedImage{{Image: "registry.example.com/shop:1.4.2", Version: "8.83.26"}},
		Conditions: []metav1.Condition{
			condition(v1alpha1.ConditionPreflightPassed, metav1.ConditionFalse, v1alpha1.ReasonNotPassed, "LogsVisible is not kept."),
			condition("PcntlAvailable", metav1.ConditionTrue, v1alpha1.ReasonPassed, "pcntl is there."),
			condition("LogsVisible", metav1.ConditionFalse, v1alpha1.ReasonNotPassed, "The log channel drops what is logged. Set LOG_CHANNEL=stderr."),
		},
	}
	return &Snapshot{
		Time: now, Apps: []v1alpha1.QueueApp{*app},
		Pools: []v1alpha1.QueueWorker{*emails(), *reports(), *nightly(), *lost()},
		Pods: []Pod{
			{Namespace: "shop", Name: "emails-worker-7c9-aaaaa", UID: "a", Pool: "emails", Phase: corev1.PodRunning, AskedAt: now, Answer: answer("a")},
			{Namespace: "shop", Name: "emails-worker-7c9-bbbbb", UID: "b", Pool: "emails", Phase: corev1.PodRunning, AskedAt: now, Silence: "context deadline exceeded"},
		},
	}
}

func answer(uid string) *protocol.Status {
	return &protocol.Status{PodUID: uid, Counters: protocol.Counters{Processed: 120}, Workers: []protocol.Worker{
		{
			PID: 28, State: protocol.WorkerBusy, AgeSeconds: 300, Processed: 118, Failed: 2, MemoryBytes: 84 << 20, CPUCores: 0.12,
			Job: &protocol.Job{ID: "149kPViP", Class: `App\Jobs\SendMail`, Queue: "high", AgeSeconds: 3},
		},
		{Slot: 1, State: protocol.WorkerBackingOff, LastExit: &protocol.Exit{Reason: protocol.ExitCrashed, Code: 255, Message: "Fatal \x1b[31merror"}},
	}}
}

func emails() *v1alpha1.QueueWorker {
	pool := builders.QueueWorker("shop", "emails").App("shop").Queue("high,default").Autoscaling(1, 8, nil).Obj()
	pool.CreationTimestamp = *before(72 * time.Hour)
	pool.Generation = 3
	pool.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: v1alpha1.FieldManager, Subresource: "status", Time: before(23 * time.Second)}}
	pool.Status = v1alpha1.QueueWorkerStatus{
		ObservedGeneration: 3, State: v1alpha1.StateActive, AppName: "shop", Desired: 4, Processes: 4, Ready: 3, Busy: 2, Idle: 1, Failing: 1,
		Backlog: &v1alpha1.BacklogStatus{
			Ready: 18, Delayed: 3, Reserved: 2, Failed: new(int64(7)), OldestTime: before(4 * time.Second), NextDueTime: before(-90 * time.Second),
			Queues: []v1alpha1.QueueBacklog{{Queue: "high", Ready: 2, Reserved: 2}, {Queue: "default", Ready: 16, Delayed: 3}},
		},
		Throughput: &v1alpha1.Throughput{JobsPerMinute: "118.4", AverageTime: "0.92s", FailedShare: "0.2%"},
		Totals:     v1alpha1.Totals{Processed: 1203, Failed: 2, Released: 5},
		Restarts:   []v1alpha1.RestartCount{{Reason: "MaxJobs", Count: 12}, {Reason: "Memory", Count: 1}},
		Autoscaling: &v1alpha1.AutoscalingStatus{
			Desired: 4, Reason: "Demand", LimitedBy: "Maximum", ArrivalRate: "1.9", ServiceTime: "0.92s", Utilisation: "71%", TimeToClear: "45s",
			Message: "4 processes: 114 jobs a minute arrive and take 0.92s each.",
			Decisions: []v1alpha1.ScalingDecision{
				{Time: *before(3 * time.Minute), From: 2, To: 4, Reason: "Demand", Message: "4 processes: much waits."},
				{Time: *before(2 * time.Hour), From: 1, To: 2, Reason: "Demand"},
			},
		},
		Workers: []v1alpha1.Worker{
			{Name: "emails-worker-7c9-aaaaa/0", State: v1alpha1.WorkerIdle, Processed: 1},
			{Name: "emails-worker-7c9-bbbbb/0", PID: 31, State: v1alpha1.WorkerIdle, StartedTime: before(time.Hour), Queue: "high,default", Processed: 40, Memory: new(resource.MustParse("64Mi")), CPU: new(resource.MustParse("2m"))},
			{Name: "emails-worker-7c9-gone0/0", State: v1alpha1.WorkerBusy},
		},
		Conditions: []metav1.Condition{
			condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAsWanted, "4 processes run."),
			condition(v1alpha1.ConditionPaused, metav1.ConditionFalse, v1alpha1.ReasonNotPaused, "The workers take jobs."),
			condition(v1alpha1.ConditionScalingLimited, metav1.ConditionTrue, v1alpha1.ReasonMaximum, "More than spec.autoscaling.maxProcesses, 8, would be needed."),
			condition(v1alpha1.ConditionAgentsReporting, metav1.ConditionFalse, v1alpha1.ReasonUnreachable, "emails-worker-7c9-bbbbb does not answer."),
			condition(v1alpha1.ConditionFailuresHigh, metav1.ConditionTrue, v1alpha1.ReasonAboveThreshold, "12% of the jobs fail."),
		},
	}
	return pool
}

func reports() *v1alpha1.QueueWorker {
	pool := builders.QueueWorker("shop", "reports").App("shop").Queue("reports").Processes(2).PerPod(2).Paused(true).Obj()
	pool.Generation = 2
	pool.Status = v1alpha1.QueueWorkerStatus{
		ObservedGeneration: 1, State: v1alpha1.StatePaused, AppName: "shop", Desired: 2, Processes: 2, Ready: 2,
		Conditions: []metav1.Condition{condition(v1alpha1.ConditionPaused, metav1.ConditionTrue, v1alpha1.ReasonPaused, "Paused.")},
	}
	return pool
}

func nightly() *v1alpha1.QueueWorker {
	pool := builders.QueueWorker("shop", "nightly").App("shop").Queue("nightly").Processes(4).Obj()
	pool.Spec.Mode = v1alpha1.ModeBatch
	pool.Status = v1alpha1.QueueWorkerStatus{
		ObservedGeneration: 1, State: v1alpha1.StateIdle, AppName: "shop",
		Batch: &v1alpha1.BatchStatus{
			NextScheduleTime: before(-2 * time.Hour), Schedule: "30 2 * * *", LastSuccessfulTime: before(20 * time.Hour),
			Runs: []v1alpha1.Run{
				{Name: "nightly-2", Started: *before(21 * time.Hour), Ended: before(20 * time.Hour), Outcome: v1alpha1.RunComplete, Processed: 500},
				{Name: "nightly-1", Started: *before(45 * time.Hour), Ended: before(44 * time.Hour), Outcome: v1alpha1.RunFailed, Processed: 12, Failed: 3},
			},
		},
	}
	return pool
}

func lost() *v1alpha1.QueueWorker {
	pool := builders.QueueWorker("shop", "lost").App("typo").Queue("lost").Stopped(true).Obj()
	pool.Status = v1alpha1.QueueWorkerStatus{
		ObservedGeneration: 1, State: v1alpha1.StateStopped,
		Conditions: []metav1.Condition{condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonAppNotFound, "There is no QueueApp \"typo\".")},
	}
	return pool
}

func TestStatusTree(t *testing.T) {
	golden(t, "status.golden", Tree(StatusTree(shop(), nil)))
}

func TestExplain(t *testing.T) {
	s := shop()
	var text string
	for i := range s.Pools {
		text += Explain(s, &s.Pools[i], &s.Apps[0]) + "---\n"
	}
	golden(t, "explain.golden", text)
}

// TestAHeadSaysWhatItsRowsSay: the status is older than the agents' answers.
func TestAHeadSaysWhatItsRowsSay(t *testing.T) {
	rows := func(states ...protocol.WorkerState) *protocol.Status {
		out := answer("a")
		out.Workers = nil
		for i, state := range states {
			out.Workers = append(out.Workers, protocol.Worker{Slot: int32(i), State: state})
		}
		return out
	}
	tests := map[string]struct {
		answer *protocol.Status
		want   string
	}{
		"idle by now":   {rows(protocol.WorkerIdle, protocol.WorkerIdle), "3 of 4 processes ready, 0 busy, 2 idle\n"},
		"paused by now": {rows(protocol.WorkerPaused, protocol.WorkerBusy), "3 of 4 processes ready, 1 busy, 0 idle, 1 paused\n"},
		"crashed":       {rows(protocol.WorkerBackingOff), "3 of 4 processes ready, 0 busy, 0 idle, 1 failing\n"},
		"no answer":     {nil, "3 of 4 processes ready, 2 busy, 1 idle, 1 failing\n"},
	}
	for name, tc := range tests {
		s := shop()
		s.Pods = s.Pods[:1]
		s.Pods[0].Answer = tc.answer
		if text := Tree(StatusTree(s, nil)); !strings.Contains(text, tc.want) {
			t.Errorf("%s: it lacks %q:\n%s", name, tc.want, text)
		}
	}
}

// TestABacklogSaysOfWhenItIs: the backlog comes from the status, even if the rows are
// live.
func TestABacklogSaysOfWhenItIs(t *testing.T) {
	tests := map[string]struct {
		pools             []v1alpha1.QueueWorker
		age               time.Duration
		wantTree, wantTop string
	}{
		"of just now":  {[]v1alpha1.QueueWorker{*emails()}, 4 * time.Second, "7 failed and kept; the oldest", "backlog 18 "},
		"of before":    {[]v1alpha1.QueueWorker{*emails()}, 40 * time.Second, "7 failed and kept, as of 40s ago; the oldest", "backlog 18 (40s ago) "},
		"of two pools": {[]v1alpha1.QueueWorker{*emails(), *emails()}, 40 * time.Second, ", as of 40s ago", "backlog 36 (up to 40s ago) "},
	}
	for name, tc := range tests {
		s := &Snapshot{Time: now, Pools: tc.pools}
		for i := range s.Pools {
			s.Pools[i].ManagedFields[0].Time = before(tc.age)
		}
		top := (&Top{Width: 200, Height: 9, Snapshot: s}).totals() + " "
		if text := Tree(StatusTree(s, nil)); !strings.Contains(text, tc.wantTree) || !strings.Contains(top, tc.wantTop) {
			t.Errorf("%s: it lacks %q or %q:\n%s\n%s", name, tc.wantTree, tc.wantTop, text, top)
		}
	}
}

// TestWhatIsDueNextIsNoDelayedJobWhereThereIsNone: without delayed jobs, no delayed job
// is announced.
func TestWhatIsDueNextIsNoDelayedJobWhereThereIsNone(t *testing.T) {
	pool := emails()
	pool.Status.Backlog.Delayed = 0
	text := Tree(StatusTree(&Snapshot{Time: now, Pools: []v1alpha1.QueueWorker{*pool}}, nil))
	if want := "; one being worked on is given out again in 90s unless it ends\n"; !strings.Contains(text, want) {
		t.Errorf("it lacks %q:\n%s", want, text)
	}
}

// TestOneCauseIsToldOnce: Ready, Stalled and Paused all report one pause. Other problems
// are reported separately, even with the same reason.
func TestOneCauseIsToldOnce(t *testing.T) {
	pool := reports()
	const cause = "because its jobs fail and spec.onFailing is Pause."
	pool.Status.Conditions = []metav1.Condition{
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPausedByFailing, "The pods stay and take no jobs, "+cause),
		condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonPausedByFailing, "The pods stay and take no jobs, "+cause),
		condition(v1alpha1.ConditionPaused, metav1.ConditionTrue, v1alpha1.ReasonPausedByFailing, "No worker takes jobs, "+cause),
		condition(v1alpha1.ConditionFailuresHigh, metav1.ConditionTrue, v1alpha1.ReasonAboveThreshold, "Jobs fail."),
		condition(v1alpha1.ConditionMemoryHigh, metav1.ConditionTrue, v1alpha1.ReasonAboveThreshold, "Memory is short."),
	}
	s := &Snapshot{Time: now, Pools: []v1alpha1.QueueWorker{*pool}}
	for text, want := range map[string][]string{
		Tree(StatusTree(s, nil)): {"✘ Ready=False, Stalled=True, Paused=True PausedByFailing: The pods stay", "✘ FailuresHigh=True ", "✘ MemoryHigh=True "},
		Explain(s, pool, nil):    {"  Stalled, Paused (PausedByFailing): The pods stay"},
	} {
		for _, phrase := range append(want, cause, "kubectl queueworker resume reports.\n") {
			if !strings.Contains(text, phrase) {
				t.Errorf("it lacks %q:\n%s", phrase, text)
			}
		}
		if strings.Count(text, cause) != 1 {
			t.Errorf("it tells the cause several times:\n%s", text)
		}
	}
}

// TestExplainSaysHowToStartARun: it names the plugin's command, not an annotation.
func TestExplainSaysHowToStartARun(t *testing.T) {
	pool := nightly()
	pool.Status.Batch.NextScheduleTime = nil
	if text := Explain(shop(), pool, nil); !strings.Contains(text, "this starts one: kubectl queueworker run nightly.") {
		t.Errorf("it says %s", text)
	}
}

func TestTop(t *testing.T) {
	draw := func(width, height int, change func(*Top)) string {
		top := &Top{Width: width, Height: height, Where: "shop", Every: 2 * time.Second, Snapshot: shop(), Now: now, By: ByCPU}
		if change != nil {
			change(top)
		}
		return top.Draw(nil) + "\n"
	}
	golden(t, "top.golden", draw(80, 24, nil)+draw(160, 10, func(top *Top) { top.By, top.Reverse = ByName, true })+
		draw(40, 8, func(top *Top) { top.BusyOnly = true })+draw(80, 18, func(top *Top) { top.Help = true })+
		draw(80, 8, func(top *Top) { top.Typing, top.Filter = true, "none such" })+
		draw(80, 7, func(top *Top) { top.Snapshot, top.Trouble = nil, "The cluster does not answer." }))
}
