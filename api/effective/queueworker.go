// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package effective

import (
	"cmp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	mebibyte = int64(1) << 20

	defaultMemory    = 128 * mebibyte
	defaultTimeout   = 60 * time.Second
	defaultSleep     = 3 * time.Second
	defaultProcesses = 1
	defaultTries     = 1
)

// Mode returns whether a pool runs all the time or in runs.
func Mode(spec *v1alpha1.QueueWorkerSpec) v1alpha1.Mode {
	return cmp.Or(spec.Mode, v1alpha1.ModeContinuous)
}

// IsBatch reports whether a pool works in runs.
func IsBatch(spec *v1alpha1.QueueWorkerSpec) bool { return Mode(spec) == v1alpha1.ModeBatch }

// Recycle returns what is replaced after maxJobs and maxTime: a process or its pod.
func Recycle(spec *v1alpha1.QueueWorkerSpec) v1alpha1.Recycle {
	return cmp.Or(spec.Recycle, v1alpha1.RecycleProcess)
}

// OnFailing returns what happens to a pool whose jobs fail again and again.
func OnFailing(spec *v1alpha1.QueueWorkerSpec) v1alpha1.OnFailing {
	return cmp.Or(spec.OnFailing, v1alpha1.OnFailingContinue)
}

// SpecProcesses returns spec.processes.
func SpecProcesses(spec *v1alpha1.QueueWorkerSpec) int32 {
	return valueOr(spec.Processes, defaultProcesses)
}

// Processes returns how many processes the spec asks for, without autoscaling and caps:
// none while the pool is stopped.
func Processes(spec *v1alpha1.QueueWorkerSpec) int32 {
	if spec.Stopped {
		return 0
	}
	return max(SpecProcesses(spec), 0)
}

// ProcessesPerPod returns how many processes each pod of the pool runs.
func ProcessesPerPod(spec *v1alpha1.QueueWorkerSpec) int32 {
	return max(spec.ProcessesPerPod, 1)
}

// Pods returns how many pods a number of processes needs.
func Pods(processes int32, spec *v1alpha1.QueueWorkerSpec) int32 {
	perPod := ProcessesPerPod(spec)
	return (max(processes, 0) + perPod - 1) / perPod
}

// MaxUnavailable returns how many pods recycle: Pod may replace at a time.
func MaxUnavailable(spec *v1alpha1.QueueWorkerSpec) int32 {
	return max(spec.MaxUnavailable, 1)
}

// Memory returns how much memory one process may use, in bytes.
func Memory(spec *v1alpha1.QueueWorkerSpec) int64 {
	if spec.Memory == nil {
		return defaultMemory
	}
	return spec.Memory.Value()
}

// Timeout returns how long a job may run; 0 means without limit.
func Timeout(spec *v1alpha1.QueueWorkerSpec) time.Duration {
	return durationOr(spec.Timeout, defaultTimeout)
}

// Sleep returns how long a worker waits before it looks again at empty queues.
func Sleep(spec *v1alpha1.QueueWorkerSpec) time.Duration {
	return durationOr(spec.Sleep, defaultSleep)
}

// Rest returns how long a worker waits after each job.
func Rest(spec *v1alpha1.QueueWorkerSpec) time.Duration {
	return durationOr(spec.Rest, 0)
}

// MaxTime returns how long a process lives before it is replaced; 0 means without limit.
func MaxTime(spec *v1alpha1.QueueWorkerSpec) time.Duration {
	return durationOr(spec.MaxTime, 0)
}

// LongestSleep returns the longest time in which a worker does not look at its queues: it
// rests after a job, or sleeps when they are empty.
func LongestSleep(spec *v1alpha1.QueueWorkerSpec) time.Duration {
	return max(Sleep(spec), Rest(spec))
}

// Tries returns how often a job is attempted; 0 means without limit.
func Tries(spec *v1alpha1.QueueWorkerSpec) int32 {
	return valueOr(spec.Tries, defaultTries)
}

func durationOr(d *metav1.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return d.Duration
}

func valueOr[T any](set *T, otherwise T) T {
	if set == nil {
		return otherwise
	}
	return *set
}
