// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package builders

import (
	"encoding/json"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Entries of a Deployment's managed fields, as an API server of version 1.35 writes them.
const (
	OperatorsFields = `{"manager":"queueworker-operator","operation":"Apply","apiVersion":"apps/v1","time":"2026-11-23T12:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:annotations":{"f:queueworker.dev/applied-hash":{}},"f:labels":{"f:queueworker.dev/name":{}},"f:ownerReferences":{"k:{\"uid\":\"1\"}":{}}},"f:spec":{"f:replicas":{},"f:selector":{},"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"worker\"}":{".":{},"f:image":{},"f:name":{}}}}}}}}`
	DeploymentsOwn  = `{"manager":"kube-controller-manager","operation":"Update","apiVersion":"apps/v1","time":"2026-11-23T12:00:01Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:annotations":{"f:deployment.kubernetes.io/revision":{}}},"f:status":{"f:availableReplicas":{},"f:conditions":{".":{},"k:{\"type\":\"Available\"}":{".":{},"f:type":{}}},"f:observedGeneration":{},"f:readyReplicas":{},"f:replicas":{},"f:updatedReplicas":{}}},"subresource":"status"}`
	KubectlScale    = `{"manager":"kubectl","operation":"Update","apiVersion":"apps/v1","time":"2026-11-23T12:00:02Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:replicas":{}}},"subresource":"scale"}`
	Autoscalers     = `{"manager":"kube-controller-manager","operation":"Update","apiVersion":"apps/v1","time":"2026-11-23T12:00:02Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:replicas":{}}},"subresource":"scale"}`
	KubectlEdit     = `{"manager":"kubectl-edit","operation":"Update","apiVersion":"apps/v1","time":"2026-11-23T12:00:02Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{"f:team":{}}},"f:spec":{"f:replicas":{}}}}`
	ALabel          = `{"manager":"kubectl-label","operation":"Update","apiVersion":"apps/v1","time":"2026-11-23T12:00:02Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{"f:replicas":{}}},"f:spec":{"f:template":{"f:spec":{"f:nodeSelector":{"f:replicas":{}}}}}}}`
	RolloutRestart  = `{"manager":"kubectl-rollout","operation":"Update","apiVersion":"apps/v1","time":"2026-11-23T12:00:02Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:template":{"f:metadata":{"f:annotations":{".":{},"f:kubectl.kubernetes.io/restartedAt":{}}}}}}}`
)

// DeploymentWith returns a Deployment with these entries of managed fields.
func DeploymentWith(t testing.TB, entries ...string) *appsv1.Deployment {
	t.Helper()
	live := &appsv1.Deployment{}
	for _, entry := range entries {
		var decoded metav1.ManagedFieldsEntry
		if err := json.Unmarshal([]byte(entry), &decoded); err != nil {
			t.Fatal(err)
		}
		live.ManagedFields = append(live.ManagedFields, decoded)
	}
	return live
}
