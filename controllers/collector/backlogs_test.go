// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
)

// fakeProbe is an HTTP server that answers as a backlog probe would.
type fakeProbe struct {
	*httptest.Server

	mu      sync.Mutex
	ready   map[string]int64
	trouble protocol.BacklogError
	raw     string
	asked   []protocol.BacklogRequest
}

func newFakeProbe(t *testing.T) *fakeProbe {
	f := &fakeProbe{ready: map[string]int64{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeProbe) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var request protocol.BacklogRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.asked = append(f.asked, request)
	if f.raw != "" {
		_, _ = w.Write([]byte(f.raw))
		return
	}
	answer := protocol.Backlog{Version: protocol.Version, PodUID: "probe-uid", Backend: "a fake", Reason: f.trouble}
	if f.trouble == "" {
		for _, queue := range request.Queues {
			answer.Queues = append(answer.Queues, protocol.QueueDepth{Queue: queue, Ready: f.ready[queue]})
		}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (f *fakeProbe) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeProbe) count() (n int) {
	f.set(func() { n = len(f.asked) })
	return n
}

func (f *fakeProbe) where() Probe {
	return Probe{UID: "probe-uid", Address: f.Listener.Addr().String()}
}

var (
	theApp = types.NamespacedName{Namespace: "ns", Name: "shop"}
	emails = types.NamespacedName{Namespace: "ns", Name: "emails"}
	images = types.NamespacedName{Namespace: "ns", Name: "images"}
)

// follow starts Backlogs that ask often, and returns a function that reads a wake.
func follow(t *testing.T) (*Backlogs, func() types.NamespacedName) {
	t.Helper()
	b := NewBacklogs(BacklogOptions{Interval: 5 * time.Millisecond, QuietInterval: time.Hour})
	done := make(chan error, 1)
	go func() { done <- b.Start(t.Context()) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return b, func() types.NamespacedName {
		select {
		case wake := <-b.Wakes():
			return types.NamespacedName{Namespace: wake.Object.GetNamespace(), Name: wake.Object.GetName()}
		case <-time.After(20 * time.Second):
			t.Fatal("no wake came")
		}
		panic("unreachable")
	}
}

func TestBacklogsAskForAllPoolsAtOnce(t *testing.T) {
	server := newFakeProbe(t)
	server.set(func() { server.ready["high"], server.ready["low"] = 3, 4 })
	b, wake := follow(t)
	b.Use(emails, BacklogUse{App: theApp, Queues: []string{"high", "low"}, Soon: 20 * time.Second})
	b.Use(images, BacklogUse{App: theApp, Queues: []string{"low"}, Soon: 5 * time.Second})
	b.Track(theApp, server.where())

	woken := map[types.NamespacedName]bool{wake(): true, wake(): true}
	if !woken[emails] || !woken[images] {
		t.Errorf("woken are %v, want both pools", woken)
	}
	report, known := b.Use(emails, BacklogUse{App: theApp, Queues: []string{"high", "low"}})
	if !known || report.MeasuredAt.IsZero() || report.Reason != "" || len(report.Queues) != 2 ||
		report.Queues[0].Ready != 3 || report.Queues[1].Ready != 4 {
		t.Errorf("Use() = %+v, %t", report, known)
	}
	server.set(func() {
		want := protocol.BacklogRequest{Queues: []string{"high", "low"}, SoonSeconds: 20}
		if diff := cmp.Diff(want, server.asked[0]); diff != "" {
			t.Errorf("the first question differs (-want +got):\n%s", diff)
		}
	})
}

func TestBacklogsWakeForNewsOnly(t *testing.T) {
	server := newFakeProbe(t)
	b, wake := follow(t)
	b.Use(emails, BacklogUse{App: theApp, Queues: []string{"high"}, Eager: true})
	b.Use(images, BacklogUse{App: theApp, Queues: []string{"low"}})
	b.Track(theApp, server.where())
	wake()
	wake()

	// The first job on an empty queue wakes any pool at once, further jobs only eager
	// pools.
	server.set(func() { server.ready["low"] = 1 })
	if got := wake(); got != images {
		t.Errorf("the first job woke %s, want %s", got, images)
	}
	server.set(func() { server.ready["low"], server.ready["high"] = 2, 1 })
	if got := wake(); got != emails {
		t.Errorf("more jobs woke %s, want only %s", got, emails)
	}
	server.set(func() { server.ready["low"], server.ready["high"] = 3, 2 })
	if got := wake(); got != emails {
		t.Errorf("more jobs woke %s, want only %s", got, emails)
	}
	server.set(func() { server.trouble = protocol.BacklogDenied })
	woken := map[types.NamespacedName]bool{wake(): true, wake(): true}
	if !woken[emails] || !woken[images] {
		t.Errorf("the loss of the backend woke %v, want both", woken)
	}
	report, _ := b.Use(emails, BacklogUse{App: theApp, Queues: []string{"high"}, Eager: true})
	if report.Reason != protocol.BacklogDenied || report.FailingSince.IsZero() || len(report.Queues) != 1 || report.Queues[0].Ready != 2 {
		t.Errorf("Use() = %+v, want the last figures and why there are no newer ones", report)
	}
}

// TestBacklogsTellOfOtherQueues: figures of other queues are no answer.
func TestBacklogsTellOfOtherQueues(t *testing.T) {
	server := newFakeProbe(t)
	b, wake := follow(t)
	b.Use(emails, BacklogUse{App: theApp, Queues: []string{"high"}})
	b.Track(theApp, server.where())
	wake()
	b.Use(emails, BacklogUse{App: theApp, Queues: []string{"low"}})
	wake()
	if report, _ := b.Use(emails, BacklogUse{App: theApp, Queues: []string{"low"}}); report.MeasuredAt.IsZero() {
		t.Errorf("Use() = %+v after the wake, want figures", report)
	}
}

// TestBacklogsAskASilentProbeAgain: less often, but until it answers.
func TestBacklogsAskASilentProbeAgain(t *testing.T) {
	server := newFakeProbe(t)
	server.set(func() { server.raw = "no answer" })
	b, wake := follow(t)
	b.Use(emails, BacklogUse{App: theApp, Queues: []string{"high"}})
	b.Track(theApp, server.where())
	wake() // for the trouble
	server.set(func() { server.raw = "" })
	wake() // it is asked again all the same
	if report, _ := b.Use(emails, BacklogUse{App: theApp, Queues: []string{"high"}}); report.Reason != "" {
		t.Errorf("Use() = %+v, want no trouble", report)
	}
}

func TestBacklogsTrustNoAnswer(t *testing.T) {
	good := `{"version":1,"podUID":"probe-uid","ageSeconds":0,"queues":[{"queue":"high","ready":1,"delayed":0,"reserved":0}]}`
	tests := map[string]struct {
		raw  string
		want string
	}{
		"good":              {good, ""},
		"not JSON":          {"<html>", "cannot be read"},
		"two documents":     {good + good, "more than was asked for|something follows"},
		"unknown field":     {strings.Replace(good, `"delayed"`, `"later"`, 1), "cannot be read"},
		"newer protocol":    {strings.Replace(good, `"version":1`, `"version":99`, 1), "version 99"},
		"another pod":       {strings.Replace(good, "probe-uid", "other", 1), "another pod"},
		"negative":          {strings.Replace(good, `"ready":1`, `"ready":-1`, 1), "impossible number"},
		"absurd":            {strings.Replace(good, `"ready":1`, `"ready":9000000000000000000`, 1), "impossible number"},
		"impossible age":    {strings.Replace(good, `"ready":1`, `"ready":1,"oldestSeconds":-5`, 1), "impossible time"},
		"another queue":     {strings.Replace(good, `"high"`, `"low"`, 1), "was not requested"},
		"no queue":          {`{"version":1,"podUID":"probe-uid","ageSeconds":0}`, "0 queues instead of 1"},
		"unknown reason":    {`{"version":1,"podUID":"probe-uid","ageSeconds":0,"reason":"Bored"}`, "unknown reason"},
		"endless":           {`{"version":1,"backend":"` + strings.Repeat("x", protocol.MaxBacklogBytes) + `"}`, "more than 1024 KiB"},
		"thousands of them": {`{"version":1,"queues":[` + strings.Repeat(`{},`, 5000) + `{}]}`, "more than was asked for"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			server := newFakeProbe(t)
			server.raw = tc.raw
			a := NewBacklogs(BacklogOptions{}).asker
			got, _ := a.askAll(t.Context(), "ns", server.where(), protocol.BacklogRequest{Queues: []string{"high"}})
			if tc.want == "" {
				if got.Reason != "" || len(got.Queues) != 1 {
					t.Errorf("askAll() = %+v", got)
				}
				return
			}
			found := false
			for want := range strings.SplitSeq(tc.want, "|") {
				found = found || strings.Contains(got.Message, want)
			}
			if got.Reason != protocol.BacklogUnreachable || !found {
				t.Errorf("askAll() = %+v, want a message with %q", got, tc.want)
			}
		})
	}
}

func TestBacklogsWithoutProbe(t *testing.T) {
	b := NewBacklogs(BacklogOptions{})
	if _, known := b.Use(emails, BacklogUse{App: theApp, Queues: []string{"high"}}); known {
		t.Error("Use() knows a probe nobody has told of")
	}
	got, _ := b.asker.askAll(t.Context(), "ns", Probe{}, protocol.BacklogRequest{Queues: []string{"high"}})
	if got.Reason != protocol.BacklogUnreachable || !strings.Contains(got.Message, "not running yet") {
		t.Errorf("askAll() = %+v", got)
	}
	server := newFakeProbe(t)
	where := server.where()
	server.Close()
	got, _ = b.asker.askAll(t.Context(), "ns", where, protocol.BacklogRequest{Queues: []string{"high"}})
	if got.Reason != protocol.BacklogUnreachable || !strings.Contains(got.Message, "Nothing listens") {
		t.Errorf("askAll() = %+v", got)
	}
}

// The known figures of a queue stay while that queue cannot be read, and are never
// replaced by zero.
func TestAQueueThatCannotBeReadKeepsItsFigures(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	good := func(queue string, ready int64) protocol.QueueDepth {
		return protocol.QueueDepth{Queue: queue, Ready: ready}
	}
	bad := func(queue string) protocol.QueueDepth {
		return protocol.QueueDepth{Queue: queue, Reason: protocol.BacklogUnreadable, Message: "Too many rows."}
	}
	p := &probe{}
	steps := []struct {
		answer   protocol.Backlog
		measured bool
		reason   protocol.BacklogError
		ready    []int64
	}{
		{protocol.Backlog{Queues: []protocol.QueueDepth{good("high", 1), bad("low")}}, false, protocol.BacklogUnreadable, nil},
		{protocol.Backlog{Queues: []protocol.QueueDepth{good("high", 2), good("low", 3)}}, true, "", []int64{2, 3}},
		{protocol.Backlog{Queues: []protocol.QueueDepth{good("high", 4), bad("low")}}, true, protocol.BacklogUnreadable, []int64{4, 3}},
		{protocol.Backlog{Reason: protocol.BacklogDenied, Message: "No."}, true, protocol.BacklogDenied, []int64{4, 3}},
		{protocol.Backlog{Queues: []protocol.QueueDepth{good("high", 0), good("low", 0)}}, true, "", []int64{0, 0}},
	}
	for i, step := range steps {
		p.take(&step.answer, now)
		got := p.reportOf([]string{"high", "low"})
		var ready []int64
		for _, depth := range got.Queues {
			ready = append(ready, depth.Ready)
		}
		if got.MeasuredAt.IsZero() == step.measured || got.Reason != step.reason || (got.Message == "") != (step.reason == "") || !cmp.Equal(ready, step.ready) {
			t.Errorf("step %d: %+v, want %s and ready %v", i, got, step.reason, step.ready)
		}
	}
}

func TestBacklogsSayWhyNobodyCanBeAsked(t *testing.T) {
	b, wake := follow(t)
	use := BacklogUse{App: theApp, Queues: []string{"high"}}
	b.Use(emails, use)
	b.Track(theApp, Probe{Reason: protocol.BacklogMisconfigured, Message: "The name is taken."})
	if got := wake(); got != emails {
		t.Errorf("woken is %s", got)
	}
	if report, _ := b.Use(emails, use); report.Reason != protocol.BacklogMisconfigured || report.Message != "The name is taken." || report.FailingSince.IsZero() {
		t.Errorf("Use() = %+v", report)
	}
	b.Track(theApp, newFakeProbe(t).where())
	wake()
	if report, _ := b.Use(emails, use); report.Reason != "" || report.Message != "" || report.MeasuredAt.IsZero() {
		t.Errorf("once there is a probe, Use() = %+v", report)
	}
}
