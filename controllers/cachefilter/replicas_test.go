// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cachefilter

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/test/builders"
)

func deploymentWith(t testing.TB, entries ...string) *appsv1.Deployment {
	t.Helper()
	live := builders.DeploymentWith(t, entries...)
	live.OwnerReferences = []metav1.OwnerReference{ownerOf("QueueWorker", "emails")}
	return live
}

func TestReplicasManager(t *testing.T) {
	tests := map[string]struct {
		entries []string
		want    string
	}{
		"nobody":                         {nil, ""},
		"the operator":                   {[]string{builders.OperatorsFields, builders.DeploymentsOwn}, ""},
		"kubectl scale":                  {[]string{builders.OperatorsFields, builders.KubectlScale, builders.DeploymentsOwn}, "kubectl"},
		"a HorizontalPodAutoscaler":      {[]string{builders.DeploymentsOwn, builders.Autoscalers}, "kube-controller-manager"},
		"kubectl edit":                   {[]string{builders.KubectlEdit, builders.DeploymentsOwn}, "kubectl-edit"},
		"a label of that name":           {[]string{builders.ALabel}, ""},
		"kubectl rollout restart":        {[]string{builders.RolloutRestart}, ""},
		"an entry without fields":        {[]string{`{"manager":"x","operation":"Update"}`}, ""},
		"a field that is not an object":  {[]string{`{"manager":"x","fieldsV1":{"f:spec":["f:replicas"]}}`}, ""},
		"a status written by a stranger": {[]string{builders.DeploymentsOwn}, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			live := deploymentWith(t, tc.entries...)
			if got, _ := podstate.ReplicasManager(live); got != tc.want {
				t.Errorf("replicasManager() = %q, want %q", got, tc.want)
			}
			slim, err := slimDeployment(live)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := podstate.ReplicasManager(slim.(*appsv1.Deployment)); got != tc.want {
				t.Errorf("after slimDeployment it is %q, want %q", got, tc.want)
			}
			if kept := slim.(*appsv1.Deployment).ManagedFields; len(kept) > 1 || tc.want == "" && len(kept) > 0 {
				t.Errorf("slimDeployment keeps %v", kept)
			}
		})
	}
	if got, _ := podstate.ReplicasManager(nil); got != "" {
		t.Error("no Deployment has a manager")
	}
	other := &corev1.ConfigMap{}
	if got, err := slimDeployment(other); got != any(other) || err != nil {
		t.Errorf("slimDeployment() of another object = %v, %v", got, err)
	}
}
