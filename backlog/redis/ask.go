// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"crypto/sha1" // Redis names scripts so
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
	sum := sha1.Sum([]byte(script)) // Redis names scripts so
	return hex.EncodeToString(sum[:])
}()

const (
	// looks is how many of the first ready jobs are looked at for one that tells since
	// when it has waited.
	looks = 3
	// samples is how many ready and how many delayed jobs are looked at for their
	// timeout, sampleEvery how often, and maxSampled in how many queues at once.
	samples     = 10
	sampleEvery = time.Minute
	maxSampled  = 50
	// longest is the length in bytes of a payload above which it is not looked at.
	longest = 64 << 10
)

// memory is what is remembered of a queue.
type memory struct {
	// timeout is the longest of the jobs sampled at the time sampled.
	timeout *int64
	sampled time.Time
	// head is the first ready job, seen there first at since.
	head  string
	since time.Time
}

// question is one script to be run: one queue behind one prefix.
type question struct {
	queue     backlog.Queue
	candidate int // index of the prefix
	keys      []string
	arguments []any
	sampling  bool
	command   *redis.Cmd
}

// questions lists the scripts of a measurement: for each prefix all queues.
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

// dueForSample names the queues whose payloads are looked at this time, and forgets
// queues that are no longer asked for.
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

// keys are those of a queue: ready, delayed, reserved. In a cluster they must lie on
// one server, which the braces see to unless the name has some of its own.
func keys(prefix, queue string, cluster bool) []string {
	if cluster && !tagged(queue) {
		queue = "{" + queue + "}"
	}
	base := prefix + "queues:" + queue
	return []string{base, base + ":delayed", base + ":reserved"}
}

// tagged tells whether a name has a hash tag: something between braces.
func tagged(queue string) bool {
	_, after, found := strings.Cut(queue, "{")
	return found && strings.Index(after, "}") > 0
}

// ask runs scripts in one round trip and leaves each answer in its question. The
// first one carries the script's text, which makes its name known for the rest; in a
// cluster each does, because they go to different servers.
func (d *Driver) ask(ctx context.Context, questions []question) error {
	if err := d.send(ctx, questions, d.cluster); err != nil {
		return err
	}
	for i := range questions {
		if err := questions[i].command.Err(); err != nil && strings.Contains(err.Error(), "NOSCRIPT") {
			return d.send(ctx, questions, true) // the first was refused before its text was kept
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
