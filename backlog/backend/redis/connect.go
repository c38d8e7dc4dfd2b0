// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	dialTimeout = 2 * time.Second
	// A measurement may receive answerBytes and answerElements, and scriptBytes and
	// scriptElements for each script, on all connections together. The first two are for
	// the answers to INFO, COMMAND and CLUSTER SLOTS. Redis 7.0 answers COMMAND with 90
	// KB and 11,507 elements. Laravel's script answers with 13 elements.
	answerBytes    = 1 << 20
	answerElements = 32 << 10
	scriptBytes    = 1 << 10
	scriptElements = 16
	// maxNodes is the maximum number of servers of a cluster that the probe keeps a
	// client for. Redis recommends at most 1,000 servers.
	maxNodes = 1000
	// nodeBuffer is the size of each buffer of a connection to a server of a cluster, in
	// bytes.
	nodeBuffer = 4 << 10
)

// dial connects to a server, under the guard.
func (s *Server) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	connect := dialer.DialContext
	if s.settings.TLS {
		connect = (&tls.Dialer{NetDialer: dialer, Config: &tls.Config{
			ServerName: s.settings.ServerName, MinVersion: tls.VersionTLS12,
			InsecureSkipVerify: s.settings.InsecureSkipVerify, // the user asked for it
		}}).DialContext
	}
	conn, err := connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return s.guard.Watch(conn, &replies{guard: s.guard}), nil
}

// clusterClient returns a client that finds the other servers of a cluster by asking the
// server in the settings.
func (s *Server) clusterClient() *redis.ClusterClient {
	o := s.options()
	// none takes the place of every client above maxNodes.
	none := redis.NewClient(&redis.Options{
		Addr: o.Addr, MaxRetries: -1, DialerRetries: 1, MaintNotificationsConfig: o.MaintNotificationsConfig,
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("the cluster has too many servers")
		},
	})
	return redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{o.Addr}, Username: o.Username, Password: o.Password, Dialer: o.Dialer,
		NewClient: func(node *redis.Options) *redis.Client {
			if s.nodes.Add(1) <= maxNodes {
				return redis.NewClient(node)
			}
			_ = s.guard.Refuse("named more than %d servers of its cluster", maxNodes)
			return none
		},
		ReadBufferSize: nodeBuffer, WriteBufferSize: nodeBuffer,
		Protocol: o.Protocol, DisableIdentity: true, MaintNotificationsConfig: o.MaintNotificationsConfig,
		PoolSize: o.PoolSize, MaxRetries: o.MaxRetries, DialerRetries: o.DialerRetries,
		DialTimeout: o.DialTimeout, ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, ContextTimeoutEnabled: true,
	})
}
