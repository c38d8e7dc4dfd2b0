// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"os"
	"regexp"
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
	text, err := os.ReadFile("../../docs/backlog-http.md")
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
