// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog/conformance"
)

// outage stops a server that a probe uses and starts it again. The probe must report the
// outage and recover without a restart.
func outage(t *testing.T, p *probe, stop func(), begin func()) {
	t.Helper()
	if document := p.askUntil(t, "", "outage"); document.Queues[0].Ready != 2 {
		t.Errorf("before the outage: %+v; want 2 ready jobs", document.Queues[0])
	}
	stop()
	began := time.Now()
	document := p.askUntil(t, protocol.BacklogUnreachable, "outage")
	t.Logf("%s after %s", document.Message, time.Since(began).Round(time.Millisecond))
	// Metrics may be a second old, because all who ask share them.
	await(t, "the metrics tell of no jobs while nothing is known", p.process, func() error {
		if metrics := p.request(t, http.MethodGet, protocol.MetricsPath, nil, http.StatusOK); strings.Contains(metrics, "queueworker_backlog_jobs{") {
			return errors.New(metrics)
		}
		return nil
	})
	begin()
	began = time.Now()
	p.askUntil(t, "", "outage")
	t.Logf("read again after %s", time.Since(began).Round(time.Millisecond))
}

func TestAnOutageOfRedis(t *testing.T) {
	t.Parallel()
	server := startRedis(t, requirePassword())
	application := newLaravel(t, server.environment())
	jobs := conformance.Jobs{Kind: "quick", Queue: "outage", Count: 2}
	application.Dispatch(t, jobs)
	p := startProbe(t, protocol.ProbeConfig{Driver: protocol.DriverRedis}, server.environment()...)
	outage(t, p, func() { server.stop(syscall.SIGKILL) }, func() { server.start(t) })
	if depth := p.ask(t, "outage").Queues[0]; depth.Ready != 0 {
		t.Errorf("a Redis that was empty when it came back holds %+v", depth)
	}
	application.Dispatch(t, jobs)
	await(t, "the new jobs are seen", p.process, func() error {
		if p.ask(t, "outage").Queues[0].Ready == 2 {
			return nil
		}
		return http.ErrMissingFile
	})
}

func TestAnOutageOfSQLServers(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*testing.T) *sqlServer{"PostgreSQL": startPostgreSQL, "MariaDB": startMariaDB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := begin(t)
			application := newLaravel(t, append(append(server.environment(), theRedis(t).environment()...), "QUEUE_CONNECTION=database"))
			application.artisan(t, nil, "migrate", "--force")
			application.Dispatch(t, conformance.Jobs{Kind: "quick", Queue: "outage", Count: 2})
			p := startProbe(t, protocol.ProbeConfig{Driver: protocol.DriverDatabase}, server.environment()...)
			outage(t, p, func() { server.stop(server.signal) }, func() { server.start(t) })
		})
	}
}
