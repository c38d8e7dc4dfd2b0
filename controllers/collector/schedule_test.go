// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/telemetry"
)

func TestPodsArePulledAtOnceAndThenEveryInterval(t *testing.T) {
	s := simulate(t)
	pods, agents := s.add(shop, 3, time.Millisecond)
	s.track(pods...)
	s.run(5 * time.Minute)
	for i, a := range agents {
		if a.pulls[0] != epoch {
			t.Errorf("pod %d was first pulled after %s, want at once", i, a.pulls[0].Sub(epoch))
		}
		// The first gap is shortened at random so that pods tracked together drift apart.
		for n, gap := range a.gaps() {
			if gap > 6*time.Second || gap < time.Second || n > 0 && gap < 4*time.Second {
				t.Errorf("pod %d: gap %d is %s, want 5s ±20%%", i, n, gap)
			}
		}
	}
}

func TestPodsTrackedTogetherAreNotPulledTogetherLater(t *testing.T) {
	s := simulate(t)
	pods, agents := s.add(shop, 1000, time.Millisecond)
	s.track(pods...)
	s.run(7 * time.Second)
	perSecond := map[int]int{}
	for _, a := range agents {
		perSecond[int(a.pulls[1].Sub(a.pulls[0])/time.Second)]++
	}
	for second, n := range perSecond {
		if n > 400 {
			t.Errorf("%d of 1000 pods had their second pull in second %d, want them spread over the interval", n, second)
		}
	}
}

func TestHangingPodsDoNotDelayHealthyOnes(t *testing.T) {
	s := simulate(t)
	healthy, agents := s.add(shop, 2000, time.Millisecond)
	hanging := s.addHanging(types.NamespacedName{Namespace: "other", Name: "dead"}, 2000)
	s.core.track(s.now, types.NamespacedName{Namespace: "other", Name: "dead"}, hanging)
	s.track(healthy...)
	s.run(2 * time.Minute)

	var first time.Duration
	for _, a := range agents {
		first = max(first, a.pulls[0].Sub(epoch))
		if worst := slices.Max(a.gaps()); worst > 6*time.Second+10*time.Millisecond {
			t.Fatalf("a healthy pod waited %s between pulls beside 2000 hanging ones, want 5s ±20%%", worst)
		}
	}
	if most := 16 + 256; s.mostFlights > most {
		t.Errorf("%d pulls ran at once, want at most %d", s.mostFlights, most)
	}
	// Until a pod has answered, the collector does not know that it is healthy. The pod
	// takes turns with the hanging pods of the other pool for the places of fresh pods.
	if first > 2000*2*time.Second/128+time.Second {
		t.Errorf("the last healthy pod was first pulled after %s", first)
	}
}

func TestHealthyPodsOfAPoolAreNotDelayedByItsHangingOnes(t *testing.T) {
	s := simulate(t)
	healthy, agents := s.add(shop, 50, time.Millisecond)
	pods := slices.Concat(s.addHanging(shop, 25), healthy, s.addHanging(shop, 25))
	s.track(pods...)
	s.run(time.Minute)
	for _, a := range agents {
		if len(a.pulls) < 9 || slices.Max(a.gaps()) > 6*time.Second+10*time.Millisecond {
			t.Fatalf("a healthy pod was pulled %d times with gaps %v, want every 5s ±20%%", len(a.pulls), a.gaps())
		}
	}
}

func TestPodsThatBeginToHangTogetherDelayOthersOnlyOnce(t *testing.T) {
	s := simulate(t)
	healthy, agents := s.add(shop, 500, time.Millisecond)
	dying := types.NamespacedName{Namespace: "other", Name: "dying"}
	pods, dead := s.add(dying, 500, time.Millisecond)
	s.core.track(s.now, dying, pods)
	s.track(healthy...)
	s.run(30 * time.Second)
	for _, a := range dead {
		a.latency, a.answer = 2*time.Second, silent
	}
	s.run(40 * time.Second)
	for _, a := range agents {
		// The bound is tighter than hanging pods × timeout / (6 × Concurrency), which
		// the package comment promises.
		if worst := slices.Max(a.gaps()); worst > 6*time.Second+500*2*time.Second/128 {
			t.Fatalf("a healthy pod waited %s while 500 others began to hang", worst)
		}
		a.pulls = nil
	}
	s.run(time.Minute)
	for _, a := range agents {
		if worst := slices.Max(a.gaps()); worst > 6*time.Second+10*time.Millisecond {
			t.Fatalf("a healthy pod still waited %s a minute after others began to hang, want 5s ±20%%", worst)
		}
	}
}

