// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

func TestParse(t *testing.T) {
	asked := []backlog.Queue{{Name: "b", Soon: time.Second}, {Name: "a"}}
	got, err := parse([]byte(`{"queues":[
		{"queue":"a","ready":0,"oldestSeconds":5,"dueSoon":1},
		{"queue":"extra","ready":9},
		{"queue":"b","ready":3,"delayed":2,"reserved":1,"dueSoon":1,"oldestSeconds":1.5,"nextDueSeconds":0,"failed":0,"maxTimeoutSeconds":60}]}`), asked)
	if err != nil {
		t.Fatal(err)
	}
	want := []protocol.QueueDepth{
		{
			Queue: "b", Ready: 3, Delayed: 2, Reserved: 1, DueSoon: 1, OldestSeconds: new(1.5), NextDueSeconds: new(0.0),
			Failed: new(int64(0)), MaxTimeoutSeconds: new(int64(60)),
		},
		{Queue: "a"}, // nothing is old if nothing is ready
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("depths (-want +got):\n%s", diff)
	}
}

// TestTheDocumentedAnswersAreUnderstood parses the examples in the document that users
// follow when they write an endpoint.
func TestTheDocumentedAnswersAreUnderstood(t *testing.T) {
	text, err := os.ReadFile("../../../docs/backlog-http.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	answers := 0
	for _, example := range examples {
		if strings.Contains(example[1], "soonSeconds") {
			continue // a request
		}
		answers++
		depths, err := parse([]byte(example[1]), []backlog.Queue{{Name: "emails"}, {Name: "reports"}})
		if err != nil || len(depths) != 2 || depths[0].Reason != "" {
			t.Errorf("%v, %+v for\n%s", err, depths, example[1])
		}
	}
	if answers == 0 {
		t.Error("docs/backlog-http.md shows no answer")
	}
	for _, field := range []string{"queue", "ready", "delayed", "reserved", "dueSoon", "oldestSeconds", "nextDueSeconds", "failed", "maxTimeoutSeconds", "error", "soonSeconds"} {
		if !strings.Contains(string(text), "`"+field+"`") {
			t.Errorf("docs/backlog-http.md does not explain %s", field)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"queues":[{"queue":"a","ready":3,"oldestSeconds":1.5}]}`))
	f.Add([]byte(`{"queues":[{"queue":"a","error":"x"},{"queue":"a","ready":1}]}`))
	f.Add([]byte(`{"queues":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		depths, err := parse(body, []backlog.Queue{{Name: "a", Soon: time.Minute}, {Name: "b"}})
		if err != nil {
			return
		}
		if len(depths) != 2 || depths[0].Queue != "a" || depths[1].Queue != "b" {
			t.Fatalf("%+v", depths)
		}
		for _, d := range depths {
			if min(d.Ready, d.Delayed, d.Reserved, d.DueSoon) < 0 || absurd(d.OldestSeconds) || absurd(d.NextDueSeconds) {
				t.Errorf("%+v was let through", d)
			}
		}
	})
}

// TestAnAnswerOfManyElementsIsNotDecoded parses answers of the maximum size. A decoder
// would build each element before the answer is refused, and the probe's memory limit is
// 96 MiB.
func TestAnAnswerOfManyElementsIsNotDecoded(t *testing.T) {
	fill := func(element string) []byte {
		count := (protocol.MaxBacklogBytes - 64) / (len(element) + 1)
		return []byte(`{"queues":[` + strings.Repeat(element+",", count) + element + `]}`)
	}
	for name, body := range map[string][]byte{
		"empty queues": fill("{}"),
		"numbers":      fill("1"),
		"named queues": fill(`{"queue":"a","ready":1}`),
		"other lists":  []byte(strings.Replace(string(fill("[]")), "queues", "others", 1)),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := parse(body, []backlog.Queue{{Name: "a"}})
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), "more values") {
				t.Errorf("%d bytes are answered with %v", len(body), err)
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 1<<20 {
				t.Errorf("%d bytes were allocated for %d", allocated, len(body))
			}
		})
	}
}

// TestTheLargestHonestAnswerIsUnderstood parses an answer with every field of as many
// queues as one request may name.
func TestTheLargestHonestAnswerIsUnderstood(t *testing.T) {
	var asked []backlog.Queue
	var queues []string
	for i := range protocol.MaxBacklogQueues {
		name := fmt.Sprintf("queue-%04d,with,commas", i)
		asked = append(asked, backlog.Queue{Name: name})
		queues = append(queues, fmt.Sprintf(`{"queue":%q,"ready":1,"delayed":2,"reserved":3,"dueSoon":4,"oldestSeconds":5,"nextDueSeconds":6,"failed":7,"maxTimeoutSeconds":8,"error":""}`, name))
	}
	depths, err := parse([]byte(`{"queues":[`+strings.Join(queues, ",")+`]}`), asked)
	if err != nil || len(depths) != len(asked) || depths[len(asked)-1].Ready != 1 {
		t.Errorf("%d depths of %d: %v", len(depths), len(asked), err)
	}
}
