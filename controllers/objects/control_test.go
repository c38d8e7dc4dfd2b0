// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// world is a pool with agents that obey as real ones do: they obey the document with
// the highest revision, and the pod's own document if revisions are equal.
type world struct {
	worker    *v1alpha1.QueueWorker
	configMap *corev1.ConfigMap
	pods      []ControlledPod
	agents    []protocol.Control
}

// reconcile writes the documents that Control returns. No agent sees them before deliver.
func (w *world) reconcile() Controls {
	controls := Control(ControlInput{Worker: w.worker, Processes: effective.Processes(&w.worker.Spec), Live: w.configMap, Pods: decoded(w.pods...)})
	w.configMap = &corev1.ConfigMap{Data: map[string]string{protocol.ControlFile: encodeControl(controls.Pool)}}
	for i := range w.pods {
		if document, write := controls.Pods[w.pods[i].Name]; write {
			w.pods[i].Document = document
		}
	}
	return controls
}

// highest returns the highest revision that any agent has seen.
func (w *world) highest() int64 {
	var out int64
	for _, agent := range w.agents {
		out = max(out, agent.Revision)
	}
	return out
}

// deliver lets one agent see its files.
func (w *world) deliver(i int) {
	for _, document := range []string{liveDocument(w.configMap), w.pods[i].Document} {
		if seen := ReadControl(document); seen.Revision >= w.agents[i].Revision && seen.Revision > 0 {
			w.agents[i] = seen
		}
	}
	if own := ReadControl(w.pods[i].Document); own.Revision > 0 {
		w.agents[i] = w.agents[i].WithOwn(own)
	}
	w.pods[i].Reported = w.agents[i].Revision
}

func TestControlReachesEveryPod(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{worker: &v1alpha1.QueueWorker{}}
		w.worker.Spec.Processes = new(int32(3))
		pods := rapid.IntRange(1, 4).Draw(t, "pods")
		for i := range pods {
			w.pods = append(w.pods, ControlledPod{Name: fmt.Sprint("pod-", i)})
		}
		w.agents = make([]protocol.Control, pods)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			pod := rapid.IntRange(0, pods-1).Draw(t, "pod")
			switch rapid.SampledFrom([]string{"pause", "restart", "restart pod", "pause pod", "kill", "kill pod", "cordon", "deliver", "lose ConfigMap", "scale"}).Draw(t, "step") {
			case "pause":
				w.worker.Spec.Paused = !w.worker.Spec.Paused
			case "restart":
				metav1.SetMetaDataAnnotation(&w.worker.ObjectMeta, v1alpha1.AnnotationRestartedAt, fmt.Sprint(rapid.Int().Draw(t, "token")))
			case "kill":
				metav1.SetMetaDataAnnotation(&w.worker.ObjectMeta, v1alpha1.AnnotationKillAt, fmt.Sprint(rapid.Int().Draw(t, "token")))
			case "kill pod":
				w.pods[pod].KillToken = fmt.Sprint(rapid.Int().Draw(t, "token"))
			case "pause pod":
				w.pods[pod].Paused = !w.pods[pod].Paused
			case "restart pod":
				w.pods[pod].RestartToken = fmt.Sprint(rapid.Int().Draw(t, "token"))
			case "cordon":
				w.pods[pod].Cordoned = !w.pods[pod].Cordoned
			case "deliver":
				w.deliver(pod)
			case "lose ConfigMap":
				w.configMap = nil
			case "scale":
				w.worker.Spec.Processes = new(int32(rapid.IntRange(0, 50).Draw(t, "processes")))
			}
			before := w.highest()
			if controls := w.reconcile(); controls.Changed && controls.Pool.Revision <= before {
				t.Fatalf("a new document has revision %d, agents have seen %d", controls.Pool.Revision, before)
			}
		}
		for i := range w.pods {
			w.deliver(i)
		}
		w.reconcile()
		for i := range w.pods {
			w.deliver(i)
			if got := w.agents[i]; got.Paused != (w.worker.Spec.Paused || w.pods[i].Paused) ||
				got.KillToken != w.worker.Annotations[v1alpha1.AnnotationKillAt] || got.PodKillToken != w.pods[i].KillToken ||
				got.RestartToken != w.worker.Annotations[v1alpha1.AnnotationRestartedAt] ||
				got.PodRestartToken != w.pods[i].RestartToken || got.Cordoned != w.pods[i].Cordoned {
				t.Fatalf("agent %d obeys %+v", i, got)
			}
		}
		if again := w.reconcile(); again.Changed || len(again.Pods) > 0 {
			t.Fatalf("an unchanged world is written to: %+v", again)
		}
	})
}

