// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package wording

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/doctor"
	"queueworker.dev/queueworker/console/gitops"
	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/console/podlog"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/test/codes"
)

var update = flag.Bool("update", false, "write the golden file anew")

const console = "../../console"

// texts returns the text of each code with words, by the type of the code and the code.
func texts() map[string]map[string]string {
	message := intent.Message{
		Worker: "emails", Pod: "emails-worker-a", Run: "emails-1", From: 4, To: 3, PerPod: 2, Lowest: 2, Highest: 9,
		Until: time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC), Tries: 3, More: 4,
		Jobs:  []intent.Job{{Class: `App\Jobs\Send`, ID: "7", Worker: "emails-worker-a/0"}, {Worker: "emails-worker-b/0"}},
		Field: "batch.timeZone", Given: "banana", Words: []string{"Process", "Pod"}, Limit: 50,
	}
	fact := view.Fact{
		Worker: "emails", App: "shop", Run: "emails-1", Processes: 4, Ready: 3, Busy: 2, Desired: 5, PerPod: 2, Lowest: 1, Highest: 8,
		Priority: 6, Target: time.Minute, In: time.Hour, Schedule: "@daily", Reason: "Maximum", Message: "Much waits.",
		Autoscaling: &v1alpha1.AutoscalingStatus{ServiceTime: "0.92s", TimeToClear: "45s"},
	}
	cause := doctor.Cause{
		Message: "It is so.", Err: errors.New("it is forbidden"), Namespace: "shop", Selector: "team=shop", Names: []string{"a", "b"},
		Image: "queueworker:1", Queue: "emails", Rights: []string{"list pods"}, Uses: []doctor.Use{doctor.SeeWorkers, doctor.FollowLogs},
		Count: 2, Available: 1, Replicas: 3, Age: 90 * time.Second,
	}
	owner := gitops.Owner{Tool: gitops.FluxKustomize, Name: "apps", Namespace: "flux-system", Fields: []string{"spec.paused"}, ByHand: []string{"spec.stopped"}}
	all := map[string]map[string]string{}
	add(all, "intent.Code", intents, func(text intentText) string { return text(message) })
	add(all, "view.Code", facts, func(text factText) string { return text(fact) })
	advise := func(text adviceText) string { return text(view.Advice{Namespace: "shop", Name: "emails"}) }
	add(all, "view.AdviceCode", conditionAdvice, advise)
	add(all, "view.AdviceCode", doctorAdvice, advise)
	add(all, "view.FreshnessCode", freshnessTexts, func(text func(view.Freshness) string) string {
		return text(view.Freshness{Age: 23 * time.Second, Silent: 1, Running: 2, Silence: "no route"})
	})
	add(all, "doctor.Code", causes, func(text causeText) string { return text(cause) })
	add(all, "doctor.Use", uses, func(text string) string { return text })
	add(all, "doctor.Kind", subjects, func(word struct{ one, all string }) string { return word.one + ", " + word.all })
	add(all, "gitops.Code", gitopsTexts, func(text func(gitops.Warning, string) string) string {
		return text(gitops.Warning{Owner: owner, Fields: []string{"spec.paused"}}, "QueueWorker emails")
	})
	add(all, "gitops.Tool", insteads, func(text func(string) string) string { return text("apps") })
	add(all, "podlog.Code", logTexts, func(text func(podlog.Note) string) string {
		return text(podlog.Note{Pod: "emails-worker-a", Err: errors.New("the log cannot be read")})
	})
	return all
}

func add[C ~string, T any](all map[string]map[string]string, kind string, texts map[C]T, render func(T) string) {
	if all[kind] == nil {
		all[kind] = map[string]string{}
	}
	for code, text := range texts {
		all[kind][string(code)] = render(text)
	}
}

// TestEveryCodeHasWords: every code of every type in console has a text, every text has a
// code, and no value is missing in a text.
func TestEveryCodeHasWords(t *testing.T) {
	all := texts()
	for _, kind := range codes.Types(t, console) {
		if all[kind] == nil {
			t.Errorf("the codes of %s have no words", kind)
		}
	}
	for kind, texts := range all {
		want := codes.Of(t, console, kind)
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(texts))); diff != "" {
			t.Errorf("the words for %s (-codes +words):\n%s", kind, diff)
		}
		for code, text := range texts {
			if strings.TrimSpace(text) == "" || strings.Contains(text, "%!") {
				t.Errorf("the text of %s %s is %q", kind, code, text)
			}
		}
	}
	for tool := range insteads {
		if kindsOfTools[tool] == "" {
			t.Errorf("the object of %s has no name", tool)
		}
	}
}

// TestWords compares every text with the golden file.
func TestWords(t *testing.T) {
	var out strings.Builder
	all := texts()
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		for _, code := range slices.Sorted(maps.Keys(all[kind])) {
			fmt.Fprintf(&out, "%s %s: %s\n", kind, code, all[kind][code])
		}
	}
	const golden = "testdata/words.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("%s differs (-want +got); go test ./plugin/wording -update writes it anew:\n%s", golden, diff)
	}
}

// TestEveryFieldHasAFlag: `create` has one flag for each field, and no other.
func TestEveryFieldHasAFlag(t *testing.T) {
	var want []string
	for _, field := range intent.Fields() {
		want = append(want, field.Path)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(Flags))); diff != "" {
		t.Errorf("flags (-fields +flags):\n%s", diff)
	}
}

