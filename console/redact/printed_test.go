// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// TestMessages: the words of the operator and of Kubernetes stay; quoted text is removed.
func TestMessages(t *testing.T) {
	tests := map[string]struct {
		message said
		want    string
	}{
		"the operator's own words": {said{true, "Ready", "AsWanted", "All 3 processes are ready."}, "All 3 processes are ready."},
		"a crash": {said{true, "Ready", "WorkersCrashing", "Every worker process crashes (last Crashed, exit code 255): It failed with exit code 255: bob@example.com."},
			"Every worker process crashes (last Crashed, exit code 255): (removed, 46 bytes)"},
		"an alert of crashes": {said{true, "WorkersFailing", "Crashes", "3 process(es) crashed in the last 5 minutes, last emails-a/0: card 4111"},
			"3 process(es) crashed in the last 5 minutes, last (removed, 21 bytes)"},
		"an alert of failures":        {said{true, "FailuresHigh", "AboveThreshold", "5 of the 9 jobs failed, which is 55 %, last Job bob with X."}, "5 of the 9 jobs failed, which is 55 %, last (removed, 15 bytes)"},
		"a backlog":                   {said{true, "BacklogKnown", "Measured", "The backlog is measured every few seconds: the HTTP endpoint http://d/T0."}, "The backlog is measured every few seconds: (removed, 30 bytes)"},
		"a backend's refusal":         {said{true, "BacklogKnown", "Denied", "NOAUTH canary"}, "(removed, 13 bytes)"},
		"a probe's words":             {said{true, "BacklogKnown", "Unreachable", "canary: x"}, "(removed, 9 bytes)"},
		"a silent agent":              {said{true, "AgentsReporting", "Unreachable", "1 of 2 running pods do not answer the operator, first emails-a: canary"}, "1 of 2 running pods do not answer the operator, first emails-a: (removed, 6 bytes)"},
		"a refusal":                   {said{true, "Stalled", "Rejected", "The API server refused the Deployment emails: Invalid value: \"canary\"."}, "The API server refused the Deployment emails: (removed, 24 bytes)"},
		"an agent's finding":          {said{true, "SettingsReadable", "NotPassed", "artisan says canary"}, "(removed, 19 bytes)"},
		"the sum of findings":         {said{true, "PreflightPassed", "NotPassed", "1 of 9 checks did not pass; see the conditions CacheShared."}, "1 of 9 checks did not pass; see the conditions CacheShared."},
		"a reason of a newer version": {said{true, "Ready", "Unheard", "canary"}, "(removed, 6 bytes)"},
		"a pod's condition":           {said{false, "Ready", "ContainersNotReady", "containers with unready status: [worker]"}, "containers with unready status: [worker]"},
		"a probe that failed":         {said{false, "", "Unhealthy", `Readiness probe failed: HTTP probe failed with statuscode: 500 body: canary`}, "Readiness probe failed (removed, 53 bytes)"},
		"a hook that failed":          {said{false, "", "FailedPostStartHook", `Exec lifecycle hook ([sh -c canary]) failed`}, "(removed, 43 bytes)"},
		"an application's event":      {said{false, "", "Scheduled", "canary was here"}, "(removed, 15 bytes)"},
		"one that pretends":           {said{false, "", "Scheduled", "Successfully assigned canary to you, bob@example.com"}, "(removed, 52 bytes)"},
		"a quota":                     {said{false, "", "FailedCreate", `Error creating: pods "emails-a" is forbidden: exceeded quota: few, requested: pods=1, used: pods=5, limited: pods=5`}, `Error creating: pods "emails-a" is forbidden: exceeded quota: few, requested: pods=1, used: pods=5, limited: pods=5`},
		"a pod that is invalid":       {said{false, "", "FailedCreate", `Error creating: Pod "emails-a" is invalid: spec.containers[0].env[0].name: Invalid value: "canary": no`}, `Error creating: Pod "emails-a" is invalid (removed, 61 bytes)`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := New().Message(tc.message); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestEveryReasonIsJudged: each reason or event of the API is in exactly one of the
// lists, depending on whether its messages quote.
func TestEveryReasonIsJudged(t *testing.T) {
	files, err := filepath.Glob("../../api/v1alpha1/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Reason") && !strings.HasPrefix(spec.Names[0].Name, "Event") {
				return true
			}
			literal, ok := spec.Values[0].(*ast.BasicLit)
			if !ok {
				return true
			}
			reason, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			found++
			lists := 0
			for _, list := range []map[string]bool{own, quoting, unquotable} {
				if list[reason] {
					lists++
				}
			}
			if lists != 1 {
				t.Errorf("%s, %q, is in %d of the lists own, quoting and unquotable", spec.Names[0].Name, reason, lists)
			}
			return true
		})
	}
	if found < 60 {
		t.Errorf("found %d reasons in the API, which has more", found)
	}
}

