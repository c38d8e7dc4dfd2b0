// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
)

// crowd gives a tenant 300 pools of 10 pods each, in a number of namespaces.
func crowd(s *simulation, namespaces int, latency time.Duration) []*fakeAgent {
	var all []*fakeAgent
	for i := range 300 {
		pool := types.NamespacedName{Namespace: fmt.Sprintf("crowd-%d", i%namespaces), Name: fmt.Sprint(i)}
		pods, agents := s.add(pool, 10, latency)
		s.core.track(s.now, pool, pods)
		all = append(all, agents...)
	}
	return all
}

// meanGap returns the mean and the longest time between two pulls of some agents.
func meanGap(agents []*fakeAgent) (mean, longest time.Duration) {
	n := 0
	for _, a := range agents {
		for _, gap := range a.gaps() {
			mean, longest, n = mean+gap, max(longest, gap), n+1
		}
	}
	return mean / time.Duration(max(n, 1)), longest
}

// TestSlowPodsOfOthersDoNotStretchTheInterval: 3000 slow pods beside 20 quick ones, in
// one namespace, in 300, and as liars that are quick now and then.
func TestSlowPodsOfOthersDoNotStretchTheInterval(t *testing.T) {
	slow := 1900 * time.Millisecond
	tests := map[string]struct {
		namespaces int
		latency    time.Duration
		// sometimes makes each agent quick, except for one in so many answers.
		sometimes int
	}{
		"of one namespace":                    {1, slow, 0},
		"of ten namespaces":                   {10, slow, 0},
		"of 300 namespaces":                   {300, slow, 0},
		"of 300 namespaces, every other time": {300, slow, 2},
		"of 300 namespaces, each tenth time":  {300, slow, 10},
		"hanging, of 300 namespaces":          {300, 2 * time.Second, 0},
		"nearly quick, of one namespace":      {1, 240 * time.Millisecond, 0},
	}
	alone := simulate(t)
	pods, agents := alone.add(shop, 20, time.Millisecond)
	alone.track(pods...)
	alone.run(5 * time.Minute)
	baseline, _ := meanGap(agents)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := simulate(t)
			pods, agents := s.add(shop, 20, time.Millisecond)
			s.track(pods...)
			s.run(10 * time.Second)
			others := crowd(s, tc.namespaces, tc.latency)
			for i, a := range others {
				turn := i
				answer := a.answer
				a.answer = func(now time.Time) (*protocol.Status, string) {
					if turn++; tc.sometimes > 0 {
						a.latency = time.Millisecond
						if turn%tc.sometimes == 0 {
							a.latency = tc.latency
						}
					}
					if tc.latency >= 2*time.Second {
						return nil, "No answer."
					}
					return answer(now)
				}
			}
			for _, a := range agents {
				a.pulls = nil
			}
			s.run(2 * time.Minute)
			mean, longest := meanGap(agents)
			t.Logf("mean interval %s, %.3f of that alone; longest %s", mean, float64(mean)/float64(baseline), longest)
			if mean > baseline*11/10 || longest > 6600*time.Millisecond {
				t.Errorf("the interval is %s, %.2f of that alone, and %s at the most", mean, float64(mean)/float64(baseline), longest)
			}
		})
	}
}

// TestPodsThatAreQuickAgainArePulledAsBefore: a slow moment costs a pod its place among
// the quick for only some pulls.
func TestPodsThatAreQuickAgainArePulledAsBefore(t *testing.T) {
	s := simulate(t)
	pods, agents := s.add(shop, 1, time.Millisecond)
	s.track(pods...)
	s.run(20 * time.Second)
	agents[0].latency = time.Second
	s.run(20 * time.Second)
	target := s.core.pools[shop].pods[pods[0].UID]
	if target.lane() != laneSlow {
		t.Fatal("a pod that takes a second to answer counts as quick")
	}
	agents[0].latency = time.Millisecond
	s.run(time.Minute)
	if target.lane() != laneQuick {
		t.Error("a pod that answers quickly again still counts as slow")
	}
}
