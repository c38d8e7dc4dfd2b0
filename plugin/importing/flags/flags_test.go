// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package flags_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/importing/flags"
)

// TestOptionsBecomeFields applies options one after the other.
func TestOptionsBecomeFields(t *testing.T) {
	tooMany := strings.TrimSuffix(strings.Repeat("1,", 21), ",")
	queues := strings.TrimSuffix(strings.Repeat("a,b,", 11), ",")
	for name, tc := range map[string]struct {
		options string
		want    string
		// wantWhy are parts of the expected notes, one for each option that gets a note.
		wantWhy []string
	}{
		"numbers":                       {"timeout=90 sleep=0.5 tries=0 memory=256", `{"timeout":"1m30s","memory":"256Mi","sleep":"500ms","tries":0}`, nil},
		"what counts anyhow":            {"rest=0 max-jobs=0 max-time=0", `{}`, nil},
		"parts of a millisecond":        {"sleep=0.0001", `{"sleep":"0s"}`, []string{"so it is 0"}},
		"parts of a second":             {"timeout=1.2", `{"timeout":"2s"}`, []string{"so it is 2"}},
		"below what is taken":           {"memory=1", `{"memory":"32Mi"}`, []string{"32 to 1048576, so it is 32"}},
		"memory without limit":          {"memory=0", `{}`, []string{"the default of 128Mi is used"}},
		"no numbers":                    {"tries=many timeout=-1 sleep=NaN memory=Inf", `{}`, []string{"no number", "no number", "no number", "no number"}},
		"waits":                         {"backoff=1,20", `{"backoff":["1s","20s"]}`, nil},
		"no wait":                       {"backoff=0", `{}`, nil},
		"too many waits":                {"backoff=" + tooMany, `{}`, []string{"at most 20 waits"}},
		"a wait that is none":           {"backoff=1,x", `{}`, []string{"each wait must be a whole number"}},
		"the old name":                  {"delay=5", `{"backoff":["5s"]}`, nil},
		"the old name is longer":        {"backoff=3 delay=5", `{"backoff":["5s"]}`, nil},
		"the new name is longer":        {"backoff=7 delay=5", `{"backoff":["7s"]}`, []string{"its new name, counts"}},
		"the new name has steps":        {"backoff=1,2 delay=5", `{"backoff":["1s","2s"]}`, []string{"its new name, counts"}},
		"queues":                        {"queue=high,default", `{"queue":"high,default"}`, nil},
		"a queue again":                 {"queue=" + queues, `{"queue":"a,b"}`, nil},
		"a queue with a bad name":       {"queue=a*b", `{}`, []string{"cannot be a queue here"}},
		"no queue":                      {"queue=,", `{}`, []string{"it names no queue"}},
		"a variable that is not known":  {"timeout=" + flags.MarkUnknown("ENV_T"), `{}`, []string{"the value of ENV_T is not known here"}},
		"switches":                      {"force verbose", `{"force":true,"verbose":true}`, nil},
		"one job a process":             {"once", `{"maxJobs":1}`, []string{"maxJobs: 1 replaces it"}},
		"options without a counterpart": {"name=x json stop-when-empty", `{}`, []string{"popUsing", "the agent asks", "mode: Batch"}},
		"an option nobody knows":        {"max-exceptions=3", `{}`, []string{"queue:work has no such option"}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := v1alpha1.QueueWorkerSpec{}
			var whys []string
			for word := range strings.FieldsSeq(tc.options) {
				name, value, given := strings.Cut(word, "=")
				if outcome := flags.Apply(&spec, flags.Option{Name: name, Value: value, Bare: !given}); outcome.Why != "" {
					whys = append(whys, outcome.Why)
				}
			}
			got, err := json.Marshal(spec)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, strings.Replace(strings.Replace(string(got), `"queue":"",`, "", 1), `"queue":""`, "", 1)); diff != "" {
				t.Errorf("unexpected fields (-want +got):\n%s", diff)
			}
			if len(whys) != len(tc.wantWhy) {
				t.Fatalf("it says %q, want %q", whys, tc.wantWhy)
			}
			for i, want := range tc.wantWhy {
				if !strings.Contains(whys[i], want) {
					t.Errorf("it says %q, want %q in it", whys[i], want)
				}
			}
		})
	}
}
