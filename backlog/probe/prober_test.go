// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// fakeDriver returns the answers that a test sets.
type fakeDriver struct {
	mutex    sync.Mutex
	requests []backlog.Request
	running  int
	// takes is how long a measurement takes, fails is the error it returns, and panics is
	// what it panics with, if set.
	takes  time.Duration
	fails  error
	panics any
}

func (d *fakeDriver) Measure(ctx context.Context, request backlog.Request) ([]protocol.QueueDepth, error) {
	d.mutex.Lock()
	d.requests = append(d.requests, request)
	if d.running++; d.running > 1 {
		panic("two measurements at once")
	}
	takes, fails, panics := d.takes, d.fails, d.panics
	d.mutex.Unlock()
	defer func() { d.mutex.Lock(); d.running--; d.mutex.Unlock() }()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, backlog.Errorf(protocol.BacklogUnreachable, "The fake gave no answer in time.")
	}
	if panics != nil {
		panic(panics)
	}
	if fails != nil {
		return nil, fails
	}
	depths := make([]protocol.QueueDepth, 0, len(request.Queues))
	for _, queue := range request.Queues {
		depths = append(depths, protocol.QueueDepth{Queue: queue.Name, Ready: int64(len(queue.Name)), DueSoon: int64(queue.Soon.Seconds())})
	}
	return depths, nil
}

func (d *fakeDriver) Describe() string { return "a fake" }
func (d *fakeDriver) Close() error     { return nil }

func (d *fakeDriver) measured() int {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return len(d.requests)
}

// last returns the queue names of the last request as text.
func (d *fakeDriver) last() string {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	var names []string
	for _, queue := range d.requests[len(d.requests)-1].Queues {
		names = append(names, queue.Name)
	}
	return strings.Join(names, " ")
}

func ask(soon float64, queues ...string) protocol.BacklogRequest {
	return protocol.BacklogRequest{Queues: queues, SoonSeconds: soon}
}

// quietly discards the log.
func quietly(string, ...any) {}

func TestOneMeasurementServesEverybodyForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		driver := &fakeDriver{takes: 100 * time.Millisecond}
		p := New(driver, nil, quietly)
		began := time.Now()
		var asking sync.WaitGroup
		for i := range 50 {
			asking.Go(func() {
				for time.Since(began) < 10*time.Second {
					document := p.Answer(t.Context(), ask(1, "a", "b"))
					if document.Reason != "" || document.AgeSeconds > 1 || len(document.Queues) != 2 || document.Queues[0].Queue != "a" {
						t.Errorf("%+v", document)
					}
					time.Sleep(time.Duration(i+1) * time.Millisecond)
				}
			})
		}
		asking.Wait()
		if n := driver.measured(); n < 9 || n > 11 {
			t.Errorf("%d measurements in 10 s; want about one a second", n)
		}
	})
}

func TestOnlyTheQueuesOfTheRequestAreMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		driver := &fakeDriver{}
		p := New(driver, nil, quietly)
		many := make([]string, protocol.MaxBacklogQueues)
		for i := range many {
			many[i] = fmt.Sprintf("queue-%04d", i)
		}
		if document := p.Answer(t.Context(), ask(0, many...)); len(document.Queues) != len(many) || document.Queues[len(many)-1].Ready != 10 {
			t.Fatalf("%d queues were measured", len(document.Queues))
		}
		// The queues of an earlier request are dropped at once, not after a minute.
		if document := p.Answer(t.Context(), ask(0, "second", "first")); document.Queues[0].Ready != 6 || driver.last() != "first second" {
			t.Errorf("a new list is answered with %+v; %q was measured", document.Queues, driver.last())
		}
		if p.Answer(t.Context(), ask(0, "first")); driver.measured() != 2 {
			t.Errorf("%d measurements; the last had what was asked for", driver.measured())
		}
	})
}

func TestANewQueueWaitsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		driver := &fakeDriver{}
		p := New(driver, nil, quietly)
		began := time.Now()
		for i := range 9 {
			p.Answer(t.Context(), ask(0, fmt.Sprint("queue-", i)))
		}
		if took := time.Since(began); took != 8*apart {
			t.Errorf("9 new queues took %s; want %s between measurements", took, apart)
		}
	})
}

func TestTheSpanOfSoonIsTheAskersOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(&fakeDriver{}, nil, quietly)
		for _, soon := range []float64{5, 60} {
			if document := p.Answer(t.Context(), ask(soon, "a")); document.Queues[0].DueSoon != int64(soon) {
				t.Errorf("asked for %g s, told %+v", soon, document.Queues[0])
			}
		}
	})
}

func TestASlowBackendIsUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		driver := &fakeDriver{takes: time.Hour}
		p := New(driver, nil, quietly)
		began := time.Now()
		document := p.Answer(t.Context(), ask(0, "a"))
		if document.Reason != protocol.BacklogUnreachable || time.Since(began) != deadline || len(document.Queues) != 0 {
			t.Errorf("%+v after %s", document, time.Since(began))
		}
		// A request right afterwards gets the same answer without another 3 s.
		began = time.Now()
		if p.Answer(t.Context(), ask(0, "a")); time.Since(began) != 0 {
			t.Errorf("the next answer took %s", time.Since(began))
		}
	})
}

func TestWhoLeavesEarlyDoesNotStopAMeasurement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		driver := &fakeDriver{takes: 2 * time.Second}
		p := New(driver, nil, quietly)
		impatient, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		go p.Answer(impatient, ask(0, "a"))
		synctest.Wait()
		if document := p.Answer(impatient, ask(0, "a")); document.Reason != protocol.BacklogUnreachable || document.Message == "" {
			t.Errorf("an asker who leaves is told %+v", document)
		}
		if document := p.Answer(t.Context(), ask(0, "a")); document.Reason != "" || driver.measured() != 1 {
			t.Errorf("%+v after %d measurements; want the first", document, driver.measured())
		}
	})
}

func TestWhatADriverDoesWrongIsAnAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		driver *fakeDriver
		want   protocol.BacklogError
	}{
		"an error of its own":   {&fakeDriver{fails: backlog.Errorf(protocol.BacklogDenied, "No.")}, protocol.BacklogDenied},
		"an error of a library": {&fakeDriver{fails: errors.New("odd")}, protocol.BacklogUnreadable},
		"a panic":               {&fakeDriver{panics: "secret"}, protocol.BacklogUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log []string
				p := New(tc.driver, nil, func(format string, arguments ...any) { log = append(log, fmt.Sprintf(format, arguments...)) })
				for range 5 {
					document := p.Answer(t.Context(), ask(0, "a"))
					if document.Reason != tc.want || strings.Contains(document.Message, "secret") {
						t.Errorf("%+v; want %s", document, tc.want)
					}
					time.Sleep(2 * time.Second)
				}
				if len(log) != 1 {
					t.Errorf("the log says %q; want each change once", log)
				}
				tc.driver.fails, tc.driver.panics = nil, nil
				if document := p.Answer(t.Context(), ask(0, "a")); document.Reason != "" || len(log) != 2 {
					t.Errorf("after it was mended: %+v, %q", document, log)
				}
			})
		})
	}
}

func TestAConfigurationThatCannotBeUsedIsAnAnswer(t *testing.T) {
	for name, tc := range map[string]struct{ document, want string }{
		"none":                 {"", "is not set"},
		"no JSON":              {"{", "holds no configuration"},
		"a newer version":      {`{"version":99,"driver":"Redis"}`, "version 99"},
		"no driver":            {`{"version":1}`, "connection.driver"},
		"a driver of its own":  {`{"version":1,"driver":"Kafka"}`, "connection.driver"},
		"a Redis that is none": {`{"version":1,"driver":"Redis"}`, "REDIS_HOST"},
		"no database":          {`{"version":1,"driver":"Database"}`, "DB_CONNECTION"},
		"no endpoint":          {`{"version":1,"driver":"HTTP"}`, "connection.http.url"},
	} {
		t.Run(name, func(t *testing.T) {
			config, environment, problem := configure([]string{protocol.ProbeEnv + "=" + tc.document})
			driver, problem := driverOf(config, environment, problem)
			document := New(driver, problem, quietly).Answer(t.Context(), ask(0, "a"))
			if document.Reason != protocol.BacklogMisconfigured || !strings.Contains(document.Message, tc.want) {
				t.Errorf("%+v; want %q", document, tc.want)
			}
		})
	}
}
