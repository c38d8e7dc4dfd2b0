// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
)

// patience is how long an operator may leave a change unobserved. unusedAfter is the age from
// which a pool that never had a job is worth a warning.
const (
	patience    = time.Minute
	unusedAfter = 10 * time.Minute
)

// checkImage names the check of a QueueApp's image and settings.
const checkImage = "Preflight"

// apps reports what the agents found in the images, once per QueueApp.
func apps(in Input) []Finding {
	if in.AppsError != nil {
		return []Finding{{
			Level: Unchecked, About: Subject{Kind: OfQueueApp}, Check: checkImage,
			Cause: Cause{Code: NotRead, Err: in.AppsError}, Cure: cure(AskForApps),
		}}
	}
	var found []Finding
	for i := range in.Apps {
		found = append(found, app(&in.Apps[i], Subject{Kind: OfQueueApp, Name: named(in, in.Apps[i].Namespace, in.Apps[i].Name)})...)
	}
	return found
}

func app(app *App, about Subject) []Finding {
	var found []Finding
	looked := 0
	for _, condition := range app.Conditions {
		if condition.Type == v1alpha1.ConditionPreflightPassed {
			continue // it only sums up the other conditions
		}
		if condition.Type != v1alpha1.ConditionNetworkPolicyApplied { // this condition does not come from an agent
			looked++
		}
		one := Finding{About: about, Check: condition.Type, Cause: Cause{Code: Reported, Message: condition.Message}}
		switch condition.Status {
		case metav1.ConditionFalse:
			one.Level, one.Cure = Wrong, mend(condition.Type)
			found = append(found, one)
		case metav1.ConditionUnknown:
			one.Level = Unchecked
			found = append(found, one)
		case metav1.ConditionTrue:
		}
	}
	switch {
	case looked == 0:
		return []Finding{{Level: Unchecked, About: about, Check: checkImage, Cause: Cause{Code: ImageUnseen}, Cure: cure(RunOneProcess)}}
	case len(found) == 0:
		return []Finding{{Level: Fine, About: about, Check: checkImage, Cause: Cause{Code: ImageInOrder, Count: looked}}}
	}
	return found
}

// mends says what to do about an agent's findings.
var mends = map[string]view.AdviceCode{
	protocol.FindingPcntl:            InstallPcntl,
	protocol.FindingUnwrapped:        UseExec,
	protocol.FindingSettingsReadable: RunAbout,
	protocol.FindingConnection:       CorrectName,
	protocol.FindingMemory:           RemoveMemoryLimit,
	protocol.FindingRetryAfter:       RaiseRetryAfterOfApp,
	protocol.FindingBlockFor:         LowerBlockFor,
	protocol.FindingLogs:             LogToStderr,
	protocol.FindingCache:            ShareCache,
}

func mend(check string) view.Advice {
	if code, ok := mends[check]; ok {
		return cure(code)
	}
	return cure(ChangeImage)
}

func workers(in Input) []Finding {
	if len(in.Workers) == 0 {
		found := Finding{
			Level: Warning, About: Subject{Kind: OfQueueWorker}, Check: "AnyPool",
			Cause: Cause{Code: NoPool, Namespace: in.Namespace}, Cure: cure(CreatePool),
		}
		if in.Selector != "" {
			found.Cause = Cause{Code: NoPoolSelected, Namespace: in.Namespace, Selector: in.Selector}
			found.Cure = cure(SeeLabels)
		}
		return []Finding{found}
	}
	var found []Finding
	for i := range in.Workers {
		worker := &in.Workers[i]
		about := Subject{Kind: OfQueueWorker, Name: named(in, worker.Namespace, worker.Name)}
		one := pool(in, worker, about)
		if len(one) == 0 {
			one = []Finding{{Level: Fine, About: about, Check: v1alpha1.ConditionReady, Cause: ready(worker)}}
		}
		found = append(found, one...)
	}
	return found
}

func ready(worker *v1alpha1.QueueWorker) Cause {
	if condition := meta.FindStatusCondition(worker.Status.Conditions, v1alpha1.ConditionReady); condition != nil {
		return Cause{Code: Reported, Message: condition.Message}
	}
	return Cause{Code: PoolInOrder}
}

// pool reports what is wrong with one QueueWorker; nothing if all is well.
func pool(in Input, worker *v1alpha1.QueueWorker, about Subject) []Finding {
	if worker.Status.ObservedGeneration < worker.Generation && in.Now.Sub(changed(worker)) > patience {
		return []Finding{{
			Level: Wrong, About: about, Check: "Observed",
			Cause: Cause{Code: NotObserved, Age: in.Now.Sub(changed(worker))}, Cure: cure(CheckOperator),
		}}
	}
	var found []Finding
	for i := range worker.Status.Conditions {
		condition := &worker.Status.Conditions[i]
		if level, bad := judge(worker, condition); bad {
			found = append(found, Finding{Level: level, About: about, Check: condition.Type, Cause: Cause{Code: Reported, Message: condition.Message}, Cure: view.Advise(condition, worker.Name)})
		}
	}
	if silent(in, worker) {
		found = append(found, Finding{
			Level: Warning, About: about, Check: "QueueInUse",
			Cause: Cause{Code: NeverUsed, Queue: worker.Spec.Queue}, Cure: cure(CompareQueue),
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
	if in.Now.Sub(worker.CreationTimestamp.Time) < unusedAfter || status.Backlog == nil || status.Processes == 0 {
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