func TestACordonIsThePodsOwn(t *testing.T) {
	w := &world{
		worker: &v1alpha1.QueueWorker{}, agents: make([]protocol.Control, 2),
		pods: []ControlledPod{{Name: "stays"}, {Name: "goes"}},
	}
	step := func(what string, wantRevision int64, wantCordoned bool) {
		t.Helper()
		before := w.pods[0].Document
		controls := w.reconcile()
		if controls.Changed || controls.Pool.Cordoned || w.pods[0].Document != before {
			t.Errorf("%s: the pool's document is %+v (changed: %t), the other pod's %s", what, controls.Pool, controls.Changed, w.pods[0].Document)
		}
		document := ReadControl(w.pods[1].Document)
		if _, written := controls.Pods["goes"]; !written || document.Revision != wantRevision || document.Cordoned != wantCordoned {
			t.Errorf("%s: the pod's document is %s (written: %t)", what, w.pods[1].Document, written)
		}
		if again := w.reconcile(); len(again.Pods) > 0 {
			t.Errorf("%s: a second pass writes %v", what, again.Pods)
		}
	}
	w.reconcile()
	for i := range w.pods {
		w.deliver(i)
	}
	w.pods[1].Cordoned = true
	step("cordoned", 2, true)
	w.pods[1].Cordoned = false
	step("un-cordoned before its agent has told", 3, false)
	w.pods[1].Cordoned = true
	step("cordoned again", 4, true)
	w.worker.Spec.Paused = true
	if controls := w.reconcile(); controls.Pool.Revision != 5 || controls.Pool.Cordoned || !ReadControl(w.pods[1].Document).Cordoned {
		t.Errorf("paused: the pool's document is %+v, the cordoned pod's %s", controls.Pool, w.pods[1].Document)
	}
}

// A pod's report, and the document on it, may contain anything: they must not use up
// the numbers of its pool.
func TestALyingPodDoesNotUseUpThePoolsRevisions(t *testing.T) {
	for name, lie := range map[string]func(*ControlledPod){
		"that reports too much":            func(p *ControlledPod) { p.Reported = protocol.MaxRevision },
		"with a revision of somebody else": func(p *ControlledPod) { p.Document = `{"revision":9223372036854775807}` },
		"with one as high as may be":       func(p *ControlledPod) { p.Document = `{"revision":9007199254740992}` },
	} {
		t.Run("a pod "+name, func(t *testing.T) {
			w := &world{worker: &v1alpha1.QueueWorker{}, pods: []ControlledPod{{Name: "liar"}, {Name: "honest"}}, agents: make([]protocol.Control, 2)}
			w.reconcile()
			w.deliver(1)
			for round := range 20 {
				lie(&w.pods[0])
				w.worker.Spec.Paused = !w.worker.Spec.Paused
				w.pods[0].Cordoned = !w.pods[0].Cordoned
				if controls := w.reconcile(); controls.Pool.Revision != int64(round+2) {
					t.Fatalf("the pool's document has the revision %d", controls.Pool.Revision)
				}
				w.deliver(1)
				if w.agents[1].Paused != w.worker.Spec.Paused {
					t.Fatal("the honest pod has not heard")
				}
			}
			for range 3 {
				w.reconcile()
			}
			if again := w.reconcile(); again.Changed || len(again.Pods) > 0 {
				t.Errorf("with nothing changed it writes %+v", again)
			}
		})
	}
}

func TestADocumentOfAnImpossibleRevisionIsWrittenAnew(t *testing.T) {
	w := &world{worker: &v1alpha1.QueueWorker{}, configMap: &corev1.ConfigMap{Data: map[string]string{protocol.ControlFile: `{"revision":-9223372036854775808}`}}}
	if controls := w.reconcile(); !controls.Changed || controls.Pool.Revision != 1 {
		t.Errorf("it becomes %+v", controls.Pool)
	}
}

// An annotation's token comes from the user, and agents must be able to read the document.
func TestALongTokenStillFitsIntoADocument(t *testing.T) {
	for _, token := range []string{strings.Repeat("\u2028", 60_000), strings.Repeat("<", maxToken), strings.Repeat("\x01", maxToken), strings.Repeat("t", maxToken-2)} {
		fits(t, token)
	}
}

func fits(t *testing.T, long string) {
	t.Helper()
	w := &world{worker: &v1alpha1.QueueWorker{}, pods: []ControlledPod{{Name: "a"}}, agents: make([]protocol.Control, 1)}
	for _, key := range []string{v1alpha1.AnnotationRestartedAt, v1alpha1.AnnotationKillAt} {
		metav1.SetMetaDataAnnotation(&w.worker.ObjectMeta, key, long)
		w.pods[0].KillToken, w.pods[0].RestartToken = Token(w.worker, key), Token(w.worker, key)
	}
	w.reconcile()
	if size := len(w.pods[0].Document) + len(liveDocument(w.configMap)); size == 0 || size > protocol.MaxControlBytes {
		t.Errorf("the documents have %d bytes", size)
	}
	if again := w.reconcile(); again.Changed {
		t.Errorf("a second pass writes %+v", again)
	}
	before := Token(w.worker, v1alpha1.AnnotationKillAt)
	metav1.SetMetaDataAnnotation(&w.worker.ObjectMeta, v1alpha1.AnnotationKillAt, long+"2")
	if Token(w.worker, v1alpha1.AnnotationKillAt) == before {
		t.Error("two long tokens are the same")
	}
}

