// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// judge finds the first obstacle, in the order in which a user would have to remove
// them. If there is none, it says how far the pool is.
func judge(in Input, c counts) verdict {
	for _, find := range []func(Input, counts) *obstacle{
		conflict,        // an object of another owner stands in the way
		buildProblem,    // no usable QueueApp
		rejection,       // the API server refused an object
		podProblem,      // a pod cannot start
		crashingWorkers, // the worker program does not run
	} {
		if found := find(in, c); found != nil {
			return blocked(in, *found)
		}
	}
	if inRuns(in) {
		return progressOfRuns(in, c)
	}
	return progress(in, c)
}

// blocked turns an obstacle into a verdict: stalled at once if waiting will not help,
// and otherwise after StallAfter.
func blocked(in Input, found obstacle) verdict {
	v := verdict{reason: found.reason, message: found.message, stalled: found.final}
	if v.stalled {
		return v
	}
	since := obstructedSince(in, found.reason)
	if waited := in.Now.Sub(since); waited < StallAfter {
		v.recheck = StallAfter - waited
	} else {
		v.stalled = true
	}
	return v
}

// obstructedSince returns since when the conditions have said that the pool is not
// ready for this reason.
func obstructedSince(in Input, reason string) time.Time {
	for _, conditionType := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionReconciling} {
		condition := meta.FindStatusCondition(in.Worker.Status.Conditions, conditionType)
		if condition == nil || condition.Reason != reason {
			continue
		}
		if conditionType == v1alpha1.ConditionStalled {
			return condition.LastTransitionTime.Add(-StallAfter)
		}
		return condition.LastTransitionTime.Time
	}
	return in.Now
}

func conflict(in Input, _ counts) *obstacle {
	if in.Conflict == "" {
		return nil
	}
	return &obstacle{reason: v1alpha1.ReasonForeignObject, message: in.Conflict, final: true}
}

func buildProblem(in Input, _ counts) *obstacle {
	if in.Problem == nil {
		return nil
	}
	waits := in.Problem.Reason == v1alpha1.ReasonAppNotFound
	return &obstacle{reason: in.Problem.Reason, message: in.Problem.Message, final: !waits}
}

func rejection(in Input, _ counts) *obstacle {
	if in.Rejected == "" {
		return nil
	}
	return &obstacle{reason: v1alpha1.ReasonRejected, message: sentence(in.Rejected), final: true}
}

// podProblem returns the first pod, by name, that cannot start. It is reported even if
// enough other pods are ready, as during the rollout of a broken image, because the
// pool is not as wanted.
func podProblem(in Input, _ counts) *obstacle {
	for _, pod := range in.Pods {
		if pod.leaving() || pod.running() {
			continue
		}
		if found := startProblem(pod); found != nil {
			return found
		}
	}
	return nil
}

// crashingWorkers returns an obstacle if every process of the pool has crashed and waits.
func crashingWorkers(in Input, c counts) *obstacle {
	if c.failing == 0 || c.failing < c.processes {
		return nil
	}
	exit := newestExit(in)
	if exit == nil {
		return &obstacle{reason: v1alpha1.ReasonWorkersCrashing, message: "Every worker process crashes; see the pods' logs."}
	}
	if exit.Reason == protocol.ExitCommandNotFound {
		return &obstacle{reason: v1alpha1.ReasonCommandNotFound, final: true, message: "No worker process can start. " + sentence(exit.Message)}
	}
	if exit.Reason == protocol.ExitConfigError {
		return &obstacle{reason: v1alpha1.ReasonConfigError, message: "Every worker process ends as soon as it starts: " + sentence(exit.Message)}
	}
	return &obstacle{reason: v1alpha1.ReasonWorkersCrashing, message: fmt.Sprintf(
		"Every worker process crashes (last %s, exit code %d): %s", exit.Reason, exit.Code, sentence(exit.Message))}
}

// newestExit returns the last end among the processes that wait for their successor.
func newestExit(in Input) *protocol.Exit {
	var newest *protocol.Exit
	for _, pod := range in.Pods {
		for _, worker := range pod.workers() {
			if worker.State != protocol.WorkerBackingOff || worker.LastExit == nil {
				continue
			}
			if newest == nil || worker.LastExit.AgeSeconds < newest.AgeSeconds {
				newest = worker.LastExit
			}
		}
	}
	return newest
}
