// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cachefilter

import (
	"encoding/json"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/controllers/podstate"
)

// Managed fields as an API server of version 1.35 writes them.
const (
	operatorsFields = `{"manager":"queueworker-operator","operation":"Apply","apiVersion":"apps/v1","time":"2026-11-23T12:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:annotations":{"f:queueworker.dev/applied-hash":{}},"f:labels":{"f:queueworker.dev/name":{}},"f:ownerReferences":{"k:{\"uid\":\"1\"}":{}}},"f:spec":{"f:replicas":{},"f:selector":{},"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"worker\"}":{".":{},"f:image":{},"f:name":{}}}}}}}}`
	deploymentsOwn  = `{"manager":"kube-controller-manager","operation":"Update","apiVersion":"apps/v1","time":"2026-11-23T12:00:01Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:annotations":{"f:deployment.kubernetes.io/revision":{}}},"f:status":{"f:availableReplicas":{},"f:conditions":{".":{},"k:{\"type\":\"Available\"}":{".":{},"f:type":{}}},"f:observedGeneration":{},"f:readyReplicas":{},"f:replicas":{},"f:updatedReplicas":{}}},"subresource":"status"}`
	kubectlScale    = `{"manager":"kubectl","operation":"Update","apiVersion":"apps/v1","time":"2026-11-23T12:00:02Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:replicas":{}}},"subresource":"scale"}`
	autoscalers     = `{"manager":"kube-controller-manager","operation":"Update","apiVersion":"apps/v1","time":"2026-11-23T12:00:02Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:replicas":{}}},"subresource":"scale"}`
	kubectlEdit     = `{"manager":"kubectl-edit","operation":"Update","apiVersion":"apps/v1","time":"2026-11-23T12:00:02Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{"f:team":{}}},"f:spec":{"f:replicas":{}}}}`
	aLabel          = `{"manager":"kubectl-label","operation":"Update","apiVersion":"apps/v1","time":"2026-11-23T12:00:02Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{"f:replicas":{}}},"f:spec":{"f:template":{"f:spec":{"f:nodeSelector":{"f:replicas":{}}}}}}}`
	rolloutRestart  = `{"manager":"kubectl-rollout","operation":"Update","apiVersion":"apps/v1","time":"2026-11-23T12:00:02Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:template":{"f:metadata":{"f:annotations":{".":{},"f:kubectl.kubernetes.io/restartedAt":{}}}}}}}`
)

func deploymentWith(t testing.TB, entries ...string) *appsv1.Deployment {
	t.Helper()
	live := &appsv1.Deployment{}
	live.OwnerReferences = []metav1.OwnerReference{ownerOf("QueueWorker", "emails")}
	for _, entry := range entries {
		var decoded metav1.ManagedFieldsEntry
		if err := json.Unmarshal([]byte(entry), &decoded); err != nil {
			t.Fatal(err)
		}
		live.ManagedFields = append(live.ManagedFields, decoded)
	}
	return live
}

func TestReplicasManager(t *testing.T) {
	tests := map[string]struct {
		entries []string
		want    string
	}{
		"nobody":                         {nil, ""},
		"the operator":                   {[]string{operatorsFields, deploymentsOwn}, ""},
		"kubectl scale":                  {[]string{operatorsFields, kubectlScale, deploymentsOwn}, "kubectl"},
		"a HorizontalPodAutoscaler":      {[]string{deploymentsOwn, autoscalers}, "kube-controller-manager"},
		"kubectl edit":                   {[]string{kubectlEdit, deploymentsOwn}, "kubectl-edit"},
		"a label of that name":           {[]string{aLabel}, ""},
		"kubectl rollout restart":        {[]string{rolloutRestart}, ""},
		"an entry without fields":        {[]string{`{"manager":"x","operation":"Update"}`}, ""},
		"a field that is not an object":  {[]string{`{"manager":"x","fieldsV1":{"f:spec":["f:replicas"]}}`}, ""},
		"a status written by a stranger": {[]string{deploymentsOwn}, ""},
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
