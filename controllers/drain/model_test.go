// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// modelAgent is the agent of a pod with one process.
type modelAgent struct {
	revision int // of the document it obeys
	cordoned bool
	process  bool
	busy     bool
	since    time.Time // of the job
	// due: the process has reached its limit, until another one starts.
	due bool
}

// modelReport is the last report that the operator got from an agent.
type modelReport struct {
	heard bool
	at    time.Time
	agent modelAgent
}

// model is a pool with its ReplicaSet, its agents and the operator. It leaves out changes
// between a plan and the ReplicaSet that acts on it: pods that get a node, become not
// ready, start and take a job, or become ready while other pods are not. The grace period
// covers these.
type model struct {
	*rapid.T
	now      time.Time
	wanted   int32
	replicas int32
	pods     []*modelPod
	born     int
	removed  int
	// together is how many pods may be replaced at once. replaced counts the removed pods
	// that were due to be replaced.
	together int32
	replaced int
}

// TestNoJobIsInAPodThatIsRemoved lets a pool live with jobs, deaths, and sizes that change
// faster than the pool can reach them.
func TestNoJobIsInAPodThatIsRemoved(t *testing.T) {
	removed, replaced := 0, 0
	check(t, 20_000, func(t *rapid.T) {
		m := &model{T: t, now: now, together: int32(rapid.IntRange(1, 3).Draw(t, "together"))}
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			m.now = m.now.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "seconds")) * time.Second)
			m.happen(rapid.IntRange(0, 15).Draw(t, "what"))
		}
		m.comesToRest()
		removed += m.removed
		replaced += m.replaced
	})
	if replaced < 5_000 {
		t.Errorf("only %d pods were replaced: nothing was tried", replaced)
	}
	if removed < 20_000 {
		t.Errorf("only %d pods were removed: nothing was tried", removed)
	}
}

// happen makes one event happen, if it can happen now.
func (m *model) happen(what int) {
	var pod *modelPod
	if len(m.pods) > 0 {
		pod = m.pods[rapid.IntRange(0, len(m.pods)-1).Draw(m.T, "pod")]
	}
	switch {
	case what == 0 && rapid.Bool().Draw(m.T, "scaled"):
		m.wanted = int32(rapid.IntRange(0, 8).Draw(m.T, "wanted"))
	case what <= 3:
		m.reconcile()
		m.interlude()
		m.replicaSet()
	case pod == nil:
		m.replicaSet()
	case what == 4 && rapid.IntRange(0, 9).Draw(m.T, "dies") == 0:
		m.pods = slices.DeleteFunc(m.pods, func(other *modelPod) bool { return other == pod })
		m.replicaSet()
	case what == 5 && pod.agent.process && rapid.IntRange(0, 4).Draw(m.T, "crashes") == 0:
		pod.Ready, pod.agent.busy = false, false
		pod.agent.process = false
		pod.agent.start()
		pod.restarts++
	case what <= 7:
		m.grow(pod)
	case what == 14:
		pod.Retire = pod.Retire || rapid.IntRange(0, 9).Draw(m.T, "retired") == 0
	case what == 15:
		pod.agent.due = pod.agent.process
	default:
		m.work(pod, what)
	}
}

// interlude makes events happen between a plan and the ReplicaSet that acts on it.
func (m *model) interlude() {
	starting := map[*modelPod]bool{}
	for _, pod := range m.pods {
		starting[pod] = pod.Scheduled && !pod.Started
	}
	failing := slices.ContainsFunc(m.pods, func(pod *modelPod) bool { return pod.Started && !pod.Ready })
	for range rapid.IntRange(0, 5).Draw(m.T, "meanwhile") {
		if len(m.pods) == 0 {
			return
		}
		pod, what := m.pods[rapid.IntRange(0, len(m.pods)-1).Draw(m.T, "pod")], rapid.IntRange(8, 13).Draw(m.T, "what")
		switch {
		case !starting[pod]:
			m.work(pod, what)
		case !failing:
			m.grow(pod)
		}
	}
}

// grow brings a pod nearer to being ready.
func (m *model) grow(pod *modelPod) {
	switch {
	case !pod.Scheduled:
		pod.Scheduled, pod.node = true, rapid.IntRange(1, 3).Draw(m.T, "node")
	case !pod.Running:
		pod.Running, pod.Started = true, true
		m.obey(pod) // the first thing an agent does
		pod.agent.start()
	case !pod.Ready && pod.agent.process:
		pod.Ready, pod.readyAt = true, m.now
	}
}