func TestACordonOfANewPodIsWritten(t *testing.T) {
	w := &world{worker: &v1alpha1.QueueWorker{}, agents: make([]protocol.Control, 1)}
	w.reconcile()
	w.pods = []ControlledPod{{Name: "new", Cordoned: true}}
	w.reconcile()
	w.deliver(0)
	if got := w.agents[0]; !got.Cordoned || got.Revision != 2 {
		t.Errorf("its agent obeys %+v", got)
	}
}

func TestControlWritesToPodsThatStayBehind(t *testing.T) {
	w := &world{worker: &v1alpha1.QueueWorker{}, pods: []ControlledPod{{Name: "old"}}, agents: make([]protocol.Control, 1)}
	w.reconcile()
	w.deliver(0)
	w.worker.Spec.Paused = true
	w.reconcile()
	// A pod that was created meanwhile may have been given the old ConfigMap.
	w.pods = append(w.pods, ControlledPod{Name: "new", Reported: 1})
	if _, written := w.reconcile().Pods["new"]; !written {
		t.Error("a pod that reports an older revision is not written to")
	}
}

// TestControlWritesAgainWhatWasNotHeard: only a pod that is overdue is written to
// again, with a higher revision, because the same document would be no change.
func TestControlWritesAgainWhatWasNotHeard(t *testing.T) {
	worker := &v1alpha1.QueueWorker{}
	first := Control(ControlInput{Worker: worker, Pods: []ControlledPod{{Name: "a", Cordoned: true}}})
	live := &corev1.ConfigMap{Data: map[string]string{protocol.ControlFile: encodeControl(first.Pool)}}
	pod := ControlledPod{Name: "a", Cordoned: true, Document: first.Pods["a"]}
	for _, overdue := range []bool{false, true} {
		pod.Overdue = overdue
		again := Control(ControlInput{Worker: worker, Live: live, Pods: decoded(pod)}).Pods["a"]
		was, is := ReadControl(pod.Document), ReadControl(again)
		if overdue && (is.Revision <= was.Revision || !is.Cordoned) || !overdue && again != "" {
			t.Errorf("overdue %t: wrote %q over %q", overdue, again, pod.Document)
		}
	}
	pod.Overdue, pod.Reported = true, ReadControl(pod.Document).Revision
	if again := Control(ControlInput{Worker: worker, Live: live, Pods: decoded(pod)}).Pods["a"]; again != "" {
		t.Errorf("wrote %q again to a pod that has heard of it", again)
	}
}

// TestAnAgentThatHeardOnlyOfThePoolsChangeIsWrittenAgain: the pool's document and the
// pod's own change in one pass, and the agent reads only the pool's. Its revision must
// not count as an answer to the pod's own document.
func TestAnAgentThatHeardOnlyOfThePoolsChangeIsWrittenAgain(t *testing.T) {
	changes := map[string]func(*ControlledPod){
		"cordoned":        func(p *ControlledPod) { p.Cordoned = true },
		"paused alone":    func(p *ControlledPod) { p.Paused = true },
		"restarted alone": func(p *ControlledPod) { p.RestartToken = "now" },
		"killed alone":    func(p *ControlledPod) { p.KillToken = "now" },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			w := &world{worker: &v1alpha1.QueueWorker{}, pods: []ControlledPod{{Name: "a"}}, agents: make([]protocol.Control, 1)}
			w.reconcile()
			w.deliver(0)
			metav1.SetMetaDataAnnotation(&w.worker.ObjectMeta, v1alpha1.AnnotationKillAt, "now")
			change(&w.pods[0])
			pool := w.reconcile().Pool
			w.pods[0].Reported, w.pods[0].Overdue = pool.Revision, true
			if w.reconcile().Pods["a"] == "" {
				t.Error("the pod's own document is not written again")
			}
			w.deliver(0)
			if own := ReadControl(w.pods[0].Document); w.agents[0] != own {
				t.Errorf("the agent obeys %+v instead of %+v", w.agents[0], own)
			}
		})
	}
}

// decoded returns pods with their documents decoded, as a pass reads them.
func decoded(pods ...ControlledPod) []ControlledPod {
	for i := range pods {
		pods[i].Control = ReadControl(pods[i].Document)
	}
	return pods
}
