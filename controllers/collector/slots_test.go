// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// TestSlowProbesOfOthersDoNotStretchTheInterval: 300 probes that hold every question
// for 18 intervals, in one namespace and in 300, do not delay another probe. Intervals
// are compared within one run, before and after the slow probes were added.
func TestSlowProbesOfOthersDoNotStretchTheInterval(t *testing.T) {
	for name, namespaces := range map[string]int{"of one namespace": 1, "of 300 namespaces": 300} {
		t.Run(name, func(t *testing.T) {
			const interval = 50 * time.Millisecond
			slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-r.Context().Done():
				case <-time.After(18 * interval):
				}
			}))
			t.Cleanup(slow.Close)
			b := NewBacklogs(BacklogOptions{Interval: interval, Timeout: 17 * interval, Concurrency: 8, QuietInterval: time.Hour})
			b.probePatience = interval / 5
			done := make(chan error, 1)
			go func() { done <- b.Start(t.Context()) }()
			t.Cleanup(func() {
				if err := <-done; err != nil {
					t.Errorf("Start() returned %v", err)
				}
			})
			quick := newFakeProbe(t)
			b.Use(emails, BacklogUse{App: theApp, Queues: []string{"high"}})
			b.Track(theApp, quick.where())
			asked := func() (n int) {
				quick.set(func() { n = len(quick.asked) })
				return n
			}
			// rounds returns how long n questions to the quick probe take.
			rounds := func(n int) time.Duration {
				began, goal := time.Now(), asked()+n
				eventually(t, fmt.Sprintf("%d questions", n), func() bool { return asked() >= goal })
				return time.Since(began)
			}
			rounds(2)
			alone := rounds(40)
			for i := range 300 {
				app := types.NamespacedName{Namespace: fmt.Sprint("crowd-", i%namespaces), Name: fmt.Sprint(i)}
				b.Use(app, BacklogUse{App: app, Queues: []string{"high"}})
				b.Track(app, Probe{UID: "slow", Address: slow.Listener.Addr().String()})
			}
			rounds(2)
			beside := rounds(40)
			t.Logf("40 intervals of %s: %s alone, %s beside 300 slow probes, %.2f of it", interval, alone, beside, float64(beside)/float64(alone))
			// Without turns the second question does not come at all. The ratio holds
			// for a machine that does nothing else.
			if os.Getenv("QUEUEWORKER_LONG") != "" && beside > 2*alone {
				t.Errorf("40 intervals take %s beside 300 slow probes, %s alone", beside, alone)
			}
		})
	}
}

// TestSlotsAreGivenInTurns counts turns, without time. In a full class, a namespace
// with one probe gets the next slot, and a namespace with many probes gets at most half
// of the slots.
func TestSlotsAreGivenInTurns(t *testing.T) {
	s := newSlots(8)
	got := make(chan string, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ask := func(namespace string, n int) {
		for range n {
			go func() {
				if s.take(ctx, slotQuick, namespace) {
					got <- namespace
				}
			}()
		}
	}
	ask("crowd", 100)
	for range 4 {
		<-got
	}
	ask("shop", 1)
	if first := <-got; first != "shop" {
		t.Errorf("the next slot is given to %s", first)
	}
	ask("crowd", 50)
	s.give(slotQuick, "crowd")
	if next := <-got; next != "crowd" {
		t.Errorf("a slot that is given back goes to %s", next)
	}
	select {
	case more := <-got:
		t.Errorf("%s gets more than its part", more)
	default:
	}
	// A probe that stops waiting takes no slot with it.
	cancel()
	eventually(t, "nobody waits", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.places[slotQuick].Taken() == 5
	})
	for range 4 {
		s.give(slotQuick, "crowd")
	}
	s.give(slotQuick, "shop")
	if !s.take(t.Context(), slotQuick, "new") {
		t.Error("no slot is given though all are free")
	}
}

// TestClassOfAProbe distinguishes quick, slow and unknown probes.
func TestClassOfAProbe(t *testing.T) {
	m := manner{patience: time.Second}
	step := func(answered bool, took time.Duration, want slotClass) {
		t.Helper()
		if m.answered(answered, took); m.class() != want {
			t.Errorf("after %t within %s it is of class %d, want %d", answered, took, m.class(), want)
		}
	}
	if m.class() != slotFresh {
		t.Error("a probe that was never asked is known")
	}
	step(false, time.Millisecond, slotFresh)
	step(true, time.Millisecond, slotQuick)
	step(true, 4*time.Second, slotSlow)
	for range 7 {
		step(true, time.Millisecond, slotSlow)
	}
	step(true, time.Millisecond, slotQuick)
	step(false, 5*time.Second, slotSlow)
}
