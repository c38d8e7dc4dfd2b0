// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/telemetry"
)

// shop is the pool of tests that need only one.
var shop = types.NamespacedName{Namespace: "shop", Name: "emails"}

// epoch is the time when simulations begin.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)

// fakeAgent answers the pulls of a simulation.
type fakeAgent struct {
	latency time.Duration
	// answer returns a status, or the sentence that says why there is none.
	answer func(now time.Time) (*protocol.Status, string)
	pulls  []time.Time
}

type flight struct {
	lands  time.Time
	target *target
}

type wake struct {
	after time.Duration // since epoch
	pool  types.NamespacedName
}

// simulation runs a core against fake agents in simulated time: a pull takes its
// agent's latency, and time jumps from event to event.
type simulation struct {
	t       testing.TB
	core    *core
	now     time.Time
	agents  map[types.UID]*fakeAgent
	flights []flight
	wakes   []wake
	// mostFlights is the largest number of simultaneous pulls.
	mostFlights int
}

func simulate(t testing.TB) *simulation {
	random := rand.New(rand.NewPCG(1, 2))
	return &simulation{
		t: t, now: epoch, agents: map[types.UID]*fakeAgent{},
		core: newCore(5*time.Second, time.Minute, 16, random.Float64),
	}
}

// add gives a pool n agents, which the caller may change.
func (s *simulation) add(pool types.NamespacedName, n int, latency time.Duration) ([]Pod, []*fakeAgent) {
	var pods []Pod
	var agents []*fakeAgent
	for range n {
		i := len(s.agents)
		pod := Pod{UID: types.UID(fmt.Sprintf("uid-%d", i)), Name: fmt.Sprintf("%s-%d", pool.Name, i), Address: fmt.Sprintf("10.0.0.1:%d", i+1)}
		agent := &fakeAgent{latency: latency, answer: func(time.Time) (*protocol.Status, string) { return idle(pod.UID), "" }}
		s.agents[pod.UID] = agent
		pods, agents = append(pods, pod), append(agents, agent)
	}
	return pods, agents
}

// addHanging gives a pool n agents that never answer.
func (s *simulation) addHanging(pool types.NamespacedName, n int) []Pod {
	pods, agents := s.add(pool, n, 2*time.Second)
	for _, a := range agents {
		a.answer = silent
	}
	return pods
}

func silent(time.Time) (*protocol.Status, string) { return nil, "No answer." }

// idle returns the status of a pod with one process that waits.
func idle(uid types.UID) *protocol.Status {
	return &protocol.Status{
		Version: protocol.Version, PodUID: string(uid), ControlRevision: 1, Phase: protocol.PhaseRunning,
		Ready: true, UptimeSeconds: 1e6, Workers: []protocol.Worker{{State: protocol.WorkerIdle, PID: 7}},
	}
}

// run lets time pass.
func (s *simulation) run(d time.Duration) {
	end := s.now.Add(d)
	for {
		s.step()
		next := end
		if at := s.core.next(); !at.IsZero() && at.Before(next) {
			next = at
		}
		if len(s.flights) > 0 && s.flights[0].lands.Before(next) {
			next = s.flights[0].lands
		}
		if !next.Before(end) {
			s.now = end
			s.land()
			s.step()
			return
		}
		s.now = next
		s.land()
	}
}

// step launches the pulls that are due now and takes the wakes out.
func (s *simulation) step() {
	for _, t := range s.core.tick(s.now) {
		agent := s.agents[t.pod.UID]
		agent.pulls = append(agent.pulls, s.now)
		f := flight{lands: s.now.Add(agent.latency), target: t}
		at, _ := slices.BinarySearchFunc(s.flights, f, func(a, b flight) int {
			if a.lands.After(b.lands) {
				return 1
			}
			return -1
		})
		s.flights = slices.Insert(s.flights, at, f)
	}
	s.mostFlights = max(s.mostFlights, len(s.flights))
	for pool, ok := s.core.wakes.pop(); ok; pool, ok = s.core.wakes.pop() {
		s.wakes = append(s.wakes, wake{after: s.now.Sub(epoch), pool: pool})
	}
}

func (s *simulation) land() {
	for len(s.flights) > 0 && !s.flights[0].lands.After(s.now) {
		t := s.flights[0].target
		s.flights = s.flights[1:]
		status, failure := s.agents[t.pod.UID].answer(s.now)
		s.core.finished(s.now, t, status, failure)
	}
}

// track tracks pods of the pool shop.
func (s *simulation) track(pods ...Pod) { s.core.track(s.now, shop, pods) }

func (s *simulation) snapshot() telemetry.Snapshot { return s.core.snapshot(s.now, shop) }

// forgetWakes drops the wakes seen so far.
func (s *simulation) forgetWakes() { s.wakes = nil }

// gaps returns the times between the pulls of an agent.
func (a *fakeAgent) gaps() []time.Duration {
	var out []time.Duration
	for i := 1; i < len(a.pulls); i++ {
		out = append(out, a.pulls[i].Sub(a.pulls[i-1]))
	}
	return out
}
