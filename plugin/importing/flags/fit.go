// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package flags

import (
	"fmt"
	"regexp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// maxGrace repeats a bound of the CRD.
const maxGrace = 48 * time.Hour

// Fit corrects a combination of options that the API server would refuse although each
// option was carried over: a sleep that is not shorter than the timeout.
func Fit(spec *v1alpha1.QueueWorkerSpec) Outcome {
	timeout, sleep := effective.Timeout(spec), effective.Sleep(spec)
	if timeout == 0 || sleep < timeout {
		return Outcome{}
	}
	fitting := timeout - time.Second
	if fitting <= 0 {
		fitting = timeout / 2
	}
	spec.Sleep = &metav1.Duration{Duration: fitting}
	return Outcome{Warning: true, Why: fmt.Sprintf(
		"a sleep of %s is not shorter than the timeout of %s, and such a worker is killed by its own timeout while it is idle; sleep is %s here",
		Short(sleep), Short(timeout), Short(fitting))}
}

// Grace carries over how many seconds a stopping worker may take. It does not carry over
// a time that would let a job be killed.
func Grace(spec *v1alpha1.QueueWorkerSpec, seconds int) Outcome {
	grace, timeout := time.Duration(seconds)*time.Second, effective.Timeout(spec)
	switch {
	case seconds <= 0, timeout > 0 && grace <= timeout:
		return Outcome{Warning: true, Why: fmt.Sprintf(
			"a job may run for %s, so some jobs would be killed when a pod is deleted; without gracePeriod the operator uses one that is long enough", limit(timeout))}
	case grace > maxGrace:
		spec.GracePeriod = &metav1.Duration{Duration: maxGrace}
		return Outcome{Warning: true, Why: "the field takes at most 48h, so gracePeriod is 48h"}
	}
	spec.GracePeriod = &metav1.Duration{Duration: grace}
	return Outcome{}
}

func limit(timeout time.Duration) string {
	if timeout == 0 {
		return "any time"
	}
	return Short(timeout)
}

// zeroUnits matches the units of a duration that are zero.
var zeroUnits = regexp.MustCompile(`([hm])0[ms]`)

// ShortDuration shortens a duration as a person would write it: 1h for 1h0m0s.
func ShortDuration(text string) string {
	return zeroUnits.ReplaceAllString(zeroUnits.ReplaceAllString(text, "$1"), "$1")
}

// Short writes a duration as a person would.
func Short(d time.Duration) string { return ShortDuration(d.String()) }
