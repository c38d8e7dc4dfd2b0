// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/alerts"
)

// AlertTypes are the conditions for the health of the jobs. They are present only while
// they are true.
var AlertTypes = []string{
	v1alpha1.ConditionFailuresHigh, v1alpha1.ConditionMemoryHigh, v1alpha1.ConditionSlowJobs, v1alpha1.ConditionWorkersFailing,
}

// alertOf returns the alert of a type; zero if there is none.
func alertOf(in Input, conditionType string) alerts.Alert {
	for _, alert := range in.Alerts {
		if alert.Type == conditionType {
			return alert
		}
	}
	return alerts.Alert{}
}

// alertChanges returns the events of alerts that begin or end, and of a pause because
// of an alert.
func alertChanges(before, after *v1alpha1.QueueWorkerStatus) []Event {
	var out []Event
	for _, conditionType := range AlertTypes {
		switch was, is := standing(before, conditionType).Reason, standing(after, conditionType).Reason; {
		case is != "" && was != is:
			out = append(out, Event{Type: corev1.EventTypeWarning, Reason: conditionType, Action: "Watch", Note: standing(after, conditionType).Message})
		case is == "" && was != "":
			out = append(out, normal(v1alpha1.EventRecovered, "Watch", "%s is over", conditionType))
		}
	}
	if pause := after.OnFailing; pause != nil && pause.Paused && (before.OnFailing == nil || !before.OnFailing.Paused) {
		out = append(out, Event{Type: corev1.EventTypeWarning, Reason: v1alpha1.EventPausedByFailing, Action: "Pause", Note: "Pausing the pool, because spec.onFailing is Pause: " + pause.Cause})
	}
	return out
}
