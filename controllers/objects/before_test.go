// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// deploymentIn returns the Deployment among the objects of a golden file.
func deploymentIn(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(string(content), "---\n") {
		if strings.Contains(document, "kind: Deployment\n") {
			return document
		}
	}
	t.Fatalf("%s holds no Deployment", path)
	return ""
}

// TestPodsFromBeforeTheOperatorsKeyStayAsTheyAre: testdata/before holds what older
// operators built. A pool that has it keeps it unchanged, until its template changes or
// its app asks for the new agent.
func TestPodsFromBeforeTheOperatorsKeyStayAsTheyAre(t *testing.T) {
	paths, err := filepath.Glob("testdata/before/*.golden.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("found no testdata/before/*.golden.yaml (%v)", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".golden.yaml")
		t.Run(name, func(t *testing.T) {
			before := deploymentIn(t, path)
			in := readInput(t, "testdata/"+name+".in.yaml")
			in.OperatorPin, in.AgentImage = "pin", "registry.example.com/queueworker/agent:2.0.0"
			in.Live = &appsv1.Deployment{}
			if err := yaml.Unmarshal([]byte(before), in.Live); err != nil {
				t.Fatal(err)
			}
			build := func(in Input) string {
				objects, problem := Build(in)
				if problem != nil {
					t.Fatal(problem.Message)
				}
				if objects.ConfigMap.Data[protocol.OperatorFile] != "pin" {
					t.Error("the pin is not in the ConfigMap")
				}
				return marshal(t, objects.Deployment)
			}
			if diff := cmp.Diff(before, build(in)); diff != "" {
				t.Errorf("the Deployment changes with the operator (-want +got):\n%s", diff)
			}
			expectNew := func(why, deployment string) {
				t.Helper()
				if !strings.Contains(deployment, protocol.OperatorPortName) || !strings.Contains(deployment, in.AgentImage) {
					t.Errorf("%s, the pod is still one of before:\n%s", why, deployment)
				}
			}
			now := in
			now.App = in.App.DeepCopy()
			now.App.Spec.AgentUpgrade = v1alpha1.AgentUpgradeNow
			expectNew("with agentUpgrade: Now", build(now))
			changed := in
			changed.Worker = in.Worker.DeepCopy()
			changed.Worker.Spec.MaxJobs = 7
			expectNew("with another option", build(changed))
			fresh := in
			fresh.Live = nil
			expectNew("for a new pool", build(fresh))
		})
	}
}
