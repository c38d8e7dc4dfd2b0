// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/telemetry"
)

var (
	_ manager.Runnable               = &Collector{}
	_ manager.LeaderElectionRunnable = &Collector{}
)

// server is a real HTTP server that answers for one pod.
type server struct {
	pod   Pod
	pulls atomic.Int64
	// document is the server's answer; nil makes it hang.
	document atomic.Pointer[protocol.Status]
}

func newServer(t testing.TB, uid string) *server {
	s := &server{}
	s.document.Store(idle(types.UID(uid)))
	ended := make(chan struct{})
	s.pod = Pod{UID: types.UID(uid), Name: uid, Address: serve(t, func(w http.ResponseWriter, r *http.Request) {
		s.pulls.Add(1)
		if document := s.document.Load(); document != nil {
			answerJSON(w, encode(t, document))
			return
		}
		select {
		case <-r.Context().Done():
		case <-ended:
		}
	})}
	// Runs before the server is closed, which waits for its handlers.
	t.Cleanup(func() { close(ended) })
	return s
}

func newServers(t testing.TB, n int) (servers []*server, pods []Pod) {
	for i := range n {
		s := newServer(t, fmt.Sprintf("uid-%d", i))
		servers, pods = append(servers, s), append(pods, s.pod)
	}
	return servers, pods
}

