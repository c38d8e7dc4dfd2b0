// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"queueworker.dev/queueworker/api/protocol"
)

// The metrics describe the last measurement; a scrape measures nothing. A measurement
// older than a minute is left out.
const (
	metricJobs         = "queueworker_backlog_jobs"
	metricOldest       = "queueworker_backlog_oldest_seconds"
	metricFailed       = "queueworker_backlog_failed_jobs"
	metricUp           = "queueworker_backlog_up"
	metricSeconds      = "queueworker_backlog_measurement_seconds"
	metricMeasurements = "queueworker_backlog_measurements_total"
	metricInfo         = "queueworker_backlog_info"
)

// remembered is how long metrics show a measurement.
const remembered = time.Minute

// collector turns the last measurement into metrics on each scrape.
type collector struct {
	prober       *Prober
	identity     Identity
	descriptions map[string]*prometheus.Desc
}

// newRegistry returns a separate registry without the metrics of the Go runtime, which
// would double the size of the answer and say nothing about the queues.
func newRegistry(p *Prober, identity Identity) *prometheus.Registry {
	labels := prometheus.Labels{"namespace": identity.Namespace, "queueapp": identity.App}
	c := &collector{prober: p, identity: identity, descriptions: map[string]*prometheus.Desc{}}
	describe := func(name, help string, variable ...string) {
		c.descriptions[name] = prometheus.NewDesc(name, help, variable, labels)
	}
	describe(metricJobs, "Jobs in a queue, by state: ready, delayed or reserved.", "queue", "state")
	describe(metricOldest, "How long the oldest ready job of a queue has been ready, where that is known.", "queue")
	describe(metricFailed, "Jobs of a queue that failed for good and are kept, where that is known.", "queue")
	describe(metricUp, "Whether the backend could be read when it was asked last; the reason if not.", "reason")
	describe(metricSeconds, "How long the last measurement took.")
	describe(metricMeasurements, "Measurements since the probe started, by result: ok or failed.", "result")
	describe(metricInfo, "Version of the probe, and the driver.", "version", "driver")
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
	emit := func(name string, kind prometheus.ValueType, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(c.descriptions[name], kind, value, labels...)
	}
	gauge := func(name string, value float64, labels ...string) {
		emit(name, prometheus.GaugeValue, value, labels...)
	}
	p := c.prober
	failed := p.counts.failed.Load()
	emit(metricMeasurements, prometheus.CounterValue, float64(failed), "failed")
	emit(metricMeasurements, prometheus.CounterValue, float64(max(0, p.counts.measured.Load()-failed)), "ok")
	gauge(metricInfo, 1, c.identity.Version, string(c.identity.Driver))
	if p.broken != nil {
		gauge(metricUp, 0, string(p.broken.Reason))
		return
	}
	m := p.last.Load()
	if m == nil || p.now().Sub(m.ended) > remembered {
		return
	}
	gauge(metricSeconds, m.ended.Sub(m.began).Seconds())
	if m.problem != nil {
		gauge(metricUp, 0, string(m.problem.Reason))
		return
	}
	gauge(metricUp, 1, "")
	for _, name := range slices.Sorted(maps.Keys(m.depths)) {
		collectQueue(gauge, m.depths[name])
	}
}

func collectQueue(gauge func(name string, value float64, labels ...string), depth protocol.QueueDepth) {
	if depth.Reason != "" {
		return // unknown is not zero
	}
	gauge(metricJobs, float64(depth.Ready), depth.Queue, "ready")
	gauge(metricJobs, float64(depth.Delayed), depth.Queue, "delayed")
	gauge(metricJobs, float64(depth.Reserved), depth.Queue, "reserved")
	if depth.OldestSeconds != nil {
		gauge(metricOldest, *depth.OldestSeconds, depth.Queue)
	}
	if depth.Failed != nil {
		gauge(metricFailed, float64(*depth.Failed), depth.Queue)
	}
}
