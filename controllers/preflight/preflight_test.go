// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

var now = time.Unix(1_800_000_000, 0)

func pool(name string, findings ...protocol.Finding) Pool {
	return Pool{Name: name, Findings: findings, Images: []v1alpha1.CheckedImage{{Image: "shop:1", Version: "8.83.26"}}}
}

func finding(kind string, ok bool) protocol.Finding {
	return protocol.Finding{Kind: kind, OK: ok, Message: kind + " told."}
}

func compute(app *v1alpha1.QueueApp, pools ...Pool) v1alpha1.QueueAppStatus {
	return Status(Input{Now: now, App: app, Pools: pools, Heard: true})
}

// said returns the conditions by type.
func said(status v1alpha1.QueueAppStatus) map[string]string {
	out := map[string]string{}
	for _, condition := range status.Conditions {
		out[condition.Type] = fmt.Sprintf("%s %s: %s", condition.Status, condition.Reason, condition.Message)
	}
	return out
}

func TestStatus(t *testing.T) {
	earlier := v1alpha1.QueueAppStatus{Conditions: []metav1.Condition{
		{Type: protocol.FindingLogs, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNotPassed, Message: "To a file."},
	}}
	foundBy := func(who string) v1alpha1.QueueAppStatus {
		found := *earlier.DeepCopy()
		found.Conditions[0].Message += " Found in QueueWorker " + who + "."
		return found
	}
	tests := map[string]struct {
		before v1alpha1.QueueAppStatus
		pools  []Pool
		want   map[string]string
	}{
		"nobody has looked": {
			want: map[string]string{"PreflightPassed": "Unknown NotChecked: No agent has checked the application's image and settings yet."},
		},
		"all is well": {
			pools: []Pool{pool("a", finding("PcntlAvailable", true), finding("LogsVisible", true))},
			want: map[string]string{
				"PcntlAvailable": "True Passed: PcntlAvailable told.", "LogsVisible": "True Passed: LogsVisible told.",
				"PreflightPassed": "True Passed: All 2 checks passed.",
			},
		},
		"one of two pools is not": {
			pools: []Pool{pool("b", finding("LogsVisible", false)), pool("a", finding("LogsVisible", true))},
			want: map[string]string{
				"LogsVisible":     "False NotPassed: LogsVisible told. Found in QueueWorker b.",
				"PreflightPassed": "False NotPassed: 1 of 1 checks did not pass; see the conditions LogsVisible.",
			},
		},
		"neither is": {
			pools: []Pool{pool("b", finding("LogsVisible", false)), pool("a", finding("LogsVisible", false))},
			want: map[string]string{
				"LogsVisible":     "False NotPassed: LogsVisible told. Found in QueueWorker a and 1 more.",
				"PreflightPassed": "False NotPassed: 1 of 1 checks did not pass; see the conditions LogsVisible.",
			},
		},
		"who is silent has mended nothing": {
			before: earlier, pools: []Pool{{Name: "a"}},
			want: map[string]string{
				"LogsVisible":     "False NotPassed: To a file.",
				"PreflightPassed": "False NotPassed: 1 of 1 checks did not pass; see the conditions LogsVisible.",
			},
		},
		"who is silent has mended nothing, whatever others say": {
			before: foundBy("a"), pools: []Pool{{Name: "a"}, pool("b", finding("LogsVisible", true))},
			want: map[string]string{
				"LogsVisible":     "False NotPassed: To a file. Found in QueueWorker a.",
				"PreflightPassed": "False NotPassed: 1 of 1 checks did not pass; see the conditions LogsVisible.",
			},
		},
		"nor has one of several": {
			before: foundBy("a and 2 more"), pools: []Pool{{Name: "a"}, pool("b", finding("PcntlAvailable", true))},
			want: map[string]string{
				"PcntlAvailable":  "True Passed: PcntlAvailable told.",
				"LogsVisible":     "False NotPassed: To a file. Found in QueueWorker a and 2 more.",
				"PreflightPassed": "False NotPassed: 1 of 2 checks did not pass; see the conditions LogsVisible.",
			},
		},
		"nor has one of several that is not named": {
			before: foundBy("a and 1 more"), pools: []Pool{pool("a", finding("LogsVisible", true)), {Name: "b"}},
			want: map[string]string{
				"LogsVisible":     "False NotPassed: To a file. Found in QueueWorker a and 1 more.",
				"PreflightPassed": "False NotPassed: 1 of 1 checks did not pass; see the conditions LogsVisible.",
			},
		},
		"another that is silent had not found it": {
			before: foundBy("a"), pools: []Pool{pool("a", finding("LogsVisible", true)), {Name: "b"}},
			want: map[string]string{"LogsVisible": "True Passed: LogsVisible told.", "PreflightPassed": "True Passed: All 1 checks passed."},
		},
		"nor has one that is gone": {
			before: foundBy("a"), pools: []Pool{pool("b", finding("LogsVisible", true))},
			want: map[string]string{"LogsVisible": "True Passed: LogsVisible told.", "PreflightPassed": "True Passed: All 1 checks passed."},
		},
		"what is told of no more goes": {
			before: earlier, pools: []Pool{pool("a", finding("PcntlAvailable", true))},
			want: map[string]string{
				"PcntlAvailable": "True Passed: PcntlAvailable told.", "PreflightPassed": "True Passed: All 1 checks passed.",
			},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			app := &v1alpha1.QueueApp{ObjectMeta: metav1.ObjectMeta{Generation: 3}, Status: tc.before}
			status := compute(app, tc.pools...)
			if diff := cmp.Diff(tc.want, said(status)); diff != "" {
				t.Errorf("conditions differ (-want +got):\n%s", diff)
			}
			if status.ObservedGeneration != 3 || !slices.IsSortedFunc(status.Conditions, func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) }) {
				t.Errorf("the status is %+v", status)
			}
			app.Status = status
			if diff := cmp.Diff(status, compute(app, tc.pools...)); diff != "" {
				t.Errorf("a second look changes it:\n%s", diff)
			}
		})
	}
}

