// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/test/shop"
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
		t.Errorf("%s differs (-want +got); go test ./plugin/render -update writes it anew:\n%s", path, diff)
	}
}

// explain returns the explanation of a pool's size in words.
func explain(pool *v1alpha1.QueueWorker, app *v1alpha1.QueueApp) string {
	why := view.Explain(shop.Now, pool, app)
	return Explanation(&why, shop.Now)
}

func TestStatusTree(t *testing.T) {
	golden(t, "status.golden", Tree(StatusTree(shop.Snapshot(), nil)))
}

func TestExplain(t *testing.T) {
	s := shop.Snapshot()
	var text string
	for i := range s.Pools {
		text += explain(&s.Pools[i], &s.Apps[0]) + "---\n"
	}
	golden(t, "explain.golden", text)
}

// TestAHeadSaysWhatItsRowsSay: the status is older than the agents' answers.
func TestAHeadSaysWhatItsRowsSay(t *testing.T) {
	rows := func(states ...protocol.WorkerState) *protocol.Status {
		out := shop.Answer("a")
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
		s := shop.Snapshot()
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
		"of just now":  {[]v1alpha1.QueueWorker{*shop.Emails()}, 4 * time.Second, "7 failed and kept; the oldest", "backlog 18 "},
		"of before":    {[]v1alpha1.QueueWorker{*shop.Emails()}, 40 * time.Second, "7 failed and kept, as of 40s ago; the oldest", "backlog 18 (40s ago) "},
		"of two pools": {[]v1alpha1.QueueWorker{*shop.Emails(), *shop.Emails()}, 40 * time.Second, ", as of 40s ago", "backlog 36 (up to 40s ago) "},
	}
	for name, tc := range tests {
		s := &view.Snapshot{Time: shop.Now, Pools: tc.pools}
		for i := range s.Pools {
			s.Pools[i].ManagedFields[0].Time = shop.Before(tc.age)
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
	pool := shop.Emails()
	pool.Status.Backlog.Delayed = 0
	text := Tree(StatusTree(&view.Snapshot{Time: shop.Now, Pools: []v1alpha1.QueueWorker{*pool}}, nil))
	if want := "; a job being worked on is given out again in 90s unless it ends\n"; !strings.Contains(text, want) {
		t.Errorf("it lacks %q:\n%s", want, text)
	}
}

// TestOneCauseIsToldOnce: Ready, Stalled and Paused all report one pause. Other problems
// are reported separately, even with the same reason.
func TestOneCauseIsToldOnce(t *testing.T) {
	pool := shop.Reports()
	const cause = "because its jobs fail and spec.onFailing is Pause."
	pool.Status.Conditions = []metav1.Condition{
		shop.Condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPausedByFailing, "The pods stay and take no jobs, "+cause),
		shop.Condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonPausedByFailing, "The pods stay and take no jobs, "+cause),
		shop.Condition(v1alpha1.ConditionPaused, metav1.ConditionTrue, v1alpha1.ReasonPausedByFailing, "No worker takes jobs, "+cause),
		shop.Condition(v1alpha1.ConditionFailuresHigh, metav1.ConditionTrue, v1alpha1.ReasonAboveThreshold, "Jobs fail."),
		shop.Condition(v1alpha1.ConditionMemoryHigh, metav1.ConditionTrue, v1alpha1.ReasonAboveThreshold, "Memory is short."),
	}
	s := &view.Snapshot{Time: shop.Now, Pools: []v1alpha1.QueueWorker{*pool}}
	for text, want := range map[string][]string{
		Tree(StatusTree(s, nil)): {"✘ Ready=False, Stalled=True, Paused=True PausedByFailing: The pods stay", "✘ FailuresHigh=True ", "✘ MemoryHigh=True "},
		explain(pool, nil):       {"  Stalled, Paused (PausedByFailing): The pods stay"},
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
	pool := shop.Nightly()
	pool.Status.Batch.NextScheduleTime = nil
	if text := explain(pool, nil); !strings.Contains(text, "To start one: kubectl queueworker run nightly.") {
		t.Errorf("it says %s", text)
	}
}

func TestTop(t *testing.T) {
	draw := func(width, height int, change func(*Top)) string {
		top := &Top{Width: width, Height: height, Where: "shop", Every: 2 * time.Second, Snapshot: shop.Snapshot(), Now: shop.Now, By: view.ByCPU}
		if change != nil {
			change(top)
		}
		return top.Draw(nil) + "\n"
	}
	golden(t, "top.golden", draw(80, 24, nil)+draw(160, 10, func(top *Top) { top.By, top.Reverse = view.ByName, true })+
		draw(40, 8, func(top *Top) { top.BusyOnly = true })+draw(80, 18, func(top *Top) { top.Help = true })+
		draw(80, 8, func(top *Top) { top.Typing, top.Filter = true, "none such" })+
		draw(80, 7, func(top *Top) { top.Snapshot, top.Trouble = nil, "The cluster does not answer." }))
}
