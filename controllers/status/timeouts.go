// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// timeoutCondition finds the first pair of times in the wrong order. The chain goes
// from a job's timeout to its connection's retry_after and its pod's grace period.
// There is no condition for a worker whose times are unknown.
func timeoutCondition(in Input) (conditionState, bool) {
	if in.Times.Grace == 0 {
		return conditionState{}, false
	}
	out := conditionState{conditionType: v1alpha1.ConditionTimeoutChain, is: metav1.ConditionFalse}
	timeout, retry, grace := in.Times.Timeout, in.Times.RetryAfter, in.Times.Grace
	job, queue := in.Backlog.jobTimeout()
	switch {
	case timeout == 0:
		out.reason = v1alpha1.ReasonNoTimeout
		out.message = "With spec.timeout 0s a job may run longer than retry_after, and then run twice, or longer than the grace period, and then be killed. Set timeout."
	case retry > 0 && timeout >= retry:
		out.reason = v1alpha1.ReasonRetryAfterBelowTimeout
		out.message = fmt.Sprintf("A job may run for %s (timeout), but the connection gives it out again after %s (retryAfter), so it may run twice at once. Raise retry_after in config/queue.php and the QueueApp's retryAfter above %s, or lower timeout.", timeout, retry, timeout)
	case retry > 0 && job >= retry:
		out.reason = v1alpha1.ReasonRetryAfterBelowTimeout
		out.message = fmt.Sprintf("Jobs on queue %s set a timeout of %s themselves, but the connection gives them out again after %s (retryAfter), so a job may run twice at once. Raise retry_after in config/queue.php and the QueueApp's retryAfter above %s.", queue, job, retry, job)
	case grace <= timeout:
		out.reason = v1alpha1.ReasonGraceBelowTimeout
		out.message = fmt.Sprintf("A job may run for %s (timeout), but a pod that is being deleted is killed after %s (gracePeriod), with its job. Leave gracePeriod out, or make it longer than timeout.", timeout, grace)
	case job >= grace:
		out.reason = v1alpha1.ReasonGraceBelowTimeout
		out.message = fmt.Sprintf("Jobs on queue %s set a timeout of %s themselves, but a pod that is being deleted is killed after %s, with its job. Set gracePeriod to more than %s.", queue, job, grace, job)
	default:
		out.is, out.reason = metav1.ConditionTrue, v1alpha1.ReasonInOrder
		out.message = "A job's timeout is shorter than the grace period of its pod."
		if retry > 0 {
			out.message = "A job's timeout is shorter than the connection's retryAfter and the grace period of its pod."
		}
	}
	return out, true
}

// jobTimeout returns the longest timeout that a waiting job sets itself, and its queue;
// 0 if no job was seen to set one.
func (b Backlog) jobTimeout() (time.Duration, string) {
	var longest time.Duration
	var queue string
	for _, depth := range b.Queues {
		if depth.MaxTimeoutSeconds != nil && time.Duration(*depth.MaxTimeoutSeconds)*time.Second > longest {
			longest, queue = time.Duration(*depth.MaxTimeoutSeconds)*time.Second, depth.Queue
		}
	}
	return longest, queue
}
