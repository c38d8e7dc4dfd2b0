// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package podstate

import (
	"encoding/json"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// ReplicasManager returns the field manager, other than the operator, that owns the
// replicas of a Deployment, and when it wrote; empty if none does.
func ReplicasManager(live *appsv1.Deployment) (manager string, at time.Time) {
	if live == nil {
		return "", time.Time{}
	}
	for i := range live.ManagedFields {
		if entry := &live.ManagedFields[i]; entry.Manager != v1alpha1.FieldManager && OwnsReplicas(entry) {
			if entry.Time != nil {
				at = entry.Time.Time
			}
			return entry.Manager, at
		}
	}
	return "", time.Time{}
}

// OwnsReplicas reports whether a writer owns f:replicas in f:spec. A label may have the
// same name.
func OwnsReplicas(entry *metav1.ManagedFieldsEntry) bool {
	if entry.Subresource != "" && entry.Subresource != "scale" || entry.FieldsV1 == nil {
		return false
	}
	if !strings.Contains(entry.FieldsV1.GetRawString(), `"f:replicas"`) {
		return false // like nearly all entries, which need no decoding
	}
	var owned struct {
		Spec struct {
			Replicas json.RawMessage `json:"f:replicas"`
		} `json:"f:spec"`
	}
	return json.Unmarshal(entry.FieldsV1.GetRawBytes(), &owned) == nil && owned.Spec.Replicas != nil
}