func TestImagesAreEachToldOnceAndBounded(t *testing.T) {
	var pools []Pool
	for i := range 30 {
		pools = append(pools, Pool{Name: fmt.Sprint(i), Images: []v1alpha1.CheckedImage{{Image: fmt.Sprintf("shop:%02d", i/2), ImageID: "sha256:1"}}})
	}
	images := compute(&v1alpha1.QueueApp{}, pools...).Images
	if len(images) != maxImages || images[0].Image != "shop:00" || images[1].Image != "shop:01" {
		t.Errorf("the images are %+v", images)
	}
}

// A template that the operator does not read must be reported at once, even while no
// pool has reported, and only for as long as it is too large.
func TestStatusTellsOfATemplateThatIsTooLarge(t *testing.T) {
	app := &v1alpha1.QueueApp{}
	app.Name = "shop"
	app.Status = compute(app, pool("emails", finding(protocol.FindingLogs, true)))
	before := said(app.Status)

	app.Status = Status(Input{Now: now, App: app, Refusal: "spec.template.spec.tolerations has more than 64 entries"})
	want := map[string]string{"Stalled": "True TooLarge: The QueueApp \"shop\" is larger than the operator reads: " +
		"spec.template.spec.tolerations has more than 64 entries. Make it smaller; until then pods stay as they are."}
	maps.Copy(want, before)
	if diff := cmp.Diff(want, said(app.Status)); diff != "" {
		t.Errorf("too large (-want +got):\n%s", diff)
	}

	app.Status = Status(Input{Now: now, App: app})
	if diff := cmp.Diff(before, said(app.Status)); diff != "" {
		t.Errorf("mended (-want +got):\n%s", diff)
	}
}
