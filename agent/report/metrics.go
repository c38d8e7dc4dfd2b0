// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"queueworker.dev/queueworker/api/protocol"
)

// Metrics report the values of the status document under similar names.
const (
	metricJobs        = "queueworker_jobs_total"
	metricJobSeconds  = "queueworker_job_seconds_total"
	metricExits       = "queueworker_exits_total"
	metricWorkers     = "queueworker_workers"
	metricMemory      = "queueworker_worker_memory_bytes"
	metricCPU         = "queueworker_worker_cpu_seconds_total"
	metricJobAge      = "queueworker_worker_job_age_seconds"
	metricReady       = "queueworker_ready"
	metricRevision    = "queueworker_control_revision"
	metricReceived    = "queueworker_network_received_bytes_total"
	metricTransmitted = "queueworker_network_transmitted_bytes_total"
	metricInfo        = "queueworker_agent_info"
)

// workerStates are all states, so that each is reported even if its count is 0.
var workerStates = []protocol.WorkerState{
	protocol.WorkerStarting, protocol.WorkerIdle, protocol.WorkerBusy, protocol.WorkerRetiring,
	protocol.WorkerPaused, protocol.WorkerBackingOff, protocol.WorkerStopped,
}

// collector derives metrics from a status document when they are requested.
type collector struct {
	source       Source
	descriptions map[string]*prometheus.Desc
}

// newRegistry returns a registry without metrics of the Go runtime, which would double
// the answer and say nothing about the workers.
func newRegistry(source Source) *prometheus.Registry {
	labels := prometheus.Labels{"namespace": source.Namespace, "queueworker": source.Name, "queueapp": source.App}
	c := &collector{source: source, descriptions: map[string]*prometheus.Desc{}}
	describe := func(name, help string, variable ...string) {
		c.descriptions[name] = prometheus.NewDesc(name, help, variable, labels)
	}
	describe(metricJobs, "Attempts at jobs that ended since the pod started, by outcome.", "outcome")
	describe(metricJobSeconds, "Time spent on ended attempts since the pod started.")
	describe(metricExits, "Ended worker processes since the pod started, by reason.", "reason")
	describe(metricWorkers, "Worker processes of the pod, by state.", "state")
	describe(metricMemory, "Proportional set size of a worker process with its descendants.", "slot")
	describe(metricCPU, "CPU time used by the processes of a slot since the pod started.", "slot")
	describe(metricJobAge, "Age of the job a worker process works on; 0 while idle.", "slot")
	describe(metricReady, "Whether the pod is ready, as its readiness probe tells.")
	describe(metricRevision, "Revision of the control document that is obeyed.")
	describe(metricReceived, "Bytes the pod received since it started, loopback aside.")
	describe(metricTransmitted, "Bytes the pod sent since it started, loopback aside.")
	describe(metricInfo, "Version of the agent and of the framework, and how output is read.", "version", "framework", "dialect")
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	return registry
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, description := range c.descriptions {
		out <- description
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	status := c.source.status()
	counter := func(name string, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(c.descriptions[name], prometheus.CounterValue, value, labels...)
	}
	gauge := func(name string, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(c.descriptions[name], prometheus.GaugeValue, value, labels...)
	}
	counter(metricJobs, float64(status.Counters.Processed), "processed")
	counter(metricJobs, float64(status.Counters.Failed), "failed")
	counter(metricJobs, float64(status.Counters.Released), "released")
	counter(metricJobSeconds, float64(status.Counters.JobMilliseconds)/1000)
	for reason, count := range status.Counters.Exits {
		counter(metricExits, float64(count), string(reason))
	}
	states := make(map[protocol.WorkerState]int, len(workerStates))
	for i := range status.Workers {
		w := &status.Workers[i]
		slot := strconv.Itoa(int(w.Slot))
		states[w.State]++
		gauge(metricMemory, float64(w.MemoryBytes), slot)
		counter(metricCPU, w.CPUSeconds, slot)
		gauge(metricJobAge, jobAge(w), slot)
	}
	for _, state := range workerStates {
		gauge(metricWorkers, float64(states[state]), string(state))
	}
	gauge(metricReady, truth(status.Ready))
	gauge(metricRevision, float64(status.ControlRevision))
	counter(metricReceived, float64(status.Network.ReceivedBytes))
	counter(metricTransmitted, float64(status.Network.TransmittedBytes))
	var runtime protocol.RuntimeFacts
	if status.Runtime != nil {
		runtime = *status.Runtime
	}
	gauge(metricInfo, 1, status.Agent, runtime.Version, runtime.Dialect)
}

func jobAge(w *protocol.Worker) float64 {
	if w.Job == nil {
		return 0
	}
	return w.Job.AgeSeconds
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