func TestNewPodsThatHangLeaveRoomForTheSlowOnesAmongTheProven(t *testing.T) {
	s := simulate(t)
	healthy, agents := s.add(shop, 500, time.Millisecond)
	dying := types.NamespacedName{Namespace: "other", Name: "dying"}
	pods, dead := s.add(dying, 100, time.Millisecond)
	s.core.track(s.now, dying, pods)
	s.track(healthy...)
	s.run(30 * time.Second)
	for _, a := range dead {
		a.latency, a.answer = 2*time.Second, silent
	}
	fresh := types.NamespacedName{Namespace: "other", Name: "fresh"}
	s.core.track(s.now, fresh, s.addHanging(fresh, 1000))
	s.core.nudge(s.now, dying)
	s.run(20 * time.Second)
	for _, a := range agents {
		// 100 slow pulls leave the 16 quick places every 250 ms.
		if worst := slices.Max(a.gaps()); worst > 6*time.Second+100*patience/16 {
			t.Fatalf("a healthy pod waited %s beside 100 that began to hang and 1000 new ones that hang", worst)
		}
	}
}

func TestALargePoolDoesNotDelayASmallOne(t *testing.T) {
	s := simulate(t)
	large := types.NamespacedName{Namespace: "other", Name: "large"}
	pods, _ := s.add(large, 5000, 50*time.Millisecond)
	s.core.track(s.now, large, pods)
	s.run(time.Second)
	small, agents := s.add(shop, 2, time.Millisecond)
	s.track(small...)
	s.run(time.Second)
	for _, a := range agents {
		if len(a.pulls) == 0 || a.pulls[0].Sub(epoch) > 1100*time.Millisecond {
			t.Errorf("a pod of a small pool waited for those of a large one: pulls %v", a.pulls)
		}
	}
}

func TestFailingPodsAreBackedOffFrom(t *testing.T) {
	tests := map[string]struct {
		answersFirst bool
		want         []time.Duration // in the middle of their jitter
	}{
		"one that answered before": {true, []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second, 30 * time.Second}},
		"one that never answered": {false, []time.Duration{
			500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second,
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := simulate(t)
			pods, agents := s.add(shop, 1, time.Millisecond)
			if tc.answersFirst {
				s.track(pods...)
				s.run(10 * time.Millisecond)
			}
			agents[0].answer = silent
			s.track(pods...)
			s.run(4 * time.Minute)
			gaps := agents[0].gaps()
			if tc.answersFirst {
				gaps = gaps[1:]
			}
			for i, want := range tc.want {
				if got := gaps[i]; got < want*8/10 || got > want*12/10 {
					t.Errorf("gap %d is %s, want %s ±20%%", i, got, want)
				}
			}
		})
	}
}

func TestANudgePullsAtOnceAndInQuickSuccession(t *testing.T) {
	s := simulate(t)
	pods, agents := s.add(shop, 4, time.Millisecond)
	s.track(pods...)
	s.run(30 * time.Second)
	agents[3].answer = silent
	s.run(2 * time.Minute)
	for _, a := range agents {
		a.pulls = nil
	}
	nudged := s.now
	s.core.nudge(s.now, shop)
	s.run(3 * time.Second)
	want := []time.Duration{0, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}
	for i, a := range agents {
		for n, after := range want {
			if len(a.pulls) <= n || a.pulls[n].Sub(nudged) < after || a.pulls[n].Sub(nudged) > after+minGap {
				t.Fatalf("pod %d was pulled at %v, want %v after the nudge", i, since(a.pulls, nudged), want)
			}
		}
	}
	s.run(time.Minute)
	for i, a := range agents[:3] {
		if last := a.gaps()[len(a.gaps())-1]; last < 4*time.Second {
			t.Errorf("pod %d is still pulled every %s a minute after the nudge", i, last)
		}
	}
}

func TestManyNudgesDoNotPullWithoutPause(t *testing.T) {
	s := simulate(t)
	pods, agents := s.add(shop, 1, time.Millisecond)
	s.track(pods...)
	for range 1000 {
		s.core.nudge(s.now, shop)
		s.run(time.Millisecond)
	}
	if n := len(agents[0].pulls); n > 12 {
		t.Errorf("1000 nudges within a second made %d pulls, want no more than one every %s", n, minGap)
	}
}

