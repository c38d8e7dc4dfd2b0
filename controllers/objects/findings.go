// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// findings returns the promises that a pool cannot keep because of explicit settings in
// its template or its spec.
func findings(in Input, container int, memory effective.MemoryLimits, gracePeriod time.Duration) []effective.Problem {
	var out []effective.Problem
	spec := &in.Worker.Spec
	timeout := effective.Timeout(spec)
	switch {
	case timeout == 0:
		out = append(out, effective.Problem{Reason: v1alpha1.ReasonNoTimeout, Message: fmt.Sprintf(
			"With spec.timeout 0s a job may run longer than the grace period of %s, and then it is killed when its pod is removed. Set timeout, or a gracePeriod longer than any job.",
			gracePeriod)})
	case gracePeriod <= timeout:
		out = append(out, effective.Problem{Reason: v1alpha1.ReasonGraceBelowTimeout, Message: fmt.Sprintf(
			"The grace period of %s is not longer than the timeout of %s, so a job may be killed when its pod is removed. Leave gracePeriod out, or set at least %s.",
			gracePeriod, timeout, timeout+effective.GraceMargin)})
	}
	resources := in.App.Spec.Template.Spec.Containers[container].Resources
	if limit, set := resources.Limits[corev1.ResourceMemory]; set && limit.Value() < memory.Request+32*mebibyte {
		needed := resource.NewQuantity(memory.Limit, resource.BinarySI)
		out = append(out, effective.Problem{Reason: v1alpha1.ReasonMemoryLimitLow, Message: fmt.Sprintf(
			"The template limits the container to %s of memory, but %d process(es) of %s each and the agent need more, so the kernel may kill jobs. Remove the limit, or set at least %s.",
			limit.String(), effective.ProcessesPerPod(spec), bytesString(memory.Process), needed.String())})
	}
	return out
}

func bytesString(n int64) string {
	quantity := bytesQuantity(n)
	return quantity.String()
}