// start runs a collector until the test ends or stop is called. It reads the wakes
// unless the test does.
func start(t testing.TB, o Options, readWakes bool) (c *Collector, stop func()) {
	t.Helper()
	c = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := c.Start(ctx); err != nil {
			t.Error(err)
		}
	}()
	if readWakes {
		go func() {
			for {
				select {
				case <-c.Wakes():
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return c, stop
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("gave up waiting: %s", what)
		}
	}
}

func TestReportsComeInAndWake(t *testing.T) {
	servers, pods := newServers(t, 3)
	c, _ := start(t, Options{Interval: 20 * time.Millisecond}, false)
	c.Track(shop, pods)
	wake := <-c.Wakes()
	worker, ok := wake.Object.(*v1alpha1.QueueWorker)
	if !ok || worker.Namespace != shop.Namespace || worker.Name != shop.Name {
		t.Fatalf("wake %v, want a QueueWorker with namespace and name", wake.Object)
	}
	eventually(t, "all reports", func() bool {
		for _, r := range c.Snapshot(shop).Pods {
			if r.Status == nil {
				return false
			}
		}
		return true
	})
	got := c.Snapshot(shop).Pods[pods[1].UID]
	if diff := cmp.Diff(servers[1].document.Load(), got.Status); diff != "" || got.PulledAt.IsZero() || got.Error != "" {
		t.Errorf("report %+v (-want +got):\n%s", got, diff)
	}
}

// TestHangingServersDoNotKeepOthersWaiting would never end if a hanging server delayed
// a healthy one, because nothing times out.
func TestHangingServersDoNotKeepOthersWaiting(t *testing.T) {
	healthy, pods := newServers(t, 20)
	var later []*server
	for i := range 20 {
		s := newServer(t, fmt.Sprintf("later-%d", i))
		later, pods = append(later, s), append(pods, s.pod)
	}
	c, _ := start(t, Options{Interval: 20 * time.Millisecond, Concurrency: 4, Timeout: time.Hour}, true)
	c.Track(shop, pods)
	eventually(t, "first pulls", func() bool { return pulledAtLeast(healthy, 2) && pulledAtLeast(later, 2) })

	for _, s := range later {
		s.document.Store(nil)
	}
	var never []Pod
	for i := range 40 {
		s := newServer(t, fmt.Sprintf("never-%d", i))
		s.document.Store(nil)
		never = append(never, s.pod)
	}
	c.Track(types.NamespacedName{Namespace: "other", Name: "dead"}, never)
	goal := healthy[0].pulls.Load() + 30
	eventually(t, "30 more pulls of each healthy server", func() bool { return pulledAtLeast(healthy, goal) })
	// No hanging pull was given up, so none made room that way.
	for _, s := range later {
		if got := c.Snapshot(shop).Pods[s.pod.UID]; got.Error != "" {
			t.Errorf("the pull of a hanging server ended: %s", got.Error)
		}
	}
}

func pulledAtLeast(servers []*server, n int64) bool {
	for _, s := range servers {
		if s.pulls.Load() < n {
			return false
		}
	}
	return true
}

func TestAServerThatGoesBackwardsCostsOnlyItsOwnReport(t *testing.T) {
	servers, pods := newServers(t, 2)
	for _, s := range servers {
		s.document.Store(busy(s.pod.UID, 10))
	}
	c, _ := start(t, Options{Interval: 10 * time.Millisecond}, true)
	c.Track(shop, pods)
	eventually(t, "first reports", func() bool { return pulledAtLeast(servers, 2) })
	for i, s := range servers {
		s.document.Store(busy(s.pod.UID, int64(9+2*i)))
	}
	eventually(t, "the lie found out", func() bool {
		reports := c.Snapshot(shop).Pods
		return strings.Contains(reports[pods[0].UID].Error, "processed from 10 to 9") && reports[pods[1].UID].Status.Counters.Processed == 11
	})
	reports := c.Snapshot(shop).Pods
	if got := reports[pods[0].UID].Status.Counters.Processed; got != 10 {
		t.Errorf("the liar's count is %d, want the 10 of before", got)
	}
	if got := reports[pods[1].UID].Error; got != "" {
		t.Errorf("the honest one's error is %q", got)
	}
}

func TestStartReturnsAndLeavesNothingRunning(t *testing.T) {
	servers, pods := newServers(t, 30)
	for _, s := range servers[:10] {
		s.document.Store(nil)
	}
	c, stop := start(t, Options{Interval: 10 * time.Millisecond, Timeout: time.Hour}, false)
	c.Track(shop, pods)
	eventually(t, "pulls in flight", func() bool { return pulledAtLeast(servers[:10], 1) && pulledAtLeast(servers[10:], 3) })
	stop()
	eventually(t, "no goroutine of the collector", func() bool {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for stack := range strings.SplitSeq(string(stacks), "\n\n") {
			if strings.Contains(stack, "(*Collector)") || strings.Contains(stack, "(*puller)") || strings.Contains(stack, "http.(*persistConn)") {
				return false
			}
		}
		return true
	})
	if err := c.Start(context.Background()); err == nil {
		t.Error("a second Start returned no error")
	}
}

func TestStartReturnsWhileNobodyReadsItsWakes(t *testing.T) {
	c, stop := start(t, Options{}, false)
	for i := range 10_000 {
		c.RecordEnd(types.NamespacedName{Name: fmt.Sprint(i % 100)}, telemetry.Ended{UID: types.UID(fmt.Sprint(i))})
	}
	stop()
	if got := len(c.Snapshot(types.NamespacedName{Name: "42"}).Ended); got != 100 {
		t.Errorf("%d ends were kept, want 100", got)
	}
}

func TestASlowReaderOfWakesGetsEachPoolOnce(t *testing.T) {
	servers, pods := newServers(t, 2)
	c, _ := start(t, Options{Interval: 5 * time.Millisecond}, false)
	c.Track(shop, pods)
	eventually(t, "pulls while nobody reads", func() bool { return pulledAtLeast(servers, 20) })
	for i := range 1000 {
		c.RecordEnd(types.NamespacedName{Name: fmt.Sprint(i % 10)}, telemetry.Ended{UID: types.UID(fmt.Sprint(i))})
	}
	got := map[string]int{}
	for len(got) < 11 {
		got[(<-c.Wakes()).Object.GetName()]++
	}
	for name, n := range got {
		// The event that was being handed out at first does not delay later ones.
		if n > 2 {
			t.Errorf("pool %s woke %d times", name, n)
		}
	}
}

func TestTheClockDrivesThePulls(t *testing.T) {
	servers, pods := newServers(t, 1)
	clock := clocktesting.NewFakeClock(epoch)
	c, _ := start(t, Options{Clock: clock}, true)
	c.Track(shop, pods)
	for pull := range int64(5) {
		eventually(t, "a pull when its time has come", func() bool {
			if servers[0].pulls.Load() > pull && !c.Snapshot(shop).Pods[pods[0].UID].PulledAt.IsZero() {
				return true
			}
			clock.Step(time.Second)
			return false
		})
	}
	if passed := clock.Now().Sub(epoch); passed < 13*time.Second {
		t.Errorf("5 pulls took %s by the clock, want 4 intervals of 5s ±20%%, the first shortened", passed)
	}
}

func TestEverythingAtOnce(t *testing.T) {
	servers, pods := newServers(t, 16)
	for i, s := range servers {
		s.document.Store(busy(s.pod.UID, int64(i)))
	}
	c, stop := start(t, Options{Interval: time.Millisecond, Concurrency: 4}, true)
	var group sync.WaitGroup
	for n := range 4 {
		group.Go(func() {
			for i := range 300 {
				pool := types.NamespacedName{Namespace: "shop", Name: fmt.Sprint((n + i) % 3)}
				uid := pods[i%16].UID
				switch i % 7 {
				case 0, 1, 2:
					c.Track(pool, pods[i%16:])
				case 3:
					c.Nudge(pool)
				case 4:
					c.RecordEnd(pool, telemetry.Ended{UID: uid, Final: finalOf(int64(i))})
				case 5:
					for _, e := range c.Snapshot(pool).Ended {
						c.Settle(pool, []types.UID{e.UID})
					}
				case 6:
					if i%28 == 6 {
						c.Forget(pool)
					}
				}
				servers[i%16].document.Store(busy(uid, int64(1000+i)))
				for _, r := range c.Snapshot(pool).Pods {
					if r.Status != nil && r.Status.Counters.Processed < 0 {
						t.Error("a count is negative")
					}
				}
			}
		})
	}
	group.Wait()
	stop()
}

// TestTheLogHasNothingOfAnAnswer: the condition of a pool quotes its agent's answer,
// but the operator's log does not.
func TestTheLogHasNothingOfAnAnswer(t *testing.T) {
	tests := map[string]struct{ failure, want string }{
		"no answer":        {"The agent at 10.0.0.1:9797 gave no answer within 2s.", "The agent at 10.0.0.1:9797 gave no answer within 2s."},
		"an unknown phase": {`The status document of the agent at 10.0.0.1:9797 has the unknown phase "canary \"x\"".`, `The status document of the agent at 10.0.0.1:9797 has the unknown phase "...".`},
		"an unknown field": {`The status document of the agent at 10.0.0.1:9797 cannot be read: json: unknown field canary.`, `The status document of the agent at 10.0.0.1:9797 cannot be read; the condition AgentsReporting of the QueueWorker says why.`},
		"no HTTP":          {`The agent at 10.0.0.1:9797 could not be asked: malformed MIME header line: canary.`, `The agent at 10.0.0.1:9797 could not be asked; the condition AgentsReporting of the QueueWorker says why.`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := forLog(tc.failure); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
