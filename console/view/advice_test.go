// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// well are reasons that need no action on a QueueWorker or QueueApp, or for which byType
// has advice.
var well = []string{
	v1alpha1.ReasonApplied,
	v1alpha1.ReasonAsWanted, v1alpha1.ReasonNotPaused, v1alpha1.ReasonScaledToZero, v1alpha1.ReasonMeasured, v1alpha1.ReasonInOrder,
	v1alpha1.ReasonFollowing, v1alpha1.ReasonNotLimited, v1alpha1.ReasonReporting, v1alpha1.ReasonNoPods, v1alpha1.ReasonGraceful,
	v1alpha1.ReasonRunning, v1alpha1.ReasonFinishing, v1alpha1.ReasonRunComplete, v1alpha1.ReasonRunStopped, v1alpha1.ReasonAwaitingRun,
	v1alpha1.ReasonPassed, v1alpha1.ReasonNotChecked, v1alpha1.ReasonAboveThreshold, v1alpha1.ReasonNearTimeout,
}

// ofCommands are reasons that only QueueCommands have, which these trees do not show.
var ofCommands = []string{
	v1alpha1.ReasonSucceeded, v1alpha1.ReasonCommandFailed, v1alpha1.ReasonDeadlineExceeded, v1alpha1.ReasonJobGone, v1alpha1.ReasonWorkerNotFound,
}

// TestEveryReasonHasAdvice: every reason of the API has advice.
func TestEveryReasonHasAdvice(t *testing.T) {
	reasons := constants(t, "Reason")
	if len(reasons) < 40 {
		t.Errorf("found %d reasons in the API, which has more", len(reasons))
	}
	for reason, name := range reasons {
		if _, told := byReason[reason]; !told && !slices.Contains(well, reason) && !slices.Contains(ofCommands, reason) {
			t.Errorf("there is no advice for the reason %s of %s", reason, name)
		}
	}
}

// constants returns the string constants of the API whose names begin with a prefix, by
// their values.
func constants(t *testing.T, prefix string) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../api/v1alpha1/*.go")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, prefix) {
				return true
			}
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
				value, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				out[value] = spec.Names[0].Name
			}
			return true
		})
	}
	return out
}

func TestAdvice(t *testing.T) {
	tests := map[string]struct {
		condition metav1.Condition
		want      AdviceCode
	}{
		"nothing amiss":        {condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonStopped, ""), ""},
		"not known":            {condition(v1alpha1.ConditionAgentsReporting, metav1.ConditionUnknown, v1alpha1.ReasonNoPods, ""), ""},
		"paused":               {condition(v1alpha1.ConditionPaused, metav1.ConditionTrue, v1alpha1.ReasonPaused, ""), Resume},
		"of its type":          {condition(v1alpha1.ConditionFailuresHigh, metav1.ConditionTrue, "Whatever", ""), SeeFailedJobs},
		"of a newer operator":  {condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, "New", ""), SeeEvents},
		"a newer type is good": {condition("PcntlAvailable", metav1.ConditionTrue, "Found", ""), ""},
	}
	for name, tt := range tests {
		got := Advise(&tt.condition, "emails")
		if got.Code != tt.want || got.Name != "emails" && got != (Advice{}) {
			t.Errorf("%s: advice is %+v, want %s", name, got, tt.want)
		}
	}
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message}
}
