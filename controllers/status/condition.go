// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// conditionState is a computed condition.
type conditionState struct {
	conditionType string
	is            metav1.ConditionStatus
	reason        string
	message       string
}

// standing returns a condition of a status; zero if the status has none of this type.
func standing(status *v1alpha1.QueueWorkerStatus, conditionType string) metav1.Condition {
	if condition := meta.FindStatusCondition(status.Conditions, conditionType); condition != nil {
		return *condition
	}
	return metav1.Condition{}
}
