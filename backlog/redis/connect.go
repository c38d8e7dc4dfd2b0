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
	// A measurement may receive so many bytes and elements on all connections together:
	// the answers to INFO, COMMAND and CLUSTER SLOTS, and the answer to each script. Redis
	// 7.0 answers COMMAND with 90 KB and 11,507 elements, and a script has 13.
	answerBytes    = 1 << 20
	answerElements = 32 << 10
	scriptBytes    = 1 << 10
	scriptElements = 16
	// maxNodes is how many servers of a cluster the driver keeps a client for. Redis
	// recommends at most 1,000 servers.
	maxNodes = 1000
	// nodeBuffer is the size of each buffer of a connection in a cluster, in bytes.
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

// clusterClient returns a client that finds the other servers of a cluster from the known
// one.
func (d *Driver) clusterClient() *redis.ClusterClient {
	o := d.options()
	// It stands for each server above maxNodes.
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

// forgetNodes begins with the known server again after a cluster has named too many. A
// cluster of which more and more servers were replaced has named them all.
func (d *Driver) forgetNodes() {
	if d.nodes.Load() > maxNodes {
		d.server = ""
		_ = d.change(d.cluster)
	}
}
