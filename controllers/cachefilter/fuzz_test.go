// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cachefilter

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/podstate"
)

// FuzzSlimDeployment: managed fields that another client has written neither stop the
// operator nor are forgotten, and a second slimming changes nothing.
func FuzzSlimDeployment(f *testing.F) {
	for _, fields := range []string{`{"f:spec":{"f:replicas":{}}}`, `{"f:spec":["f:replicas"]}`, `{"f:spec":{"f:replicas":null}}`, `"f:replicas"`, `{`, ``} {
		f.Add("kubectl", "scale", []byte(fields))
	}
	f.Add(v1alpha1.FieldManager, "", []byte(`{"f:spec":{"f:replicas":{}}}`))
	f.Fuzz(func(t *testing.T, manager, subresource string, fields []byte) {
		live := &appsv1.Deployment{}
		live.OwnerReferences = []metav1.OwnerReference{ownerOf("QueueWorker", "emails")}
		live.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: manager, Subresource: subresource, FieldsV1: metav1.NewFieldsV1(string(fields))}, {Manager: "nothing"}}
		want, _ := podstate.ReplicasManager(live)
		if want == v1alpha1.FieldManager {
			t.Fatal("the operator is a stranger to itself")
		}
		for range 2 {
			slim, err := slimDeployment(live)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := podstate.ReplicasManager(slim.(*appsv1.Deployment)); got != want || len(live.ManagedFields) > 1 {
				t.Fatalf("%q owned the replicas, then %q; %d entries are kept", want, got, len(live.ManagedFields))
			}
		}
	})
}
