// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueapp

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

func FuzzAppOfProbe(f *testing.F) {
	f.Add("shop", "backlog", "ns")
	f.Add("", "backlog", "")
	f.Add("../x", "worker", "ns")
	f.Fuzz(func(t *testing.T, app, component, namespace string) {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Labels: map[string]string{v1alpha1.LabelApp: app, v1alpha1.LabelComponent: component}}}
		got := appOfProbe(t.Context(), pod)
		if (len(got) == 1) != (app != "" && component == "backlog") {
			t.Fatalf("appOfProbe() = %v", got)
		}
		for _, request := range got {
			if request.Name != app || request.Namespace != namespace {
				t.Errorf("woke %s", request)
			}
		}
	})
}
