// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// TestAbsurdTimeoutsAreNone: a number that does not fit into an integer must not become
// one.
func TestAbsurdTimeoutsAreNone(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	for i, payload := range []string{`{"timeout":1e300}`, `{"timeout":-5}`, `{"timeout":0}`, `{"timeout":"60"}`, `{"timeout":[]}`, `{"timeout":99}`} {
		if err := server.client(t, "").RPush(t.Context(), "queues:absurd", payload).Err(); err != nil {
			t.Fatal(err)
		}
		driver := openRedis(t, protocol.ProbeConfig{}, "REDIS_HOST=127.0.0.1", "REDIS_PREFIX=", "REDIS_PORT="+portOf(server))
		depths, err := driver.Measure(t.Context(), backlog.Request{Queues: []backlog.Queue{{Name: "absurd"}}, Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if got := depths[0].MaxTimeoutSeconds; i < 5 && got != nil || i == 5 && (got == nil || *got != 99) {
			t.Errorf("after %s the longest timeout is %v", payload, got)
		}
		if err := driver.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestTheWaitIsNeverSaidToBeLongerThanItIs stores payloads as newer Laravels write them,
// which Debian does not have: 12.11 and later, and Horizon.
func TestTheWaitIsNeverSaidToBeLongerThanItIs(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	client := server.client(t, "")
	now := time.Now()
	at := func(seconds int64) int64 { return now.Unix() + seconds }
	type set map[int64]string
	for name, tc := range map[string]struct {
		list              []string
		delayed, reserved set
		want              float64 // in seconds; -1: not reported
	}{
		"a job since it was dispatched":     {list: []string{fmt.Sprintf(`{"createdAt":%d,"delay":null}`, at(-40))}, want: 40},
		"one of Horizon":                    {list: []string{fmt.Sprintf(`{"pushedAt":"%d.25"}`, at(-40))}, want: 39.75},
		"a delayed one since it was due":    {list: []string{fmt.Sprintf(`{"createdAt":%d,"delay":30}`, at(-40))}, want: 10},
		"a retried one does not tell":       {list: []string{fmt.Sprintf(`{"createdAt":%d,"attempts":1}`, at(-4000))}, want: -1},
		"but the next one does":             {list: []string{fmt.Sprintf(`{"createdAt":%d,"attempts":1}`, at(-4000)), fmt.Sprintf(`{"createdAt":%d,"attempts":0}`, at(-7))}, want: 7},
		"a delay that is no number":         {list: []string{fmt.Sprintf(`{"createdAt":%d,"delay":{"y":1}}`, at(-40))}, want: -1},
		"an old one tells nothing":          {list: []string{`{"id":"a","attempts":0}`}, want: -1},
		"one that is no JSON tells nothing": {list: []string{"\x80not json", "[]", "1"}, want: -1},
		"one of a clock that is ahead":      {list: []string{fmt.Sprintf(`{"createdAt":%d}`, at(50))}, want: 0},
		"a due one since its time":          {delayed: set{at(-12): fmt.Sprintf(`{"createdAt":%d}`, at(-4000)), at(90): "b"}, want: 12},
		"an abandoned one since its time":   {reserved: set{at(-9): "a", at(60): "b"}, want: 9},
		"the one that waited longest":       {list: []string{fmt.Sprintf(`{"createdAt":%d}`, at(-3))}, delayed: set{at(-5): "a"}, reserved: set{at(-4): "b"}, want: 5},
		"one that is due since 1970":        {delayed: set{0: "a"}, want: backlog.MaxSeconds},
		"one that is due in milliseconds":   {delayed: set{at(0) * 1000: "a"}, want: -1},
		"a delayed one does not wait":       {delayed: set{at(90): "b"}, reserved: set{at(60): "b"}, want: -1},
	} {
		t.Run(name, func(t *testing.T) {
			key := "queues:" + name
			_, err := client.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
				for _, payload := range tc.list {
					pipe.RPush(t.Context(), key, payload)
				}
				for score, payload := range tc.delayed {
					pipe.ZAdd(t.Context(), key+":delayed", redis.Z{Score: float64(score), Member: payload})
				}
				for score, payload := range tc.reserved {
					pipe.ZAdd(t.Context(), key+":reserved", redis.Z{Score: float64(score), Member: payload})
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			driver := openRedis(t, protocol.ProbeConfig{}, "REDIS_HOST=127.0.0.1", "REDIS_PREFIX=", "REDIS_PORT="+portOf(server))
			defer func() { _ = driver.Close() }()
			depths, err := driver.Measure(t.Context(), backlog.Request{Queues: []backlog.Queue{{Name: name}}, Now: time.Unix(now.Unix(), 0)})
			if err != nil {
				t.Fatal(err)
			}
			got := -1.0
			if depths[0].OldestSeconds != nil {
				got = *depths[0].OldestSeconds
			}
			if next := depths[0].NextDueSeconds; next != nil && *next > backlog.MaxSeconds {
				t.Errorf("the next job is due in %g s", *next)
			}
			if got != tc.want {
				t.Errorf("the oldest job is said to have waited %g s; want %g (%+v)", got, tc.want, depths[0])
			}
		})
	}
}
