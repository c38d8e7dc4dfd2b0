// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/api/protocol"
)

func TestTheLongestAnswerFits(t *testing.T) {
	depth := protocol.QueueDepth{
		Ready: 1 << 50, Delayed: 1 << 50, Reserved: 1 << 50, DueSoon: 1 << 50, OldestSeconds: new(1e11 / 3), NextDueSeconds: new(1e11 / 3),
		Failed: new(int64(1 << 50)), MaxTimeoutSeconds: new(int64(1 << 50)),
	}
	request := protocol.BacklogRequest{}
	document := protocol.Backlog{Version: 1, Probe: "v1.2.3", PodUID: strings.Repeat("x", 36), Backend: strings.Repeat("x", 500)}
	for i := range protocol.MaxBacklogQueues {
		depth.Queue = fmt.Sprintf("%0*d", maxNameBytes, i)
		request.Queues = append(request.Queues, depth.Queue)
		document.Queues = append(document.Queues, depth)
	}
	answer, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	if len(answer) > protocol.MaxBacklogBytes {
		t.Errorf("the longest answer has %d bytes; at most %d are allowed", len(answer), protocol.MaxBacklogBytes)
	}
	if asked, err := json.Marshal(request); err != nil || len(asked) > maxRequestBytes+16<<10 {
		t.Errorf("the longest request has %d bytes, %v; up to %d are read", len(asked), err, maxRequestBytes)
	}
}

func TestMetrics(t *testing.T) {
	driver := &fakeDriver{}
	p := New(driver, nil, quietly)
	identity := Identity{Version: "v1", Namespace: "shop", App: "web", Driver: protocol.DriverRedis}
	own := strings.NewReplacer(`namespace="shop",`, "", `queueapp="web",`, "", `,queueapp="web"`, "")
	scrape := func() string {
		recorder := httptest.NewRecorder()
		server := NewServers(p, NewFailed(nil, nil), identity, "").Public // a new server, which holds no shared answer yet
		server.Handler.ServeHTTP(recorder, httptest.NewRequest("GET", protocol.MetricsPath, nil))
		var values []string
		for line := range strings.Lines(recorder.Body.String()) {
			if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, metricSeconds) {
				values = append(values, strings.TrimSpace(own.Replace(line)))
			}
		}
		return strings.Join(values, "\n")
	}
	always := `queueworker_backlog_info{driver="Redis",version="v1"} 1
queueworker_backlog_measurements_total{result="failed"} %d
queueworker_backlog_measurements_total{result="ok"} %d`
	if diff := cmp.Diff(fmt.Sprintf(always, 0, 0), scrape()); diff != "" || driver.measured() != 0 {
		t.Errorf("before anybody asked (-want +got):\n%s", diff)
	}
	p.Answer(t.Context(), ask(0, "mail"))
	info, rest, _ := strings.Cut(fmt.Sprintf(always, 0, 1), "\n")
	want := info + "\n" + `queueworker_backlog_jobs{queue="mail",state="delayed"} 0
queueworker_backlog_jobs{queue="mail",state="ready"} 4
queueworker_backlog_jobs{queue="mail",state="reserved"} 0
` + rest + "\n" + `queueworker_backlog_up{reason=""} 1`
	if diff := cmp.Diff(want, scrape()); diff != "" {
		t.Errorf("after a measurement (-want +got):\n%s", diff)
	}
}

func TestMetricsForgetWhatNobodyAsksFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(&fakeDriver{}, nil, quietly)
		server := NewServers(p, NewFailed(nil, nil), Identity{}, "").Public
		expect := func(queue string, told bool) {
			t.Helper()
			recorder := httptest.NewRecorder()
			server.Handler.ServeHTTP(recorder, httptest.NewRequest("GET", protocol.MetricsPath, nil))
			if text := recorder.Body.String(); strings.Contains(text, `queue="`+queue+`"`) != told {
				t.Errorf("%s is told: %t, want %t:\n%s", queue, !told, told, text)
			}
		}
		p.Answer(t.Context(), ask(0, "former"))
		expect("former", true)
		time.Sleep(5 * time.Second)
		p.Answer(t.Context(), ask(0, "mail"))
		expect("former", false)
		time.Sleep(remembered)
		expect("mail", true)
		time.Sleep(time.Second)
		expect("mail", false)
	})
}

func TestALongNameIsAnsweredAlone(t *testing.T) {
	long := strings.Repeat("n", maxNameBytes+1)
	driver := &fakeDriver{}
	server := serve(t, New(driver, nil, quietly), NewFailed(nil, nil))
	post := func(names ...string) (document protocol.Backlog) {
		body, err := json.Marshal(ask(0, names...))
		if err != nil {
			t.Fatal(err)
		}
		code, answer := server.askAsOperator(t, protocol.BacklogPath, string(body))
		if err := json.Unmarshal([]byte(answer), &document); err != nil || code != 200 {
			t.Fatalf("the status %d: %s", code, answer)
		}
		return document
	}
	tooLong := protocol.QueueDepth{
		Queue: long, Reason: protocol.BacklogMisconfigured,
		Message: "The name of the queue has 256 bytes, and only 255 can be measured: give the queue a shorter name.",
	}
	if diff := cmp.Diff([]protocol.QueueDepth{tooLong}, post(long).Queues); diff != "" || driver.measured() != 0 {
		t.Errorf("alone, after %d measurements (-want +got):\n%s", driver.measured(), diff)
	}
	want := []protocol.QueueDepth{{Queue: "a", Ready: 1}, tooLong, {Queue: "bc", Ready: 2}}
	if diff := cmp.Diff(want, post("a", long, "bc").Queues); diff != "" || driver.last() != "a bc" {
		t.Errorf("among others, %q measured (-want +got):\n%s", driver.last(), diff)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(`{"queues":["a","b"],"soonSeconds":5}`))
	f.Add([]byte(`{"queues":[""]}{}`))
	f.Add([]byte(`{"queues":["\u0000"],"soonSeconds":1e400}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := parseRequest(body)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, name := range request.Queues {
			if name == "" || seen[name] {
				t.Errorf("the queue %q was let through", name)
			}
			seen[name] = true
		}
		if len(seen) == 0 || len(seen) > protocol.MaxBacklogQueues || !(request.SoonSeconds >= 0 && request.SoonSeconds <= maxSoonSeconds) {
			t.Errorf("%+v was let through", request)
		}
	})
}
