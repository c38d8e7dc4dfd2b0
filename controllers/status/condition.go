// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
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

func standingReason(status *v1alpha1.QueueWorkerStatus, conditionType string) string {
	for i := range status.Conditions {
		if status.Conditions[i].Type == conditionType {
			return status.Conditions[i].Reason
		}
	}
	return ""
}

func standingMessage(status *v1alpha1.QueueWorkerStatus, conditionType string) string {
	for i := range status.Conditions {
		if status.Conditions[i].Type == conditionType {
			return status.Conditions[i].Message
		}
	}
	return ""
}
