// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const silence = 2 * time.Minute

// check runs a property on a number of generated cases, and on ten times as many in the
// long form.
func check(t *testing.T, cases int, property func(*rapid.T)) {
	t.Helper()
	if os.Getenv("QUEUEWORKER_LONG") == "1" {
		cases *= 10
	}
	checks := flag.Lookup("rapid.checks")
	if checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set(strconv.Itoa(cases)); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = checks.Value.Set(checks.DefValue) }()
	}
	rapid.Check(t, property)
}

// anyInput draws any pool at any moment. Each pod comes from one number, because there are
// many pods.
func anyInput(t *rapid.T) Input {
	in := Input{
		Now: now, Silence: silence,
		Wanted:   int32(rapid.IntRange(0, 7).Draw(t, "wanted")),
		Replicas: int32(rapid.IntRange(0, 7).Draw(t, "replicas")),
	}
	sets := 1
	if kind := rapid.IntRange(0, 5).Draw(t, "rollout"); kind > 3 {
		in.RollingOut, in.DeadlinePassed, in.MaxSurge = true, kind == 5, 2
		sets = rapid.IntRange(1, 3).Draw(t, "sets")
	}
	in.MaxReplaced = int32(rapid.IntRange(0, 3).Draw(t, "replaced at once"))
	in.Awaiting = rapid.IntRange(0, 9).Draw(t, "awaiting") == 0
	replaces := rapid.IntRange(0, 2).Draw(t, "replaces") > 0
	for i, bits := range rapid.SliceOfN(rapid.Uint64(), 0, 9).Draw(t, "pods") {
		pod := anyPod(i, sets, bits)
		if replaces {
			pod.Retire = bits>>60 == 0
			pod.Due = pod.Heard && bits>>58&3 == 0
		}
		in.Pods = append(in.Pods, pod)
	}
	return in
}

// anyPod makes a possible pod from random bits.
func anyPod(i, sets int, bits uint64) Pod {
	take := func(n uint64) uint64 {
		taken := bits % n
		bits /= n
		return taken
	}
	stage := take(8) // of a pod's life; most are ready
	pod := Pod{
		Name: fmt.Sprint("pod-", i), Created: now.Add(-time.Duration(take(100)) * time.Second),
		ReplicaSet: types.UID(fmt.Sprint("set-", take(uint64(sets)))),
		Scheduled:  stage > 0, Running: stage > 1, Ready: stage > 2,
		Started: stage > 1 || stage == 1 && take(4) == 0,
	}
	pod.DeletionCost = [...]int32{0, 0, 0, MinimumCost, MinimumCost, 5, -5}[take(7)]
	pod.Cordoned = take(2) == 0
	if pod.Cordoned {
		pod.CordonedAt = now.Add(-time.Duration(take(200)) * time.Second)
		switch take(10) {
		case 0:
			pod.CordonedAt = time.Time{}
		case 1:
			pod.CordonedAt = now.Add(time.Hour)
		}
	}
	pod.Heard = pod.Started && take(5) > 0
	if !pod.Heard {
		return pod
	}
	pod.LastHeard = now.Add(-time.Duration([...]uint64{1, 1, 30, 300}[take(4)]) * time.Second)
	pod.Busy = int(take(3))
	pod.Obeys = pod.Cordoned && take(3) > 0
	if pod.Obeys && take(2) == 0 {
		pod.Drained, pod.Busy = true, 0
	}
	if pod.Busy > 0 {
		pod.JobStarted = now.Add(-time.Duration(take(100)) * time.Second)
	}
	return pod
}

// apply returns the pool after a plan was carried out, before agents have heard of it and
// before controllers have done anything.
func apply(in Input, plan Plan) Input {
	in.Replicas = plan.Replicas
	in.Pods = slices.Clone(in.Pods)
	for i := range in.Pods {
		pod := &in.Pods[i]
		if slices.Contains(plan.Cordon, pod.Name) {
			if !pod.Cordoned {
				pod.Obeys, pod.Drained = false, false
			}
			pod.Cordoned, pod.CordonedAt = true, in.Now
		}
		if slices.Contains(plan.Uncordon, pod.Name) {
			pod.Cordoned, pod.CordonedAt, pod.Obeys, pod.Drained = false, time.Time{}, false, false
		}
		if cost, written := plan.Costs[pod.Name]; written {
			pod.DeletionCost = cost
		}
	}
	return in
}

// harmless reports, by the words of the package comment, whether no job is lost with a pod
// once a plan was carried out.
func harmless(in Input, pod Pod) bool {
	if !pod.Started && !pod.Heard {
		return true
	}
	if !pod.Cordoned {
		return false
	}
	if pod.Obeys {
		return pod.Drained || in.Now.Sub(pod.CordonedAt) >= in.Silence && in.Now.Sub(pod.LastHeard) >= in.Silence
	}
	return !pod.CordonedAt.IsZero() && in.Now.Sub(pod.CordonedAt) >= in.Silence
}

// lostTo returns the pods that a ReplicaSet might remove if it has n too many: the pods it
// ranks lowest, and all pods that it may rank equal to the last of them.
func lostTo(pods []Pod, n int) []Pod {
	if n <= 0 {
		return nil
	}
	pods = slices.Clone(pods)
	if n >= len(pods) {
		return pods
	}
	slices.SortFunc(pods, func(a, b Pod) int { return compareClasses(a.class(), b.class()) })
	last := pods[n-1].class()
	return slices.DeleteFunc(pods, func(pod Pod) bool { return compareClasses(pod.class(), last) > 0 })
}
