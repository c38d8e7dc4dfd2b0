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

// foreignFor is how long another client's write of the Deployment's replicas is reported.
// An autoscaler that is aimed at the wrong object writes again within that time.
const foreignFor = 5 * time.Minute

// foreignScaler is the other client that last wrote the number of pods of a pool's
// Deployment.
type foreignScaler struct {
	// manager is the field manager of the write, wrote the time that the write states.
	manager string
	wrote   time.Time
	// seen is when the operator first saw the write.
	seen time.Time
}

// see notes who owns the Deployment's replicas. The operator takes the field back with
// its next write. A client that wrote the same number as the operator stays an owner
// beside it, for that one write.
func (f *foreignScaler) see(o *observation) {
	manager, wrote := replicasManager(o.deployment)
	if manager != "" && (manager != f.manager || !wrote.Equal(f.wrote)) {
		*f = foreignScaler{manager, wrote, o.now}
	}
}

// left returns how long the write is still reported; 0 if there is none.
func (f foreignScaler) left(now time.Time) time.Duration {
	if f.manager == "" {
		return 0
	}
	return max(0, f.seen.Add(foreignFor).Sub(now))
}

// told returns the client that is reported; empty if there is none.
func (f foreignScaler) told(now time.Time) string {
	if f.left(now) == 0 {
		return ""
	}
	return f.manager
}

// replicasManager returns the field manager, other than the operator, that owns the
// replicas of a Deployment, and when it wrote; empty if none does.
func replicasManager(live *appsv1.Deployment) (manager string, at time.Time) {
	if live == nil {
		return "", time.Time{}
	}
	for i := range live.ManagedFields {
		if entry := &live.ManagedFields[i]; entry.Manager != v1alpha1.FieldManager && ownsReplicas(entry) {
			if entry.Time != nil {
				at = entry.Time.Time
			}
			return entry.Manager, at
		}
	}
	return "", time.Time{}
}

// ownsReplicas reports whether a writer owns f:replicas in f:spec. A label may have the
// same name.
func ownsReplicas(entry *metav1.ManagedFieldsEntry) bool {
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
