// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/batch"
	"queueworker.dev/queueworker/controllers/objects"
)

// TestWritesAreRepeatedMoreSlowly: each write that an agent does not take up doubles the
// time for the next, up to a bound. An agent that takes one up starts anew.
func TestWritesAreRepeatedMoreSlowly(t *testing.T) {
	var write PodWrite
	for i, want := range []time.Duration{3, 6, 12, 24, 48, 48, 48} {
		write = write.Next("v", noon, i > 0)
		if write.wait() != want*time.Second || write.Again != i || write.Version != "v" || !write.At.Equal(noon) {
			t.Errorf("write %d waits %s, want %d s: %+v", i, write.wait(), want, write)
		}
	}
	if write = write.Next("w", noon, false); write.wait() != overdueAfter {
		t.Errorf("after an answer it waits %s", write.wait())
	}
}

// TestConfirmationsAreAwaited: of agents that answer and have not taken up their document,
// and of documents that are written now; the soonest first.
func TestConfirmationsAreAwaited(t *testing.T) {
	written := Decision{Controls: objects.Controls{Pods: map[string]string{"a": "{}"}}}
	behind := func(p *Pod) { p.Control.Revision = 5 }
	tests := map[string]struct {
		d      Decision
		change func(*Pod)
		want   time.Duration
	}{
		"all is taken up":    {Decision{}, func(*Pod) {}, 0},
		"written now":        {written, func(*Pod) {}, overdueAfter},
		"written, not heard": {written, func(p *Pod) { p.Report.Status = nil }, overdueAfter},
		"behind":             {Decision{}, behind, overdueAfter},
		"behind, once more":  {Decision{}, func(p *Pod) { behind(p); p.Write.Again = 1 }, 2 * overdueAfter},
		"silent":             {Decision{}, func(p *Pod) { behind(p); p.Report.Unreachable = true }, 0},
		"never heard":        {Decision{}, func(p *Pod) { behind(p); p.Report.Status = nil }, 0},
		"up to date":         {Decision{}, func(p *Pod) { p.Control.Revision = 4 }, 0},
		"goes":               {written, func(p *Pod) { behind(p); p.DeletionTimestamp = new(metav1.NewTime(noon)) }, 0},
		"has ended":          {written, func(p *Pod) { p.Status.Phase = corev1.PodFailed }, 0},
	}
	for name, tc := range tests {
		w := poolOf("a", 2)
		tc.change(w.reporting("a", &protocol.Status{ControlRevision: 4}))
		w.reporting("b", &protocol.Status{}).Write.Again = 3
		if got := ConfirmAfter(w, tc.d); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
		behind(w.Pods[1])
		if got := ConfirmAfter(w, tc.d); tc.want == 0 && got != 8*overdueAfter || tc.want > 0 && got != tc.want {
			t.Errorf("%s, and another is behind: %s", name, got)
		}
	}
}

// TestPodsThatGoAreAwaited: while their grace period lasts, and the first of them first.
func TestPodsThatGoAreAwaited(t *testing.T) {
	w := poolOf("a", 3)
	for name, left := range map[string]time.Duration{"long": time.Minute, "soon": time.Second, "over": 0, "lost": -time.Hour} {
		w.reporting(name, nil).DeletionTimestamp = new(metav1.NewTime(noon.Add(left)))
	}
	ended := w.reporting("ended", nil)
	ended.DeletionTimestamp, ended.Status.Phase = new(metav1.NewTime(noon.Add(1))), corev1.PodSucceeded
	ofRun := w.reporting("run", nil)
	ofRun.DeletionTimestamp, ofRun.OwnerReferences = new(metav1.NewTime(noon.Add(1))), []metav1.OwnerReference{{Kind: "Job", Controller: new(true)}}
	w.reporting("stays", nil)
	if n, left := leavingPods(w); n != 2 || left != time.Second {
		t.Errorf("leavingPods() = %d, %s, want 2, 1s", n, left)
	}
}

// TestSilenceFollowsTheLongestTimeout: of the pool, or of a job that waits.
func TestSilenceFollowsTheLongestTimeout(t *testing.T) {
	for own, want := range map[int64]time.Duration{0: 90, 60: 90, 61: 91, 600: 630} {
		w := poolOf("a", 1)
		w.Backlog.Queues = []protocol.QueueDepth{{}, {MaxTimeoutSeconds: &own}, {MaxTimeoutSeconds: new(int64(1))}}
		if got := silence(w); got != want*time.Second {
			t.Errorf("with a job of %d s it is %s, want %d s", own, got, want)
		}
		w.Worker.Spec.Timeout = &metav1.Duration{}
		if got := silence(w); got != 0 {
			t.Errorf("without a timeout it is %s", got)
		}
	}
}

// TestWhichPodsAreDue: those with a process at its limit that no user looks at.
func TestWhichPodsAreDue(t *testing.T) {
	w := poolOf("a", 1)
	due := w.reporting("a", &protocol.Status{Workers: []protocol.Worker{{}, {RecycleDue: true}}})
	if fresh := w.reporting("b", &protocol.Status{Workers: []protocol.Worker{{}}}); isDue(fresh) || isDue(w.reporting("c", nil)) || !isDue(due) {
		t.Error("a pod without a process at its limit is due, or a pod with one is not")
	}
	due.Annotations = map[string]string{v1alpha1.AnnotationPaused: v1alpha1.AnnotationTrue}
	if isDue(due) {
		t.Error("a pod that a user has paused is due")
	}
	if w.Worker.Spec.Recycle = v1alpha1.RecyclePod; !recycles(w) {
		t.Error("a pool that recycles pods does not")
	}
	if w.Worker.Spec.Paused = true; recycles(w) {
		t.Error("a paused pool recycles pods")
	}
}

// TestARunIsToldToFinishForGood: the order stays until another run gets it.
func TestARunIsToldToFinishForGood(t *testing.T) {
	w := inBatch(v1alpha1.DriverRedis, true)
	w.ConfigMap = &corev1.ConfigMap{}
	if got := finishedRun(w, &batch.Output{}); got != "" {
		t.Errorf("before any order it is %q", got)
	}
	if got := finishedRun(w, &batch.Output{Finish: "run-2"}); got != "run-2" {
		t.Errorf("the present run's order is %q", got)
	}
	w.Worker.Spec.Mode = v1alpha1.ModeContinuous
	if finishedRun(w, &batch.Output{Finish: "run-2"}) != "" || finishedRun(w, nil) != "" {
		t.Error("a pool of another mode is told to finish a run")
	}
	for rest, want := range map[time.Duration]Decision{0: {}, time.Minute: {Runs: &batch.Output{Recheck: time.Minute}}} {
		if got := RecheckRuns(want); got != rest {
			t.Errorf("it looks again after %s, want %s", got, rest)
		}
	}
}

// TestOpenRuns: a run is open until the status says that it has ended.
func TestOpenRuns(t *testing.T) {
	w := inBatch(v1alpha1.DriverRedis, true)
	if open := w.OpenRuns(); len(open) != 1 || !open["run"] || w.OpenRun() == nil {
		t.Errorf("the open runs are %v", open)
	}
	w.Worker.Status.Batch = &v1alpha1.BatchStatus{Runs: []v1alpha1.Run{{Name: "nightly-run-1", Started: metav1.NewTime(noon), Ended: new(metav1.NewTime(noon))}}}
	if open := w.OpenRuns(); len(open) != 0 || w.OpenRun() != nil {
		t.Errorf("after its end the open runs are %v", open)
	}
}
