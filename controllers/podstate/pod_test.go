// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package podstate

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/controllers/drain"
)

func TestDeletionCost(t *testing.T) {
	tests := map[string]struct {
		annotation string
		want       int32
	}{
		"none":             {"", 0},
		"the lowest":       {"-2147483648", drain.MinimumCost},
		"a user's":         {"100", 100},
		"no number":        {"low", 0},
		"too low for one":  {"-2147483649", 0},
		"too high for one": {"2147483648", 0},
		"with a sign":      {"+5", 5},
		"with a space":     {" 5", 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{corev1.PodDeletionCost: tc.annotation}}}
			if got := DeletionCost(pod); got != tc.want {
				t.Errorf("deletionCost(%q) = %d, want %d", tc.annotation, got, tc.want)
			}
		})
	}
}
