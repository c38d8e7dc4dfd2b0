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

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/settings"
)

// maxBatch is the number of scripts sent in one round trip. It bounds the memory that the
// server and the probe need.
const maxBatch = 1000

// Driver measures queues in Redis; it implements backlog.Driver.
type Driver struct {
	settings settings.Redis
	client   redis.UniversalClient
	// server is the server's name and version, such as "Redis 7.0.15"; empty until the
	// driver has asked on the present connection.
	server  string
	cluster bool
	prefix  prefixChoice
	// memory holds what the driver remembers about each queue between measurements.
	memory map[string]*memory
	// guard bounds what the servers may send. nodes counts the clients that the cluster
	// client has created, one for each server that the cluster has named.
	guard *backlog.Guard
	nodes atomic.Int64
}

// New returns a driver, which connects when it measures.
func New(s settings.Redis) *Driver {
	logging.Disable() // only Measure reports a failed connection
	d := &Driver{
		settings: s, prefix: prefixChoice{candidates: s.Prefixes}, memory: map[string]*memory{},
		guard: backlog.NewGuard("Redis at " + s.Address),
	}
	d.client = redis.NewClient(d.options())
	return d
}

func (d *Driver) options() *redis.Options {
	return &redis.Options{
		Network: d.settings.Network, Addr: d.settings.Address, Dialer: d.dial,
		Username: d.settings.Username, Password: d.settings.Password, DB: d.settings.Database,
		// These options are what older servers and proxies understand too.
		Protocol: 2, DisableIdentity: true, ClientName: "",
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		PoolSize:                 1, MaxRetries: 1, DialerRetries: 1,
		DialTimeout: dialTimeout, ReadTimeout: 3 * time.Second, WriteTimeout: 3 * time.Second, ContextTimeoutEnabled: true,
	}
}

// Close implements backlog.Driver.
func (d *Driver) Close() error { return d.client.Close() }

// Describe implements backlog.Driver.
func (d *Driver) Describe() string {
	server := d.server
	if server == "" {
		server = "Redis"
	}
	return fmt.Sprintf("%s at %s, database %d, %s", server, d.settings.Address, d.settings.Database, d.prefix.describe())
}

// Measure implements backlog.Driver.
func (d *Driver) Measure(ctx context.Context, request backlog.Request) ([]protocol.QueueDepth, error) {
	defer d.forgetNodes()
	scripts := len(d.prefix.asked()) * len(request.Queues)
	d.guard.Begin(ctx, answerBytes+scriptBytes*scripts, answerElements+scriptElements*scripts)
	if d.server == "" {
		if err := d.greet(ctx); err != nil {
			return nil, d.explain(ctx, err)
		}
	}
	questions := d.questions(request)
	for start := 0; start < len(questions); start += maxBatch {
		if err := d.ask(ctx, questions[start:min(start+maxBatch, len(questions))]); err != nil {
			d.server = "" // another server may answer next
			return nil, d.explain(ctx, err)
		}
	}
	return d.depths(request, questions)
}

// greet asks the server what it is, once after each lost connection.
func (d *Driver) greet(ctx context.Context) error {
	text, err := d.client.Info(ctx, "server").Result()
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
		d.server = "Valkey " + d.settings.Secrets.Clean(facts["valkey_version"])
	case facts["redis_version"] != "":
		d.server = "Redis " + d.settings.Secrets.Clean(facts["redis_version"])
	default:
		d.server = "Redis"
	}
	if cluster := facts["redis_mode"] == "cluster"; cluster != d.cluster {
		return d.change(cluster)
	}
	return nil
}

// change replaces the client by one for a cluster or for a single server.
func (d *Driver) change(cluster bool) error {
	var old io.Closer = d.client
	d.cluster = cluster
	d.nodes.Store(0)
	if cluster {
		d.client = d.clusterClient()
	} else {
		d.client = redis.NewClient(d.options())
	}
	return old.Close()
}
