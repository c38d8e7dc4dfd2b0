// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package effective_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

func TestOversizedNamesTheFieldAndTheBound(t *testing.T) {
	env := func(n, size int) func(*v1alpha1.QueueWorkerSpec) {
		return func(s *v1alpha1.QueueWorkerSpec) {
			for i := range n {
				s.Env = append(s.Env, corev1.EnvVar{Name: fmt.Sprint("A", i), Value: strings.Repeat("x", size)})
			}
		}
	}
	tests := map[string]struct {
		change func(*v1alpha1.QueueWorkerSpec)
		want   string
	}{
		"an ordinary pool":        {env(100, 100), ""},
		"a variable at its bound": {env(1, 32<<10), ""},
		"a variable beyond it":    {env(1, 32<<10+1), "spec.env[0].value has more than 32768 characters"},
		"a node label beyond it":  {func(s *v1alpha1.QueueWorkerSpec) { s.NodeSelector = map[string]string{"a": strings.Repeat("x", 64)} }, `spec.nodeSelector["a"] has more than 63 characters`},
		"as much as etcd takes":   {env(100, 14_000), "spec has more than 262144 bytes of JSON"},
		"text that grows in its JSON": {func(s *v1alpha1.QueueWorkerSpec) {
			for i := range 20 {
				s.Env = append(s.Env, corev1.EnvVar{Name: fmt.Sprint("A", i), Value: strings.Repeat("<", 10_000)})
			}
		}, "spec has more than 262144 bytes of JSON"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			problem := effective.Oversized(builders.QueueWorker("shop", "emails").Spec(tc.change).Obj())
			switch {
			case tc.want == "" && problem != nil:
				t.Errorf("Oversized() = %s", problem.Message)
			case tc.want != "" && (problem == nil || problem.Reason != v1alpha1.ReasonTooLarge || !strings.Contains(problem.Message, tc.want)):
				t.Errorf("Oversized() = %+v, want a message with %q", problem, tc.want)
			}
		})
	}
}
