// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/settings"
)

// Server is a Redis server or cluster. Calls to it must not overlap.
type Server struct {
	settings settings.Redis
	// runtime is the runtime whose jobs are counted, for messages.
	runtime string
	client  redis.UniversalClient
	// version is the server's name and version, such as "Redis 7.0.15"; empty until the
	// probe has asked on the present connection.
	version string
	cluster bool
	// guard bounds what the servers may send. nodes counts the clients that the cluster
	// client has created, one for each server that the cluster has named.
	guard *backlog.Guard
	nodes atomic.Int64
}

// New returns a server, which is connected to when a measurement begins. runtime is the
// name of the runtime whose jobs it holds.
func New(s settings.Redis, runtime string) *Server {
	logging.Disable() // only Begin and Run report a failed connection
	server := &Server{settings: s, runtime: runtime, guard: backlog.NewGuard("Redis at " + s.Address)}
	server.client = redis.NewClient(server.options())
	return server
}

func (s *Server) options() *redis.Options {
	return &redis.Options{
		Network: s.settings.Network, Addr: s.settings.Address, Dialer: s.dial,
		Username: s.settings.Username, Password: s.settings.Password, DB: s.settings.Database,
		// Older servers and proxies understand these options too.
		Protocol: 2, DisableIdentity: true, ClientName: "",
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		PoolSize:                 1, MaxRetries: 1, DialerRetries: 1,
		DialTimeout: dialTimeout, ReadTimeout: 3 * time.Second, WriteTimeout: 3 * time.Second, ContextTimeoutEnabled: true,
	}
}

// Close closes the connections.
func (s *Server) Close() error { return s.client.Close() }

// Describe says in words what the server is, as far as is known, without any secret.
func (s *Server) Describe() string {
	version := s.version
	if version == "" {
		version = "Redis"
	}
	return fmt.Sprintf("%s at %s, database %d", version, s.settings.Address, s.settings.Database)
}

// Cluster reports whether the server belongs to a cluster. It is known after Begin.
func (s *Server) Cluster() bool { return s.cluster }

// Clean makes a text of the server fit to be shown.
func (s *Server) Clean(text string) string { return s.settings.Secrets.Clean(text) }

// Begin starts a measurement that runs at most so many scripts. On a new connection it
// asks the server what it is. An error is a *backlog.Error.
func (s *Server) Begin(ctx context.Context, scripts int) error {
	s.guard.Begin(ctx, answerBytes+scriptBytes*scripts, answerElements+scriptElements*scripts)
	if s.version == "" {
		if err := s.greet(ctx); err != nil {
			return s.explain(ctx, err)
		}
	}
	return nil
}

// End ends a measurement. It starts again from the server in the settings after a cluster
// has named too many servers. Even an honest cluster names too many over time, as its
// servers are replaced.
func (s *Server) End() {
	if s.nodes.Load() > maxNodes {
		s.version = ""
		_ = s.change(s.cluster)
	}
}

// greet asks the server what it is, once after each lost connection.
func (s *Server) greet(ctx context.Context) error {
	text, err := s.client.Info(ctx, "server").Result()
	if forbidden(err) { // only INFO needs this permission
		text, err = "", nil
	}
	if err != nil {
		return err
	}
	facts := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
			facts[name] = value
		}
	}
	switch {
	case facts["valkey_version"] != "":
		s.version = "Valkey " + s.Clean(facts["valkey_version"])
	case facts["redis_version"] != "":
		s.version = "Redis " + s.Clean(facts["redis_version"])
	default:
		s.version = "Redis"
	}
	if cluster := facts["redis_mode"] == "cluster"; cluster != s.cluster {
		return s.change(cluster)
	}
	return nil
}

// change replaces the client by one for a cluster or for a single server.
func (s *Server) change(cluster bool) error {
	var old io.Closer = s.client
	s.cluster = cluster
	s.nodes.Store(0)
	if cluster {
		s.client = s.clusterClient()
	} else {
		s.client = redis.NewClient(s.options())
	}
	return old.Close()
}
