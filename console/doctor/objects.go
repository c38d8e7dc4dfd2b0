// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
)

// patience is how long an operator may leave a change unobserved. quiet is the age from
// which a pool that never had a job is worth a warning.
const (
	patience = time.Minute
	quiet    = 10 * time.Minute
)

// apps reports what the agents found in the images, once per QueueApp.
func apps(in Input) []Finding {
	if in.AppsError != "" {
		return []Finding{{Level: Unchecked, About: "QueueApps", Check: "Preflight", Cause: in.AppsError, Cure: "Ask for the right list on queueapps.queueworker.dev."}}
	}
	var found []Finding
	for i := range in.Apps {
		found = append(found, app(&in.Apps[i], "QueueApp "+named(in, in.Apps[i].Namespace, in.Apps[i].Name))...)
	}
	return found
}

func app(app *App, about string) []Finding {
	var found []Finding
	looked := 0
	for _, condition := range app.Conditions {
		if condition.Type == v1alpha1.ConditionPreflightPassed {
			continue // it only sums up the other conditions
		}
		if condition.Type != v1alpha1.ConditionNetworkPolicyApplied { // this condition does not come from an agent
			looked++
		}
		switch condition.Status {
		case metav1.ConditionFalse:
			found = append(found, Finding{Level: Wrong, About: about, Check: condition.Type, Cause: condition.Message, Cure: mend(condition.Type)})
		case metav1.ConditionUnknown:
			found = append(found, Finding{Level: Unchecked, About: about, Check: condition.Type, Cause: condition.Message})
		case metav1.ConditionTrue:
		}
	}
	switch {
	case looked == 0:
		return []Finding{{
			Level: Unchecked, About: about, Check: "Preflight", Cause: "No agent has looked into its image yet.",
			Cure: "Let a QueueWorker run with at least one process; its agent looks when it starts.",
		}}
	case len(found) == 0:
		return []Finding{{Level: Fine, About: about, Check: "Preflight", Cause: fmt.Sprintf("All %d things that were looked for in its image and settings are as they should be.", looked)}}
	}
	return found
}

// mends says what to do about an agent's findings.
var mends = map[string]string{
	protocol.FindingPcntl:            "Add PHP's extension pcntl to the image: docker-php-ext-install pcntl.",
	protocol.FindingUnwrapped:        "Write command in its exec form, or put exec before the last command of the wrapper.",
	protocol.FindingSettingsReadable: "Run php artisan about in the container; it tells why the application does not boot.",
	protocol.FindingConnection:       "Correct spec.connection.name of the QueueApp, or QUEUE_CONNECTION in the env.",
	protocol.FindingMemory:           "Remove the application's own ini_set of memory_limit; the operator sets it from spec.memory.",
	protocol.FindingRetryAfter:       "Raise retry_after in config/queue.php and the QueueApp's retryAfter above timeout, or lower timeout.",
	protocol.FindingBlockFor:         "Set block_for of the connection to a few seconds, or to null.",
	protocol.FindingLogs:             "Set LOG_CHANNEL=stderr in the env, so that kubectl logs shows the application's log.",
	protocol.FindingCache:            "Let the cache be one that all pods share, such as redis: CACHE_DRIVER or CACHE_STORE in the env.",
}

func mend(check string) string {
	if text, ok := mends[check]; ok {
		return text
	}
	return "Change the image or the QueueApp as the cause says."
}

func workers(in Input) []Finding {
	if len(in.Workers) == 0 {
		found := Finding{
			Level: Warning, About: "QueueWorkers", Check: "AnyPool", Cause: "There is no QueueWorker " + where(in.Namespace) + ".",
			Cure: "Name another namespace, or make one: kubectl queueworker create NAME --queue QUEUE.",
		}
		if in.Selector != "" {
			found.Cause = fmt.Sprintf("No QueueWorker %s has the labels %s.", where(in.Namespace), in.Selector)
			found.Cure = "See which labels they have: kubectl get queueworkers --show-labels."
		}
		return []Finding{found}
	}
	var found []Finding
	for i := range in.Workers {
		worker := &in.Workers[i]
		about := "QueueWorker " + named(in, worker.Namespace, worker.Name)
		one := pool(in, worker, about)
		if len(one) == 0 {
			one = []Finding{{Level: Fine, About: about, Check: v1alpha1.ConditionReady, Cause: ready(worker)}}
		}
		found = append(found, one...)
	}
	return found
}

