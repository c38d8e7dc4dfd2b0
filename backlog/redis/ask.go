// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"crypto/sha1" // Redis names scripts by their SHA-1
	_ "embed"
	"encoding/hex"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"queueworker.dev/queueworker/backlog"
)

//go:embed measure.lua
var script string

var scriptName = func() string {
	sum := sha1.Sum([]byte(script)) // Redis names scripts by their SHA-1
	return hex.EncodeToString(sum[:])
}()

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
	keys      []string
	arguments []any
	sampling  bool
	command   *redis.Cmd
}

// questions returns the script runs of a measurement: every queue under each prefix.
func (d *Driver) questions(request backlog.Request) []question {
	due := d.dueForSample(request)
	candidates := d.prefix.asked()
	list := make([]question, 0, len(candidates)*len(request.Queues))
	for _, candidate := range candidates {
		for _, queue := range request.Queues {
			q := question{queue: queue, candidate: candidate, sampling: due[queue.Name]}
			q.keys = keys(d.prefix.candidates[candidate], queue.Name, d.cluster)
			sampled := 0
			if q.sampling {
				sampled = samples
			}
			q.arguments = []any{request.Second(), int64(queue.Soon / time.Second), looks, sampled, longest}
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

// ask runs scripts in one round trip and stores each reply in its question. The first
// carries the script's text, so that the server knows its name for the rest. In a cluster
// every question carries it, because they go to different servers.
func (d *Driver) ask(ctx context.Context, questions []question) error {
	if err := d.send(ctx, questions, d.cluster); err != nil {
		return err
	}
	for i := range questions {
		if err := questions[i].command.Err(); err != nil && strings.Contains(err.Error(), "NOSCRIPT") {
			return d.send(ctx, questions, true) // the first was refused before the server kept its text
		}
	}
	return nil
}

func (d *Driver) send(ctx context.Context, questions []question, inFull bool) error {
	_, err := d.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i := range questions {
			q := &questions[i]
			if inFull || i == 0 {
				q.command = pipe.Eval(ctx, script, q.keys, q.arguments...)
			} else {
				q.command = pipe.EvalSha(ctx, scriptName, q.keys, q.arguments...)
			}
		}
		return nil
	})
	if err != nil && !ofOneQueue(err) {
		return err
	}
	for i := range questions {
		if err := questions[i].command.Err(); err != nil && !ofOneQueue(err) {
			return err
		}
	}
	return nil
}
