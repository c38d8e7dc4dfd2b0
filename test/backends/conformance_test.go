// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"net/http/httptest"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/backend/http"
	"queueworker.dev/queueworker/backlog/conformance"
	layout "queueworker.dev/queueworker/backlog/layout/laravel"
	"queueworker.dev/queueworker/backlog/settings"
)

// environment makes settings from lines such as NAME=value.
func environment(lines []string, renamed map[string]string) settings.Environment {
	variables := map[string]string{}
	for _, line := range lines {
		for i := range line {
			if line[i] == '=' {
				variables[line[:i]] = line[i+1:]
				break
			}
		}
	}
	return settings.NewEnvironment(variables, renamed)
}

func openRedis(t *testing.T, config protocol.ProbeConfig, lines ...string) backlog.Driver {
	t.Helper()
	driver, err := layout.OpenRedis(config, environment(lines, nil))
	if err != nil {
		t.Fatal(err)
	}
	return driver
}

func openDatabase(t *testing.T, config protocol.ProbeConfig, lines ...string) backlog.Driver {
	t.Helper()
	driver, err := layout.OpenDatabase(config, environment(lines, nil))
	if err != nil {
		t.Fatal(err)
	}
	return driver
}

func TestRedis(t *testing.T) {
	t.Parallel()
	server := theRedis(t)
	conformance.Run(t, conformance.Subject{
		Open: func(t *testing.T, _ time.Duration) backlog.Driver {
			return openRedis(t, protocol.ProbeConfig{}, server.environment()...)
		},
		Application: newLaravel(t, server.environment()),
	})
}

func TestRedisCluster(t *testing.T) {
	t.Parallel()
	server := startRedis(t, "cluster-enabled yes", "cluster-require-full-coverage yes")
	if err := server.client(t, "").Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	await(t, "the cluster is up", server.process, func() error {
		return server.client(t, "").Set(t.Context(), "up", 1, 0).Err()
	})
	lines := []string{"REDIS_HOST=127.0.0.1", "REDIS_PORT=" + portOf(server)}
	conformance.Run(t, conformance.Subject{
		Open: func(t *testing.T, _ time.Duration) backlog.Driver {
			return openRedis(t, protocol.ProbeConfig{}, lines...)
		},
		// Laravel 8 leaves the braces to the application.
		Application: tagging{newLaravel(t, append(lines, "CACHE_DRIVER=array"))},
	})
}

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	testDatabase(t, thePostgreSQL(t))
}

func TestMariaDB(t *testing.T) {
	t.Parallel()
	testDatabase(t, theMariaDB(t))
}

func testDatabase(t *testing.T, server *sqlServer) {
	conformance.Run(t, conformance.Subject{
		Open: func(t *testing.T, retryAfter time.Duration) backlog.Driver {
			return openDatabase(t, protocol.ProbeConfig{RetryAfterSeconds: int64(retryAfter.Seconds())}, server.environment()...)
		},
		Application: newLaravel(t, append(append(server.environment(), theRedis(t).environment()...),
			"QUEUE_CONNECTION=database", "QUEUE_FAILED_DRIVER=database-uuids")),
		TellsFailed: true, TellsAge: true,
	})
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	server := theRedis(t)
	endpoint := httptest.NewServer(newEndpoint(server.client(t, canary), "token-"+canary))
	t.Cleanup(endpoint.Close)
	conformance.Run(t, conformance.Subject{
		Open: func(t *testing.T, _ time.Duration) backlog.Driver {
			config := protocol.ProbeConfig{HTTP: &protocol.HTTPBackend{URL: endpoint.URL + "/backlog"}}
			driver, err := http.Open(config, environment([]string{"BACKLOG_TOKEN=token-" + canary}, nil))
			if err != nil {
				t.Fatal(err)
			}
			return driver
		},
		Application: newLaravel(t, server.environment()),
	})
}