func ready(worker *v1alpha1.QueueWorker) string {
	if condition := meta.FindStatusCondition(worker.Status.Conditions, v1alpha1.ConditionReady); condition != nil {
		return condition.Message
	}
	return "As wanted."
}

// pool reports what is wrong with one QueueWorker; nothing if all is well.
func pool(in Input, worker *v1alpha1.QueueWorker, about string) []Finding {
	if worker.Status.ObservedGeneration < worker.Generation && in.Now.Sub(changed(worker)) > patience {
		return []Finding{{
			Level: Wrong, About: about, Check: "Observed",
			Cause: fmt.Sprintf("Its spec was changed %s ago and the operator has not taken it up.", in.Now.Sub(changed(worker)).Round(time.Second)),
			Cure:  "See that the operator runs and watches this namespace: watchNamespaces in the chart's values.",
		}}
	}
	var found []Finding
	for i := range worker.Status.Conditions {
		condition := &worker.Status.Conditions[i]
		if level, bad := judge(worker, condition); bad {
			found = append(found, Finding{Level: level, About: about, Check: condition.Type, Cause: condition.Message, Cure: view.Advice(condition, worker.Name)})
		}
	}
	if silent(in, worker) {
		found = append(found, Finding{
			Level: Warning, About: about, Check: "QueueInUse",
			Cause: fmt.Sprintf("It never had a job, and nothing waits on %s.", worker.Spec.Queue),
			Cure:  "If jobs should have come, compare the name with the one they are dispatched to, and the QueueApp's connection with the application's.",
		})
	}
	return found
}

// judge reports whether a condition is bad, and how bad.
func judge(worker *v1alpha1.QueueWorker, condition *metav1.Condition) (Level, bool) {
	if meant(worker, condition) {
		return "", false
	}
	if condition.Type == v1alpha1.ConditionReady {
		return Warning, condition.Status != metav1.ConditionTrue
	}
	switch view.ConditionTone(condition) {
	case view.Bad:
		return Wrong, true
	case view.Doubtful:
		return Warning, true
	default:
		return "", false
	}
}

// meant reports whether a condition says what the user wants, or what another condition
// also says.
func meant(worker *v1alpha1.QueueWorker, condition *metav1.Condition) bool {
	switch reason := condition.Reason; condition.Type {
	case v1alpha1.ConditionReconciling: // Ready says the same
		return true
	case v1alpha1.ConditionReady: // Stalled says the same
		return meta.FindStatusCondition(worker.Status.Conditions, v1alpha1.ConditionStalled) != nil
	case v1alpha1.ConditionNotPermitted: // if it keeps the pool from being built, Stalled says the same
		stalled := meta.FindStatusCondition(worker.Status.Conditions, v1alpha1.ConditionStalled)
		return stalled != nil && stalled.Reason == reason
	case v1alpha1.ConditionPaused:
		return reason != v1alpha1.ReasonPausedByFailing
	case v1alpha1.ConditionBacklogKnown: // without a driver the backlog is unknown, and without autoscaling it is not needed
		return reason == v1alpha1.ReasonNoDriver && worker.Spec.Autoscaling == nil
	case v1alpha1.ConditionScalingActive: // it is off on purpose, or for a reason that another condition reports
		return reason != v1alpha1.ReasonNoDriver
	}
	return false
}

// silent reports whether a pool never had a job although it should have had jobs by now.
// The name of its queue may be wrong, which no backend can know.
func silent(in Input, worker *v1alpha1.QueueWorker) bool {
	status := &worker.Status
	if in.Now.Sub(worker.CreationTimestamp.Time) < quiet || status.Backlog == nil || status.Processes == 0 {
		return false
	}
	return status.Totals.Processed+status.Totals.Failed+status.Totals.Released == 0 &&
		status.Backlog.Ready+status.Backlog.Delayed+status.Backlog.Reserved == 0
}

// changed returns when the QueueWorker was last written, apart from its status. The
// operator writes only the status.
func changed(worker *v1alpha1.QueueWorker) time.Time {
	last := worker.CreationTimestamp.Time
	for _, entry := range worker.ManagedFields {
		if entry.Subresource == "" && entry.Time != nil && entry.Time.After(last) {
			last = entry.Time.Time
		}
	}
	return last
}

func named(in Input, namespace, name string) string {
	if in.Namespace == "" {
		return namespace + "/" + name
	}
	return name
}