func TestANudgeDuringASlowPullIsFollowedByAnother(t *testing.T) {
	s := simulate(t)
	pods, agents := s.add(shop, 1, 1500*time.Millisecond)
	s.track(pods...)
	s.run(time.Second)
	s.core.nudge(s.now, shop)
	s.run(time.Second)
	if len(agents[0].pulls) != 2 || agents[0].pulls[1].Sub(epoch) != 1500*time.Millisecond {
		t.Errorf("pulls at %v, want one more as soon as the one before the nudge had ended", since(agents[0].pulls, epoch))
	}
}

func TestPodsNoLongerTrackedAreNoLongerPulled(t *testing.T) {
	s := simulate(t)
	pods, agents := s.add(shop, 3, time.Millisecond)
	s.track(pods...)
	s.run(20 * time.Second)
	s.track(pods[0])
	s.core.recordEnd(s.now, shop, telemetry.Ended{UID: pods[0].UID})
	before := len(agents[0].pulls) + len(agents[1].pulls) + len(agents[2].pulls)
	s.run(time.Minute)
	if after := len(agents[0].pulls) + len(agents[1].pulls) + len(agents[2].pulls); after != before {
		t.Errorf("%d pulls of pods that had ended or were no longer tracked", after-before)
	}
}

func TestForgettingAPoolLeavesNothingBehind(t *testing.T) {
	s := simulate(t)
	pods, _ := s.add(shop, 100, 500*time.Millisecond)
	s.track(pods...)
	s.run(20*time.Second + 123*time.Millisecond)
	s.core.forget(shop)
	s.run(5 * time.Second)
	c := s.core
	if len(c.pools) != 0 || len(c.timers) != 0 || len(c.fast) != 0 || c.tired.Taken() != 0 || c.kept.Taken() != 0 {
		t.Errorf("left behind: %d pools, %d timers, %d fast and %d slow flights, %d kept connections",
			len(c.pools), len(c.timers), len(c.fast), c.tired.Taken(), c.kept.Taken())
	}
	for l := range lanes {
		if n := c.places[l].Taken(); n != 0 {
			t.Errorf("lane %d still holds %d places", l, n)
		}
		if got := c.take(l, s.now); got != nil {
			t.Errorf("lane %d still holds pod %s", l, got.pod.Name)
		}
	}
}

func TestAPodWithANewAddressIsPulledThereAtOnce(t *testing.T) {
	s := simulate(t)
	pods, agents := s.add(shop, 1, time.Millisecond)
	s.track(pods...)
	s.run(20 * time.Second)
	moved := pods[0]
	moved.Address = "10.0.0.2:1"
	s.track(moved)
	before := len(agents[0].pulls)
	s.run(10 * time.Millisecond)
	if got := len(agents[0].pulls) - before; got != 1 {
		t.Errorf("%d pulls right after the address changed, want 1", got)
	}
}

func TestConnectionsKeptOpenAreBounded(t *testing.T) {
	s := simulate(t)
	pods, _ := s.add(shop, maxKept+500, time.Millisecond)
	s.track(pods...)
	s.run(20 * time.Second)
	other := types.NamespacedName{Namespace: "other", Name: "small"}
	few, _ := s.add(other, 100, time.Millisecond)
	s.core.track(s.now, other, few)
	s.run(20 * time.Second)
	if large, small := s.core.kept.Holds(shop.Namespace), s.core.kept.Holds(other.Namespace); large != maxKept/2 || small != len(few) {
		t.Errorf("%d and %d connections may be kept open, want %d and %d", large, small, maxKept/2, len(few))
	}
	for uid, t := range s.core.pools[shop].pods {
		if t.kept {
			s.agents[uid].answer = silent
		}
	}
	s.run(time.Minute)
	kept := 0
	for _, t := range s.core.pools[shop].pods {
		if t.proven && t.kept {
			kept++
		}
	}
	if kept == 0 || s.core.kept.Taken() > maxKept {
		t.Errorf("%d of the pods left may keep their connections after %d others have died", kept, maxKept/2)
	}
}

// since formats times as the time since a start.
func since(at []time.Time, start time.Time) []string {
	var out []string
	for _, a := range at {
		out = append(out, fmt.Sprint(a.Sub(start)))
	}
	return out
}

// busy returns the status of a pod that has done some jobs and works on the next.
func busy(uid types.UID, processed int64) *protocol.Status {
	s := idle(uid)
	s.Counters = protocol.Counters{Processed: processed, JobMilliseconds: 500 * processed}
	s.Workers[0].State = protocol.WorkerBusy
	s.Workers[0].Processed = processed
	s.Workers[0].Job = &protocol.Job{ID: fmt.Sprint(processed + 1), Class: "SendMail"}
	return s
}
