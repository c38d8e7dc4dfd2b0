// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/view"
)

// patience is for how long an operator may leave a change alone, and quiet after how
// long a pool that never had a job is worth a word.
const (
	patience = time.Minute
	quiet    = 10 * time.Minute
)

// apps tells what the agents found in the images, once each.
func apps(in Input) []Finding {
	if in.AppsError != "" {
		return []Finding{{Level: Unchecked, About: "QueueApps", Check: "Preflight", Cause: in.AppsError, Cure: "Ask for the right list on queueapps.queueworker.dev."}}
	}
	var found []Finding
	for i := range in.Apps {
		app := &in.Apps[i]
		about := "QueueApp " + named(in, app.Namespace, app.Name)
		if len(app.Conditions) == 0 {
			found = append(found, Finding{
				Level: Unchecked, About: about, Check: "Preflight", Cause: "No agent has looked at its image yet.",
				Cure: "Let a QueueWorker run with at least one process; its agent looks when it starts.",
			})
			continue
		}
		var wrong []Finding
		for _, condition := range app.Conditions {
			switch condition.Status {
			case metav1.ConditionFalse:
				wrong = append(wrong, Finding{Level: Wrong, About: about, Check: condition.Type, Cause: condition.Message, Cure: "Build the image anew, or change the QueueApp, as the cause says."})
			case metav1.ConditionUnknown:
				wrong = append(wrong, Finding{Level: Unchecked, About: about, Check: condition.Type, Cause: condition.Message})
			case metav1.ConditionTrue:
			}
		}
		if len(wrong) == 0 {
			wrong = []Finding{{Level: Fine, About: about, Check: "Preflight", Cause: fmt.Sprintf("All %d things that were looked for in its image are as they should be.", len(app.Conditions))}}
		}
		found = append(found, wrong...)
	}
	return found
}

func workers(in Input) []Finding {
	if len(in.Workers) == 0 {
		where := "The namespace " + in.Namespace + " has"
		if in.Namespace == "" {
			where = "The cluster has"
		}
		return []Finding{{
			Level: Warning, About: "QueueWorkers", Check: "AnyPool", Cause: where + " no QueueWorker.",
			Cure: "Name another namespace, or make one: kubectl queueworker create NAME --queue QUEUE.",
		}}
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

// pool tells what is wrong with one QueueWorker; nothing if it is well.
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

// judge says whether a condition tells of something bad, and how bad.
func judge(worker *v1alpha1.QueueWorker, condition *metav1.Condition) (Level, bool) {
	switch kind, reason := condition.Type, condition.Reason; {
	case kind == v1alpha1.ConditionReconciling:
		return "", false // Ready says the same
	case kind == v1alpha1.ConditionReady:
		stalled := meta.FindStatusCondition(worker.Status.Conditions, v1alpha1.ConditionStalled) != nil
		return Warning, condition.Status != metav1.ConditionTrue && !stalled
	case kind == v1alpha1.ConditionPaused:
		return Warning, condition.Status == metav1.ConditionTrue && reason == v1alpha1.ReasonPausedByFailing
	case kind == v1alpha1.ConditionBacklogKnown && reason == v1alpha1.ReasonNoDriver && worker.Spec.Autoscaling == nil:
		return "", false // nobody needs it
	case kind == v1alpha1.ConditionScalingActive && reason != v1alpha1.ReasonNoDriver:
		// It is off while the pool is paused or stopped by intent; where something is
		// wrong another condition says so.
		return "", false
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

// silent tells that a pool that should have had jobs by now never had one: the name of
// its queue may be wrong, which no backend knows.
func silent(in Input, worker *v1alpha1.QueueWorker) bool {
	status := &worker.Status
	if in.Now.Sub(worker.CreationTimestamp.Time) < quiet || status.Backlog == nil || status.Processes == 0 {
		return false
	}
	return status.Totals.Processed+status.Totals.Failed+status.Totals.Released == 0 &&
		status.Backlog.Ready+status.Backlog.Delayed+status.Backlog.Reserved == 0
}

// changed is when the object was last written by somebody else than the operator.
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
