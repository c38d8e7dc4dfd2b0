// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"encoding/json"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	for _, entry := range entries {
		var decoded metav1.ManagedFieldsEntry
		if err := json.Unmarshal([]byte(entry), &decoded); err != nil {
			t.Fatal(err)
		}
		live.ManagedFields = append(live.ManagedFields, decoded)
	}
	return live
}

func TestAForeignScalerIsToldOfForAWhile(t *testing.T) {
	var f ForeignScaler
	at := func(after time.Duration, entries ...string) *World {
		return &World{Now: noon.Add(after), Deployment: deploymentWith(t, entries...)}
	}
	steps := []struct {
		o       *World
		manager string
		left    time.Duration
	}{
		{at(0, operatorsFields), "", 0},
		{at(time.Second, operatorsFields, kubectlScale), "kubectl", foreignFor},
		{at(time.Minute, operatorsFields), "kubectl", foreignFor - time.Minute + time.Second},
		{at(2*time.Minute, autoscalers), "kube-controller-manager", foreignFor},
		{at(2*time.Minute+foreignFor-1, operatorsFields), "kube-controller-manager", 1},
		{at(2*time.Minute+foreignFor, operatorsFields), "", 0},
		{at(10*time.Minute, kubectlScale), "kubectl", foreignFor},
		{at(20*time.Minute, operatorsFields, kubectlScale), "", 0}, // still an owner, because of that one write
	}
	for i, step := range steps {
		f = f.next(step.o)
		if f.told(step.o.Now) != step.manager || f.Left(step.o.Now) != step.left {
			t.Errorf("step %d: %q for another %s, want %q for %s", i, f.told(step.o.Now), f.Left(step.o.Now), step.manager, step.left)
		}
	}
}
