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
	// KB and 11,507 elements. The answer to a script has 13 elements.
	answerBytes    = 1 << 20
	answerElements = 32 << 10
	scriptBytes    = 1 << 10
	scriptElements = 16
	// maxNodes is the maximum number of servers of a cluster that the driver keeps a
	// client for. Redis recommends at most 1,000 servers.
	maxNodes = 1000
	// nodeBuffer is the size of each buffer of a connection to a server of a cluster, in
	// bytes.
	nodeBuffer = 4 << 10
)

// dial connects to a server, under the guard.
func (d *Driver) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	connect := dialer.DialContext
	if d.settings.TLS {
		connect = (&tls.Dialer{NetDialer: dialer, Config: &tls.Config{
			ServerName: d.settings.ServerName, MinVersion: tls.VersionTLS12,
			InsecureSkipVerify: d.settings.InsecureSkipVerify, // the user asked for it
		}}).DialContext
	}
	conn, err := connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return d.guard.Watch(conn, &replies{guard: d.guard}), nil
}

// clusterClient returns a client that finds the other servers of a cluster by asking the
// server in the settings.
func (d *Driver) clusterClient() *redis.ClusterClient {
	o := d.options()
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
			if d.nodes.Add(1) <= maxNodes {
				return redis.NewClient(node)
			}
			_ = d.guard.Refuse("named more than %d servers of its cluster", maxNodes)
			return none
		},
		ReadBufferSize: nodeBuffer, WriteBufferSize: nodeBuffer,
		Protocol: o.Protocol, DisableIdentity: true, MaintNotificationsConfig: o.MaintNotificationsConfig,
		PoolSize: o.PoolSize, MaxRetries: o.MaxRetries, DialerRetries: o.DialerRetries,
		DialTimeout: o.DialTimeout, ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, ContextTimeoutEnabled: true,
	})
}

// forgetNodes starts again from the server in the settings after a cluster has named too
// many servers. Even an honest cluster names too many over time, as its servers are
// replaced.
func (d *Driver) forgetNodes() {
	if d.nodes.Load() > maxNodes {
		d.server = ""
		_ = d.change(d.cluster)
	}
}
