// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// foreignFor is how long somebody else's write of the Deployment's replicas is told
// of: an autoscaler that is aimed at the wrong object writes again within that time.
const foreignFor = 5 * time.Minute

// foreignScaler is who else wrote the number of pods of a pool's Deployment.
type foreignScaler struct {
	// manager is the field manager of the write; empty if there was none.
	manager string
	// seen is when it was last seen to own the field.
	seen time.Time
}

// see notes who owns the Deployment's replicas. The operator takes the field back
// with its next write, so the owner is seen but once a write.
func (f *foreignScaler) see(o *observation) {
	if manager := replicasManager(o.deployment); manager != "" {
		*f = foreignScaler{manager, o.now}
	} else if o.now.Sub(f.seen) >= foreignFor {
		*f = foreignScaler{}
	}
}

// left is how long the write is still told of; 0 if there is none.
func (f foreignScaler) left(now time.Time) time.Duration {
	if f.manager == "" {
		return 0
	}
	return max(0, f.seen.Add(foreignFor).Sub(now))
}

// replicasManager is the field manager, other than the operator, that owns the
// replicas of a Deployment; empty if none does.
func replicasManager(live *appsv1.Deployment) string {
	if live == nil {
		return ""
	}
	for i := range live.ManagedFields {
		if entry := &live.ManagedFields[i]; entry.Manager != v1alpha1.FieldManager && ownsReplicas(entry) {
			return entry.Manager
		}
	}
	return ""
}

// ownsReplicas tells whether a writer owns f:replicas in f:spec; a label may be named
// so too.
func ownsReplicas(entry *metav1.ManagedFieldsEntry) bool {
	if entry.Subresource != "" && entry.Subresource != "scale" || entry.FieldsV1 == nil {
		return false
	}
	if !strings.Contains(entry.FieldsV1.GetRawString(), `"f:replicas"`) {
		return false // as nearly all, and those need no decoding
	}
	var owned struct {
		Spec struct {
			Replicas json.RawMessage `json:"f:replicas"`
		} `json:"f:spec"`
	}
	return json.Unmarshal(entry.FieldsV1.GetRawBytes(), &owned) == nil && owned.Spec.Replicas != nil
}

// slimDeployment keeps of a Deployment's managed fields just those of whoever else
// owns its replicas.
func slimDeployment(object any) (any, error) {
	live, ok := object.(*appsv1.Deployment)
	if !ok {
		return object, nil
	}
	var kept []metav1.ManagedFieldsEntry
	for _, entry := range live.ManagedFields {
		if entry.Manager != v1alpha1.FieldManager && ownsReplicas(&entry) {
			entry.FieldsV1 = metav1.NewFieldsV1(`{"f:spec":{"f:replicas":{}}}`)
			kept = append(kept, entry)
		}
	}
	live.ManagedFields = kept
	return live, nil
}
