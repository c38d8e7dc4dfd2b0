// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"queueworker.dev/queueworker/backlog/conformance"
)

// endpoint is what a user would write for their own backend, here for Laravel's queues in
// Redis. It uses only docs/backlog-http.md and none of the probe's code.
type endpoint struct {
	client *redis.Client
	token  string
	mutex  sync.Mutex
	seen   map[string]time.Time // when a queue was first found not empty
}

func newEndpoint(client *redis.Client, token string) *endpoint {
	return &endpoint{client: client, token: token, seen: map[string]time.Time{}}
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+e.token {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	var question struct {
		Queues []struct {
			Queue       string
			SoonSeconds float64
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&question); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answers := []map[string]any{}
	for _, queue := range question.Queues {
		answer, err := e.measure(r, queue.Queue, queue.SoonSeconds)
		if err != nil {
			answer = map[string]any{"error": err.Error()}
		}
		answer["queue"] = queue.Queue
		answers = append(answers, answer)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"queues": answers})
}

func (e *endpoint) measure(r *http.Request, queue string, soon float64) (map[string]any, error) {
	key := "laravel_database_queues:" + queue
	now := time.Now()
	second := strconv.FormatInt(now.Unix(), 10)
	var list *redis.StringSliceCmd
	var delayed, reserved *redis.ZSliceCmd
	if _, err := e.client.Pipelined(r.Context(), func(pipe redis.Pipeliner) error {
		list = pipe.LRange(r.Context(), key, 0, -1)
		delayed = pipe.ZRangeWithScores(r.Context(), key+":delayed", 0, -1)
		reserved = pipe.ZRangeWithScores(r.Context(), key+":reserved", 0, -1)
		return nil
	}); err != nil {
		return nil, err
	}
	ready, late, taken, dueSoon := len(list.Val()), 0, 0, 0
	oldest, next := 0.0, 0.0
	for _, set := range []*redis.ZSliceCmd{delayed, reserved} {
		for _, job := range set.Val() {
			away := job.Score - float64(now.UnixMilli())/1000
			switch {
			case strconv.FormatFloat(job.Score, 'f', 0, 64) <= second:
				ready, oldest = ready+1, max(oldest, -away)
				continue
			case set == delayed:
				late++
				if away <= soon {
					dueSoon++
				}
			default:
				taken++
			}
			if next == 0 || away < next {
				next = away
			}
		}
	}
	answer := map[string]any{"ready": ready, "delayed": late, "reserved": taken, "dueSoon": dueSoon}
	if age := max(oldest, e.age(queue, len(list.Val()) > 0, now)); ready > 0 {
		answer["oldestSeconds"] = age
	}
	if next > 0 {
		answer["nextDueSeconds"] = next
	}
	if longest := longestTimeout(list.Val()); longest > 0 {
		answer["maxTimeoutSeconds"] = longest
	}
	return answer, nil
}

func (e *endpoint) age(queue string, waiting bool, now time.Time) float64 {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if !waiting {
		delete(e.seen, queue)
		return 0
	}
	if _, found := e.seen[queue]; !found {
		e.seen[queue] = now
	}
	return now.Sub(e.seen[queue]).Seconds()
}

func longestTimeout(payloads []string) int {
	longest := 0
	for _, payload := range payloads {
		var job struct{ Timeout int }
		if json.Unmarshal([]byte(payload), &job) == nil {
			longest = max(longest, job.Timeout)
		}
	}
	return longest
}

// tagging is an application that puts braces around the names of its queues. Laravel
// itself does that from 13.5 on if Redis is a cluster.
type tagging struct{ *laravel }

func tag(queue string) string {
	if strings.Contains(queue, "{") {
		return queue
	}
	return "{" + queue + "}"
}

func (a tagging) Dispatch(t *testing.T, jobs conformance.Jobs) {
	t.Helper()
	jobs.Queue = tag(jobs.Queue)
	a.laravel.Dispatch(t, jobs)
}

func (a tagging) Work(t *testing.T, retryAfter time.Duration, queue string, arguments ...string) {
	t.Helper()
	a.laravel.Work(t, retryAfter, tag(queue), arguments...)
}

func (a tagging) Start(t *testing.T, retryAfter time.Duration, queue string) func() {
	t.Helper()
	return a.laravel.Start(t, retryAfter, tag(queue))
}

func portOf(s *redisServer) string { return strconv.Itoa(s.port) }
