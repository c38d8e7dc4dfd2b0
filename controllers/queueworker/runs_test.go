// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/batch"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/queueworker/plan"
)

// answering answers each pull with a new crash.
type answering struct{ pulls atomic.Int64 }

func (a *answering) RoundTrip(*http.Request) (*http.Response, error) {
	document := fmt.Sprintf(`{"version":1,"podUID":"pod","phase":"Running","counters":{"processed":0,"failed":0,"released":0,"jobMilliseconds":0},
		"network":{},"recentExits":[{"sequence":%d,"reason":"Crashed"}]}`, a.pulls.Add(1))
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(document)),
	}, nil
}

// TestARunAsksOnceASecond: agents and a probe whose answers are always news wake the pool
// without pause, and each reconcile finds that the run lacks fresh answers.
func TestARunAsksOnceASecond(t *testing.T) {
	var questions atomic.Int64
	probe := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"version":1,"podUID":"probe","ageSeconds":1000000,"queues":[{"queue":"a","ready":%d}]}`, questions.Add(1))
	}))
	t.Cleanup(probe.Close)
	agents := &answering{}
	r := &Reconciler{
		Collector: collector.New(collector.Options{Transport: agents, Interval: time.Hour}),
		Backlogs:  collector.NewBacklogs(collector.BacklogOptions{Interval: time.Hour}),
	}
	o := &plan.World{Worker: &v1alpha1.QueueWorker{}, App: &v1alpha1.QueueApp{}}
	o.Worker.Namespace, o.Worker.Name, o.App.Namespace, o.App.Name = "ns", "emails", "ns", "shop"
	pool, app := types.NamespacedName{Namespace: "ns", Name: "emails"}, types.NamespacedName{Namespace: "ns", Name: "shop"}
	r.Backlogs.Track(app, collector.Probe{UID: "probe", Address: probe.Listener.Addr().String()})
	r.Backlogs.Use(pool, collector.BacklogUse{App: app, Queues: []string{"a"}, Eager: true})
	r.Collector.Track(pool, []collector.Pod{{UID: "pod", Name: "pod", Address: "10.0.0.1:1"}})
	done := make(chan error, 2)
	go func() { done <- r.Collector.Start(t.Context()) }()
	go func() { done <- r.Backlogs.Start(t.Context()) }()
	t.Cleanup(func() {
		if err := errors.Join(<-done, <-done); err != nil {
			t.Error(err)
		}
	})

	hurried := plan.Decision{Runs: &batch.Output{Measure: true, Hear: true}}
	began := time.Now()
	for agents.pulls.Load() < 3 || questions.Load() < 3 {
		if err := r.endRuns(t.Context(), o, hurried); err != nil {
			t.Fatal(err)
		}
		select {
		case <-r.Collector.Wakes():
		case <-r.Backlogs.Wakes():
		case <-time.After(time.Millisecond):
		}
	}
	seconds := int64(time.Since(began)/time.Second) + 2
	if pulls, asked := agents.pulls.Load(), questions.Load(); pulls > seconds || asked > seconds {
		t.Errorf("%d pulls and %d questions, want at most %d of each", pulls, asked, seconds)
	}
}
