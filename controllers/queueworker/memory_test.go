// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/controllers/queueworker/plan"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/test/builders"
)

// TestTheEndOfAPodIsExpectedForAWhile: a pod that loses its label leaves the pool, and no
// event reports its end.
func TestTheEndOfAPodIsExpectedForAWhile(t *testing.T) {
	next := poolMemory{}
	for _, step := range []struct {
		what     string
		pods     []*plan.Pod
		reports  telemetry.Snapshot
		expected bool
	}{
		{"never seen", nil, telemetry.Snapshot{Departed: []types.UID{"a"}}, false},
		{"present", []*plan.Pod{{Pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "a"}}}}, telemetry.Snapshot{}, true},
		{"missing of late", nil, telemetry.Snapshot{Departed: []types.UID{"a"}}, true},
		{"ended, which the status does not tell yet", nil, telemetry.Snapshot{Ended: []telemetry.Ended{{UID: "a"}}}, true},
		{"missing for long", nil, telemetry.Snapshot{}, false},
	} {
		expected := next.expect(&plan.World{Pods: step.pods, Reports: step.reports})
		if expected["a"] != step.expected {
			t.Errorf("%s: word of its end is expected: %t, want %t", step.what, expected["a"], step.expected)
		}
	}
	if len(next.seen) != 0 {
		t.Errorf("%d pods are remembered that are gone", len(next.seen))
	}
}

func TestMemoryBehind(t *testing.T) {
	tests := map[string]struct {
		pod, written, deployment, applied string
		want                              bool
	}{
		"nothing was written":            {pod: "5", deployment: "5"},
		"both are seen":                  {pod: "7", written: "7", deployment: "9", applied: "8"},
		"the pod is not":                 {pod: "99", written: "100", want: true},
		"the Deployment is not":          {deployment: "99", applied: "100", want: true},
		"the pod was gone when written":  {pod: "5", written: ""},
		"a Deployment that is gone":      {applied: "100"},
		"versions that cannot be told":   {pod: "x", written: "y"},
		"one that is newer is no matter": {pod: "100", written: "99"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			pod := builders.Pod("a", noon)
			pod.ResourceVersion = tc.pod
			next := &poolMemory{deploymentVersion: tc.applied, written: map[types.UID]plan.PodWrite{
				pod.UID: {Version: tc.written, At: noon}, "gone": {Version: "1000", At: noon},
			}}
			w := &plan.World{Pods: []*plan.Pod{plan.NewPod(pod, telemetry.PodReport{}, next.written[pod.UID])}}
			if tc.deployment != "" {
				w.Deployment = &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{ResourceVersion: tc.deployment}}
			}
			for look := range 2 {
				next.forgetWrites(w)
				if got := next.behind(w); got != tc.want {
					t.Errorf("behind() = %t at look %d, want %t", got, look, tc.want)
				}
			}
			if _, still := next.written["gone"]; still {
				t.Error("a pod that is gone is remembered")
			}
		})
	}
}
