// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestBuildGolden pins the built objects: a difference here replaces the worker pods of
// every cluster that upgrades its operator.
func TestBuildGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("found no testdata/*.in.yaml (%v)", err)
	}
	for _, path := range inputs {
		name := strings.TrimSuffix(filepath.Base(path), ".in.yaml")
		t.Run(name, func(t *testing.T) {
			in := readInput(t, path)
			objects, problem := Build(in)
			if problem != nil {
				t.Fatalf("Build() found a problem: %+v", problem)
			}
			got := marshal(t, objects.ConfigMap)
			if objects.PodDisruptionBudget != nil {
				got += "---\n" + marshal(t, objects.PodDisruptionBudget)
			}
			if objects.Run != nil {
				got += "---\n" + marshal(t, objects.Run)
			} else {
				got += "---\n" + marshal(t, objects.Deployment)
			}
			compareGolden(t, strings.TrimSuffix(path, ".in.yaml")+".golden.yaml", got)
		})
	}
}

// readInput reads a QueueApp and a QueueWorker as users write them, without the
// defaults that the CRD fills in.
func readInput(t *testing.T, path string) Input {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	app, worker, found := strings.Cut(string(content), "\n---\n")
	if !found {
		t.Fatalf("%s has no --- between QueueApp and QueueWorker", path)
	}
	in := Input{
		App:        &v1alpha1.QueueApp{},
		Worker:     &v1alpha1.QueueWorker{},
		Control:    protocol.Control{Revision: 1},
		AgentImage: "registry.example.com/queueworker/agent:1.0.0",
	}
	for document, object := range map[string]any{app: in.App, worker: in.Worker} {
		if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
			t.Fatalf("decode %s: %v", path, err)
		}
	}
	in.Worker.Namespace, in.App.Namespace = "shop", "shop"
	in.Worker.UID = "11111111-2222-3333-4444-555555555555"
	if effective.IsBatch(&in.Worker.Spec) {
		in.Run = in.Worker.Name + "-run-29540880"
	}
	in.Most = effective.Processes(&in.Worker.Spec)
	in.Replicas = effective.Pods(in.Most, &in.Worker.Spec)
	return in
}

func marshal(t *testing.T, object any) string {
	t.Helper()
	content, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the objects differ from %s (-want +got):\n%s", path, diff)
	}
}

// live returns the Deployment that the API server would hold after applying the built one.
func live(t *testing.T, objects Objects) *appsv1.Deployment {
	t.Helper()
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(objects.Deployment)
	if err != nil {
		t.Fatal(err)
	}
	deployment := &appsv1.Deployment{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, deployment); err != nil {
		t.Fatal(err)
	}
	return deployment
}

func TestAgentUpgrade(t *testing.T) {
	const newer = "registry.example.com/queueworker/agent:1.1.0"
	tests := map[string]struct {
		change    func(*Input)
		wantImage string
	}{
		"keeps the agent image while nothing else changes": {
			change:    func(*Input) {},
			wantImage: "registry.example.com/queueworker/agent:1.0.0",
		},
		"keeps it when only the number of processes changes": {
			change:    func(in *Input) { in.Replicas = 7 },
			wantImage: "registry.example.com/queueworker/agent:1.0.0",
		},
		"takes the new one along when the application's image changes": {
			change:    func(in *Input) { in.App.Spec.Template.Spec.Containers[0].Image = "shop:2" },
			wantImage: newer,
		},
		"takes the new one along when a worker option changes": {
			change:    func(in *Input) { in.Worker.Spec.MaxJobs = 5 },
			wantImage: newer,
		},
		"takes it at once when the app says so": {
			change:    func(in *Input) { in.App.Spec.AgentUpgrade = v1alpha1.AgentUpgradeNow },
			wantImage: newer,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := readInput(t, "testdata/laravel_minimal.in.yaml")
			before, problem := Build(in)
			if problem != nil {
				t.Fatal(problem.Message)
			}
			in.Live = live(t, before)
			in.AgentImage = newer
			tc.change(&in)
			after, problem := Build(in)
			if problem != nil {
				t.Fatal(problem.Message)
			}
			if got := AgentImageOf(&live(t, after).Spec.Template); got != tc.wantImage {
				t.Errorf("agent image is %s, want %s", got, tc.wantImage)
			}
		})
	}
}

func TestFindings(t *testing.T) {
	tests := map[string]struct {
		change func(*Input)
		want   []string
	}{
		"none by default":    {change: func(*Input) {}},
		"no timeout":         {change: func(in *Input) { in.Worker.Spec.Timeout = duration("0s") }, want: []string{v1alpha1.ReasonNoTimeout}},
		"grace too short":    {change: func(in *Input) { in.Worker.Spec.GracePeriod = duration("30s") }, want: []string{v1alpha1.ReasonGraceBelowTimeout}},
		"grace long enough":  {change: func(in *Input) { in.Worker.Spec.GracePeriod = duration("61s") }},
		"memory limit small": {change: limitMemory("100Mi"), want: []string{v1alpha1.ReasonMemoryLimitLow}},
		"memory limit big":   {change: limitMemory("1Gi")},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := readInput(t, "testdata/laravel_minimal.in.yaml")
			tc.change(&in)
			objects, problem := Build(in)
			if problem != nil {
				t.Fatal(problem.Message)
			}
			var got []string
			for _, finding := range objects.Findings {
				got = append(got, finding.Reason)
				if !strings.HasSuffix(finding.Message, ".") {
					t.Errorf("message is no sentence: %q", finding.Message)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func limitMemory(limit string) func(*Input) {
	return func(in *Input) {
		in.App.Spec.Template.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: quantity(limit)}
	}
}
