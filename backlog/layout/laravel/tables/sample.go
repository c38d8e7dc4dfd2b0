// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"context"
	"database/sql"
	"encoding/json"
	"math"
	"time"

	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/backend/database"
)

const (
	// samples is the number of jobs of a queue whose timeouts are read, sampleEvery is
	// how often, and maxSampled is the number of queues that are sampled at once.
	samples     = 5
	sampleEvery = time.Minute
	maxSampled  = 20
	// longest is the length in bytes above which a payload is not read.
	longest = 16 << 10
)

// sampled is the longest timeout that the last sample of a queue found.
type sampled struct {
	at      time.Time
	timeout *int64
}

// sampler holds the last sample of each queue.
type sampler map[string]sampled

// due returns the queues to sample now and drops queues that are no longer requested.
func (s *sampler) due(request backlog.Request) []backlog.Queue {
	kept := make(sampler, len(request.Queues))
	var due []backlog.Queue
	for _, queue := range request.Queues {
		last := (*s)[queue.Name]
		kept[queue.Name] = last
		if len(due) < maxSampled && request.Now.Sub(last.at) >= sampleEvery {
			due = append(due, queue)
		}
	}
	*s = kept
	return due
}

// sample returns the longest timeout of the jobs of each queue. It leaves out timeouts
// that cannot be read, because they are advice and must not make the counts fail.
func (d *Driver) sample(ctx context.Context, request backlog.Request) map[string]*int64 {
	if due := d.samples.due(request); len(due) > 0 {
		timeouts := make([]*int64, len(due))
		err := d.server.Read(ctx, []database.Query{d.statements.payloads(due)}, func(row *sql.Rows) error {
			var index int
			var payload []byte
			if err := row.Scan(&index, &payload); err != nil {
				return err
			}
			if timeout, ok := timeoutOf(payload); ok && index >= 0 && index < len(due) {
				timeouts[index] = longer(timeouts[index], timeout)
			}
			return nil
		})
		for i, queue := range due {
			if err != nil {
				timeouts[i] = nil
			}
			d.samples[queue.Name] = sampled{at: request.Now, timeout: timeouts[i]}
		}
	}
	all := make(map[string]*int64, len(d.samples))
	for name, s := range d.samples {
		all[name] = s.timeout
	}
	return all
}

func longer(a *int64, b int64) *int64 {
	if a != nil && *a >= b {
		return a
	}
	return &b
}

// timeoutOf returns the timeout in seconds that a job sets for itself. It keeps nothing
// else of the payload.
func timeoutOf(payload []byte) (int64, bool) {
	var job struct {
		Timeout *float64 `json:"timeout"`
	}
	if json.Unmarshal(payload, &job) != nil || job.Timeout == nil {
		return 0, false
	}
	seconds := math.Floor(*job.Timeout)
	if !(seconds >= 1 && seconds <= math.MaxInt32) {
		return 0, false
	}
	return int64(seconds), true
}