// work plays a running pod and its reports.
func (m *model) work(pod *modelPod, what int) {
	agent := &pod.agent
	switch {
	case !pod.Started:
	case what <= 9 && agent.process && !agent.busy && !agent.cordoned:
		agent.busy, agent.since = true, m.now
	case what == 10 && agent.busy:
		agent.busy = false
		agent.process = !agent.cordoned
	case what == 11:
		m.obey(pod)
	case what >= 12:
		pod.report = modelReport{heard: true, at: m.now, agent: *agent}
	}
}

// obey lets an agent see its document.
func (m *model) obey(pod *modelPod) {
	agent := &pod.agent
	agent.revision, agent.cordoned = pod.revision, pod.Cordoned
	if agent.cordoned && !agent.busy {
		agent.process = false
	}
	agent.start()
}

// start starts a process if one is wanted and there is none.
func (a *modelAgent) start() {
	if !a.cordoned && !a.process {
		a.process, a.due = true, false
	}
}

// serving counts the pods that take jobs.
func (m *model) serving() int {
	n := 0
	for _, pod := range m.pods {
		if pod.Ready && !pod.Cordoned {
			n++
		}
	}
	return n
}

// reconcile is one pass of the operator.
func (m *model) reconcile() {
	plan := Decide(m.observe())
	before := m.serving()
	defer func() {
		if plan.Reason != Replacing {
			return
		}
		if after := m.serving(); after < before && after < int(m.wanted) {
			m.Fatalf("%d pods serve, %d did and %d are wanted: %+v", after, before, m.wanted, plan)
		}
		if plan.Replicas > m.wanted+m.together {
			m.Fatalf("%d replicas where %d are wanted, %d replaced at once", plan.Replicas, m.wanted, m.together)
		}
	}()
	for _, pod := range m.pods {
		cordon, uncordon := slices.Contains(plan.Cordon, pod.Name), slices.Contains(plan.Uncordon, pod.Name)
		if cordon || uncordon {
			pod.Cordoned, pod.CordonedAt = cordon, m.now
			pod.revision++
		}
		if cost, written := plan.Costs[pod.Name]; written {
			pod.DeletionCost = cost
		}
	}
	m.replicas = plan.Replicas
}

func (m *model) observe() Input {
	in := Input{Now: m.now, Wanted: m.wanted, Replicas: m.replicas, MaxReplaced: m.together, Silence: 1000 * time.Hour}
	for _, pod := range m.pods {
		seen := pod.Pod
		report := pod.report
		seen.Heard, seen.LastHeard = report.heard, report.at
		seen.Obeys = report.heard && report.agent.cordoned && pod.Cordoned && report.agent.revision >= pod.revision
		seen.Drained = seen.Obeys && !report.agent.process
		seen.Due = report.agent.due
		if report.agent.busy {
			seen.Busy, seen.JobStarted = 1, report.agent.since
		}
		in.Pods = append(in.Pods, seen)
	}
	return in
}

// replicaSet plays the ReplicaSet: it creates missing pods and removes surplus ones.
func (m *model) replicaSet() {
	for int32(len(m.pods)) < m.replicas {
		m.born++
		m.pods = append(m.pods, &modelPod{
			Pod: Pod{Name: fmt.Sprint("pod-", m.born), ReplicaSet: "set", Created: m.now},
			uid: fmt.Sprint(m.born * 7919 % 1000),
		})
	}
	for _, pod := range removeLikeReplicaSet(m.pods, len(m.pods)-int(m.replicas), m.now) {
		if pod.agent.busy {
			m.Fatalf("%s was removed in its job: %+v", pod.Name, pod)
		}
		m.removed++
		if pod.Retire || pod.agent.due {
			m.replaced++
		}
		m.pods = slices.DeleteFunc(m.pods, func(other *modelPod) bool { return other == pod })
	}
}

// comesToRest checks that once nothing changes any more, there are as many pods as wanted,
// all of them take jobs, and the operator writes nothing.
func (m *model) comesToRest() {
	for range 150 {
		m.reconcile()
		m.replicaSet()
		for _, pod := range m.pods {
			for range 3 {
				m.grow(pod)
			}
			for _, what := range []int{11, 10, 12} {
				m.work(pod, what)
			}
		}
	}
	plan := Decide(m.observe())
	if plan.Writes() || plan.Replicas != m.replicas || plan.Reason != Settled {
		m.Fatalf("at rest, the plan is %+v", plan)
	}
	if int32(len(m.pods)) != m.wanted {
		m.Fatalf("%d pods where %d are wanted", len(m.pods), m.wanted)
	}
	for _, pod := range m.pods {
		if pod.agent.cordoned || !pod.agent.process || pod.DeletionCost != 0 || pod.Retire || pod.agent.due {
			m.Fatalf("%s stays: %+v", pod.Name, pod)
		}
	}
}
