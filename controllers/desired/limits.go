// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	mebibyte = int64(1) << 20

	// defaultMemory, defaultTimeout and defaultSleep repeat the defaults of the CRD for
	// objects that were stored without them.
	defaultMemory  = 128 * mebibyte
	defaultTimeout = 60 * time.Second
	defaultSleep   = 3 * time.Second

	// graceMargin is the time a pod gets in addition to its longest job: 3 s of it are for
	// the agent, and the rest is for a worker that wakes from its sleep or is starting.
	graceMargin = 15 * time.Second
	// graceWithoutTimeout is the grace period if a job may run without limit.
	graceWithoutTimeout = time.Hour
)

// Memory holds the memory limits derived from what one process may use, in bytes.
//
// Let M = spec.memory. A worker checks M only between jobs and counts only PHP's heap,
// so PHP's own memory_limit (Heap) leaves 25 % and 32 MiB of room above M. The process
// as a whole (Retire) also has its code and libraries, 64 MiB. The container (Limit)
// holds that for each process, and the agent.
type Memory struct {
	// Process is M.
	Process int64
	// Heap is PHP's memory_limit: 1.25 M + 32 MiB.
	Heap int64
	// Retire is the proportional set size at which the agent replaces a process after its job.
	Retire int64
	// Limit is the container's memory limit: processes × (Heap + 96 MiB) + 32 MiB.
	Limit int64
	// Request is the container's memory request: processes × M.
	Request int64
}

// memoryOf derives the limits of a pod.
func memoryOf(spec *v1alpha1.QueueWorkerSpec, runtime v1alpha1.Runtime) Memory {
	process := ProcessMemory(spec)
	processes := int64(ProcessesPerPod(spec))
	// Whole mebibytes, rounded up: a quantity of 0.1Gi would make limits that differ
	// from their own printed form.
	heap := (process/4*5 + 32*mebibyte + mebibyte - 1) / mebibyte * mebibyte
	m := Memory{
		Process: process,
		Heap:    heap,
		Retire:  heap + 64*mebibyte,
		Limit:   processes*(heap+96*mebibyte) + 32*mebibyte,
		Request: processes * process,
	}
	if runtime == v1alpha1.RuntimeCustom {
		// A custom worker has no own limit that it would reach first.
		m.Heap, m.Retire = 0, process
	}
	return m
}

// ProcessMemory returns how much memory one process may use, in bytes.
func ProcessMemory(spec *v1alpha1.QueueWorkerSpec) int64 {
	if spec.Memory == nil {
		return defaultMemory
	}
	return spec.Memory.Value()
}

// ProcessesPerPod returns how many processes each pod of the pool runs.
func ProcessesPerPod(spec *v1alpha1.QueueWorkerSpec) int32 {
	return max(spec.ProcessesPerPod, 1)
}

// Processes returns how many processes the spec asks for, without autoscaling and caps:
// none while it is stopped.
func Processes(spec *v1alpha1.QueueWorkerSpec) int32 {
	switch {
	case spec.Stopped:
		return 0
	case spec.Processes == nil:
		return 1
	}
	return max(*spec.Processes, 0)
}

// Pods returns how many pods a number of processes needs.
func Pods(processes int32, spec *v1alpha1.QueueWorkerSpec) int32 {
	perPod := ProcessesPerPod(spec)
	return (max(processes, 0) + perPod - 1) / perPod
}

// Timeout returns how long a job may run; 0 means without limit.
func Timeout(spec *v1alpha1.QueueWorkerSpec) time.Duration {
	return durationOr(spec.Timeout, defaultTimeout)
}

// Pause returns the longest time in which a worker does not look at its queues: it
// rests after a job, or sleeps when they are empty.
func Pause(spec *v1alpha1.QueueWorkerSpec) time.Duration {
	return max(durationOr(spec.Sleep, defaultSleep), durationOr(spec.Rest, 0))
}

// grace returns the termination grace period of the pods: the setting of the QueueWorker,
// otherwise long enough for the longest job and for the setting of the template.
func grace(spec *v1alpha1.QueueWorkerSpec, template *corev1.PodSpec) time.Duration {
	if spec.GracePeriod != nil {
		return spec.GracePeriod.Duration
	}
	wanted := graceWithoutTimeout
	if timeout := Timeout(spec); timeout > 0 {
		wanted = timeout + durationOr(spec.Rest, 0) + graceMargin
	}
	if own := template.TerminationGracePeriodSeconds; own != nil {
		wanted = max(wanted, time.Duration(*own)*time.Second)
	}
	return wanted.Round(time.Second)
}

func durationOr(d *metav1.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return d.Duration
}

func bytesQuantity(n int64) resource.Quantity {
	return *resource.NewQuantity(n, resource.BinarySI)
}