// TestLog: text of users that earlier operators logged is removed; the operator's own
// words stay.
func TestLog(t *testing.T) {
	const canary = "bob@example.com"
	tests := map[string]struct{ line, want string }{
		"a record": {`{"level":"info","msg":"Scaled","QueueWorker":{"name":"emails","namespace":"shop"},"namespace":"shop","count":3}`,
			`{"QueueWorker":{"name":"emails","namespace":"shop"},"count":3,"level":"info","msg":"Scaled","namespace":"shop"}`},
		"another namespace": {`{"level":"info","msg":"Scaled","namespace":"other"}`, ""},
		"the end of a pass": {`{"conditions":"Paused:NotPaused BacklogKnown:Measured","drain":"Draining","msg":"Pass ended","next":"on a change, at the latest in 1.5s","reason":"Progressing","status":"due in 2s"}`,
			`{"conditions":"Paused:NotPaused BacklogKnown:Measured","drain":"Draining","msg":"Pass ended","next":"on a change, at the latest in 1.5s","reason":"Progressing","status":"due in 2s"}`},
		"a reason that is a sentence": {`{"msg":"x","next":"` + canary + `","reason":"Bob wrote ` + canary + `"}`, `{"msg":"x","next":"(removed, 15 bytes)","reason":"(removed, 25 bytes)"}`},
		"the last word of a pod": {`{"msg":"Pod ended without a final report","container":{"terminated":{"exitCode":255,"message":"` + canary + `"}}}`,
			`{"container":{},"msg":"Pod ended without a final report"}`},
		"a refusal": {`{"msg":"Reconciler error","error":"apply Deployment emails: Deployment.apps \"emails\" is invalid: spec.env: Invalid value: \"` + canary + `\": no"}`,
			`{"error":"apply Deployment emails: Deployment.apps \"(removed)\" is invalid: (removed)","msg":"Reconciler error"}`},
		"a right that is missing": {`{"error":"pods is forbidden: User \"system:serviceaccount:a:b\" cannot list resource \"pods\" in API group \"\" at the cluster scope","msg":"x"}`,
			`{"error":"pods is forbidden: User \"system:serviceaccount:a:b\" cannot list resource \"pods\" in API group \"\" at the cluster scope","msg":"x"}`},
		"a field of another": {`{"msg":"x","note":"` + canary + `","list":["` + canary + `"]}`, `{"list":"(removed)","msg":"x","note":"(removed, 15 bytes)"}`},
		"klog":               {`E1128 10:00:00.000000       1 reflector.go:227] "Failed to watch" err="` + canary + `"`, `E1128 10:00:00.000000       1 reflector.go:227] "Failed to watch" err="(removed)"`},
		"a panic":            {"panic: " + canary, "(removed, 22 bytes)"},
		"a stack":            {"goroutine 1 [running]:", "goroutine 1 [running]:"},
		"a frame":            {"main.(*thing).run(0xc000012345, {0x1, 0x2})", "main.(*thing).run(0xc000012345, {0x1, 0x2})"},
		"a place":            {"\t/src/controllers/setup.go:12 +0x1d", "\t/src/controllers/setup.go:12 +0x1d"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := strings.TrimSuffix(New().Log(tc.line+"\n", "shop"), "\n")
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	}
}

// TestClassesAndIDs: the name of a class stays; a name that a job gave itself is removed.
func TestClassesAndIDs(t *testing.T) {
	tests := map[string]struct{ class, id, wantClass, wantID string }{
		"a class":              {`App\Jobs\SendInvoice`, "5b9f76a1-e159-43d4-b403-f0cd1ed35d70", `App\Jobs\SendInvoice`, "5b9f76a1-e159-43d4-b403-f0cd1ed35d70"},
		"a name with a person": {"Invoice for bob@example.com", "bob@example.com", "(removed, 27 bytes)", "(removed, 15 bytes)"},
		"a name of two words":  {"Send invoice", "1 2", "(removed, 12 bytes)", "(removed, 3 bytes)"},
		"nothing":              {"", "", "", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			object := map[string]any{
				"apiVersion": v1alpha1.GroupVersion.String(), "kind": "QueueWorker",
				"status": map[string]any{"workers": []any{map[string]any{"currentJob": map[string]any{"class": tc.class, "id": tc.id}}}},
			}
			want := map[string]any{"workers": []any{map[string]any{"currentJob": map[string]any{"class": tc.wantClass, "id": tc.wantID}}}}
			if diff := cmp.Diff(want, New().Object(object)["status"]); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFragments: a program's output is found even if it was cut or wrapped again; text in
// other words stays.
func TestFragments(t *testing.T) {
	r := New()
	r.printed("It failed: no mail could be sent to Robert Smith bob@example.com, IBAN DE89370400440532013000, card 4111111111111111, in pod 1b4e28ba-2fa1-11d2-883f-0016d3cca427 at 2026-11-23T10:00:00.")
	tests := map[string]struct{ text, want string }{
		"cut at both ends":  {"said: mail could be sent to Rob…\nnext\n", "said: (removed) to Rob…\nnext\n"},
		"wrapped anew":      {"could be  sent to Robert\n", "(removed)\n"},
		"an address":        {"<bob@example.com> again", "<(removed)> again"},
		"an account":        {"DE89370400440532013000", "(removed)"},
		"a card":            {"card=4111111111111111", "card=(removed)"},
		"a UID and a time":  {"1b4e28ba-2fa1-11d2-883f-0016d3cca427 2026-11-23T10:00:00", "1b4e28ba-2fa1-11d2-883f-0016d3cca427 2026-11-23T10:00:00"},
		"some of the words": {"a mail can not be sent by Robert", "a mail can not be sent by Robert"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := strings.TrimPrefix(r.Prose(tc.text), " "); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
