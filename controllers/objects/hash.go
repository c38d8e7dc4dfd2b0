// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// hashOf returns a short hash of an object's JSON.
func hashOf(object any) string {
	document, err := json.Marshal(object)
	if err != nil {
		panic(err) // API objects and apply configurations always encode
	}
	sum := sha256.Sum256(document)
	return hex.EncodeToString(sum[:8])
}

// stamp writes each object's hash into it, to notice a field that is no longer wanted.
// The live object alone does not show whether such a field is the operator's or another
// manager's.
func stamp(objects *Objects) {
	objects.Deployment.WithAnnotations(map[string]string{v1alpha1.AnnotationAppliedHash: hashOf(objects.Deployment)})
	if budget := objects.PodDisruptionBudget; budget != nil {
		budget.WithAnnotations(map[string]string{v1alpha1.AnnotationAppliedHash: hashOf(budget)})
	}
}
