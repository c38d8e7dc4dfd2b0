// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/backend/redis"
)

//go:embed measure.lua
var text string

var script = redis.NewScript(text)

const (
	// looks is the number of first ready jobs among which the script looks for a job that
	// says when it was dispatched.
	looks = 3
	// samples is the number of ready and of delayed jobs whose timeouts are read,
	// sampleEvery is how often, and maxSampled in how many queues at once.
	samples     = 10
	sampleEvery = time.Minute
	maxSampled  = 50
	// longest is the length in bytes above which a payload is not read.
	longest = 64 << 10
)

// Driver measures Laravel's queues in Redis; it implements backlog.Driver.
type Driver struct {
	server *redis.Server
	prefix prefixChoice
	// memory holds what the driver remembers about each queue between measurements.
	memory map[string]*memory
}

// New returns a driver of the queues in a server. prefixes are what the application may
// put in front of its keys.
func New(server *redis.Server, prefixes []string) *Driver {
	return &Driver{server: server, prefix: prefixChoice{candidates: prefixes}, memory: map[string]*memory{}}
}

// Close implements backlog.Driver.
func (d *Driver) Close() error { return d.server.Close() }

// Describe implements backlog.Driver.
func (d *Driver) Describe() string {
	return fmt.Sprintf("%s, %s", d.server.Describe(), d.prefix.describe())
}

// Measure implements backlog.Driver.
func (d *Driver) Measure(ctx context.Context, request backlog.Request) ([]protocol.QueueDepth, error) {
	defer d.server.End()
	if err := d.server.Begin(ctx, len(d.prefix.asked())*len(request.Queues)); err != nil {
		return nil, err
	}
	questions := d.questions(request)
	calls := make([]*redis.Call, 0, len(questions))
	for i := range questions {
		calls = append(calls, &questions[i].call)
	}
	if err := d.server.Run(ctx, script, calls); err != nil {
		return nil, err
	}
	return d.depths(request, questions)
}

// memory is what the driver remembers about a queue.
type memory struct {
	// timeout is the longest timeout of the jobs that were sampled at sampled.
	timeout *int64
	sampled time.Time
	// head names the first ready job, which was first seen there at since.
	head  string
	since time.Time
}

// question is one run of the script: one queue under one prefix.
type question struct {
	queue     backlog.Queue
	candidate int // index of the prefix
	call      redis.Call
	sampling  bool
}

// questions returns the script runs of a measurement: every queue under each prefix.
func (d *Driver) questions(request backlog.Request) []question {
	due := d.dueForSample(request)
	candidates := d.prefix.asked()
	list := make([]question, 0, len(candidates)*len(request.Queues))
	for _, candidate := range candidates {
		for _, queue := range request.Queues {
			q := question{queue: queue, candidate: candidate, sampling: due[queue.Name]}
			q.call.Keys = keys(d.prefix.candidates[candidate], queue.Name, d.server.Cluster())
			sampled := 0
			if q.sampling {
				sampled = samples
			}
			q.call.Arguments = []any{request.Second(), int64(queue.Soon / time.Second), looks, sampled, longest}
			list = append(list, q)
		}
	}
	return list
}

// dueForSample returns the queues whose payloads are sampled this time, and drops queues
// that are no longer requested.
func (d *Driver) dueForSample(request backlog.Request) map[string]bool {
	kept := make(map[string]*memory, len(request.Queues))
	due := map[string]bool{}
	for _, queue := range request.Queues {
		m := d.memory[queue.Name]
		if m == nil {
			m = &memory{}
		}
		kept[queue.Name] = m
		if len(due) < maxSampled && request.Now.Sub(m.sampled) >= sampleEvery {
			due[queue.Name] = true
		}
	}
	d.memory = kept
	return due
}

// keys returns the keys of a queue: ready, delayed, reserved. In a cluster they must be
// on one server, which the braces ensure. A name that has a hash tag already needs no
// braces.
func keys(prefix, queue string, cluster bool) []string {
	if cluster && !tagged(queue) {
		queue = "{" + queue + "}"
	}
	base := prefix + "queues:" + queue
	return []string{base, base + ":delayed", base + ":reserved"}
}

// tagged reports whether a name has a hash tag: text between braces.
func tagged(queue string) bool {
	_, after, found := strings.Cut(queue, "{")
	return found && strings.Index(after, "}") > 0
}