// TestDangerTellsTheWayBack: a job whose only try was interrupted fails once its
// connection gives it out again. Most applications then keep it as a failed job.
func TestDangerTellsTheWayBack(t *testing.T) {
	for tries, want := range map[int32]string{
		0: "once its connection's retry_after has passed.",
		1: "unless it has only one try. Here tries is 1, so an interrupted job counts as failed and is lost to the queue; only `kubectl queueworker failed retry` puts it back, if the application keeps failed jobs.",
		3: "if it has a try left of its 3; a job with tries=1 is lost to the queue; only `kubectl queueworker failed retry` puts it back, if the application keeps failed jobs.",
	} {
		text := Intent(intent.Message{Code: intent.InterruptsJobs, Worker: "emails", Tries: tries})
		if !strings.HasSuffix(text, want) || !strings.HasPrefix(text, "This kills every process of QueueWorker emails now") {
			t.Errorf("with tries=%d it says: %s", tries, text)
		}
	}
}

func TestDangerNamesTheJobs(t *testing.T) {
	text := Intent(intent.Message{Code: intent.InterruptsJobs, Worker: "emails", Pod: "emails-worker-a", More: 4, Jobs: []intent.Job{
		{Class: `App\Jobs\Send`, ID: "7", Worker: "emails-worker-a/0"}, {Worker: "emails-worker-a/1"},
	}})
	const want = `This kills every process of worker emails-worker-a now, in the middle of its job. These jobs ran when last seen: App\Jobs\Send 7 on emails-worker-a/0, a job of unknown class on emails-worker-a/1, and 4 more.`
	if !strings.HasPrefix(text, want) {
		t.Errorf("it says %q, want %q", text, want)
	}
}

// TestASizeIsToldIfItChanges: the size stays under autoscaling.
func TestASizeIsToldIfItChanges(t *testing.T) {
	for text, m := range map[string]intent.Message{
		"removes worker a": {Code: intent.WorkerRetired, Pod: "a"},
		"removes worker a; spec.processes goes from 4 to 3":         {Code: intent.WorkerRetired, Pod: "a", From: 4, To: 3},
		"removes worker a at once; spec.processes goes from 1 to 0": {Code: intent.WorkerKilled, Pod: "a", From: 1},
	} {
		if got := Intent(m); got != text {
			t.Errorf("it says %q, want %q", got, text)
		}
	}
}

func TestGitOps(t *testing.T) {
	tests := map[string]struct {
		owner gitops.Owner
		want  []string
	}{
		"a field of Argo CD's": {
			owner: gitops.Owner{Tool: gitops.ArgoCD, Name: "shop", Fields: []string{"spec.paused"}},
			want:  []string{"Argo CD application shop owns spec.paused of QueueWorker emails and will undo this change", "managedFieldsManagers: [queueworker-cli]"},
		},
		"a field of Flux's": {
			owner: gitops.Owner{Tool: gitops.FluxKustomize, Name: "apps", Namespace: "flux-system", Fields: []string{"spec.paused"}},
			want:  []string{"Flux Kustomization flux-system/apps owns", "flux suspend kustomization apps -n flux-system"},
		},
		"a field of a chart's": {
			owner: gitops.Owner{Tool: gitops.FluxHelm, Name: "shop", Fields: []string{"spec.paused"}},
			want:  []string{"Flux HelmRelease shop owns", "(the chart's values)", "flux suspend helmrelease shop."},
		},
		"a field changed by hand before": {
			owner: gitops.Owner{Tool: gitops.FluxKustomize, Name: "apps", ByHand: []string{"spec.paused"}},
			want:  []string{"spec.paused was changed by hand before: if Git sets it, this change will be undone", "flux suspend kustomization apps"},
		},
		"a field Git does not set": {
			owner: gitops.Owner{Tool: gitops.ArgoCD},
			want:  []string{"Argo CD keeps QueueWorker emails as Git has it. Git does not set spec.paused, so this change stays until Git does"},
		},
	}
	for name, tc := range tests {
		got := GitOps(tc.owner.Warn([]string{"spec.paused"}), "QueueWorker emails")
		for _, phrase := range tc.want {
			if !strings.Contains(got, phrase) {
				t.Errorf("%s: %q lacks %q", name, got, phrase)
			}
		}
	}
}

func TestFreshness(t *testing.T) {
	tests := map[string]view.Freshness{
		"": {},
		"These rows are from the QueueWorkers' status of 23s ago, because you may not `get` `pods/proxy`.": {Code: view.AgentsRefused, Age: 23 * time.Second},
		"These rows are from the QueueWorkers' status of an unknown time, because you may not list pods.":  {Code: view.PodsRefused, Age: -1},
	}
	for want, fresh := range tests {
		if got := Freshness(fresh); got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}

// TestARefusalIsPutIntoWords: any other error stays as it is.
func TestARefusalIsPutIntoWords(t *testing.T) {
	_, refusal := intent.Scale(intent.Input{Worker: &v1alpha1.QueueWorker{}}, intent.Size{})
	if got := Error(refusal).Error(); !strings.HasPrefix(got, "say how many processes: --processes N") {
		t.Errorf("it says %q", got)
	}
	other := errors.New("a disk is full")
	if got := Error(other); !errors.Is(got, other) {
		t.Errorf("it says %v", got)
	}
}
