// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/controllers/throughput"
)

func compute(s *simulation) throughput.Output { return throughput.Compute(s.snapshot().Samples) }

func counted(processed int64) protocol.Counters {
	return protocol.Counters{Processed: processed, JobMilliseconds: 500 * processed}
}

func finalOf(processed int64) *protocol.Final {
	return &protocol.Final{Version: 1, Counters: counted(processed), Complete: true}
}

// working gives a pool one pod that has done the number of jobs that the last result
// points to.
func working(t *testing.T) (s *simulation, pod Pod, jobs *int64) {
	s = simulate(t)
	pods, agents := s.add(shop, 1, time.Millisecond)
	jobs = new(int64)
	agents[0].answer = func(time.Time) (*protocol.Status, string) { return busy(pods[0].UID, *jobs), "" }
	s.track(pods...)
	s.run(time.Second)
	return s, pods[0], jobs
}

func TestAnEndCarriesWhatWasPulledLast(t *testing.T) {
	s, pod, jobs := working(t)
	*jobs = 10
	s.run(10 * time.Second)
	s.forgetWakes()
	s.core.recordEnd(s.now, shop, telemetry.Ended{UID: pod.UID, Name: pod.Name, Started: true, Final: finalOf(12)})
	s.step()
	want := []telemetry.Ended{{UID: pod.UID, Name: pod.Name, Started: true, Tracked: true, Final: finalOf(12), LastPulled: new(counted(10))}}
	if diff := cmp.Diff(want, s.snapshot().Ended); diff != "" {
		t.Errorf("ended (-want +got):\n%s", diff)
	}
	if len(s.wakes) != 1 {
		t.Errorf("%d wakes for an end, want 1", len(s.wakes))
	}
	if got := len(s.snapshot().Pods); got != 0 {
		t.Errorf("%d pods are still reported, want none", got)
	}
}

func TestAnEndOfAPodNobodyKnewIsKept(t *testing.T) {
	s := simulate(t)
	s.core.recordEnd(s.now, shop, telemetry.Ended{UID: "unknown", Name: "emails-worker-1"})
	want := []telemetry.Ended{{UID: "unknown", Name: "emails-worker-1"}}
	if diff := cmp.Diff(want, s.snapshot().Ended); diff != "" {
		t.Errorf("ended (-want +got):\n%s", diff)
	}
}

func TestAnEndToldAgain(t *testing.T) {
	tests := map[string]struct {
		first, second telemetry.Ended
		want          telemetry.Ended
		wantWakes     int
	}{
		"with the same words changes nothing": {
			first: telemetry.Ended{Final: finalOf(5), Started: true}, second: telemetry.Ended{Final: finalOf(5), Started: true},
			want: telemetry.Ended{Final: finalOf(5), Started: true}, wantWakes: 1,
		},
		"without a last word changes nothing": {
			first: telemetry.Ended{Final: finalOf(5), Started: true}, second: telemetry.Ended{},
			want: telemetry.Ended{Final: finalOf(5), Started: true}, wantWakes: 1,
		},
		"with an older last word changes nothing": {
			first: telemetry.Ended{Final: finalOf(5)}, second: telemetry.Ended{Final: finalOf(4)},
			want: telemetry.Ended{Final: finalOf(5)}, wantWakes: 1,
		},
		"with a first last word adds it": {
			first: telemetry.Ended{}, second: telemetry.Ended{Final: finalOf(5)},
			want: telemetry.Ended{Final: finalOf(5)}, wantWakes: 2,
		},
		"with a later last word replaces it": {
			first: telemetry.Ended{Final: finalOf(5)}, second: telemetry.Ended{Final: finalOf(6)},
			want: telemetry.Ended{Final: finalOf(6)}, wantWakes: 2,
		},
		"as one that had started adds that": {
			first: telemetry.Ended{}, second: telemetry.Ended{Started: true},
			want: telemetry.Ended{Started: true}, wantWakes: 2,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := simulate(t)
			for _, end := range []telemetry.Ended{tc.first, tc.second} {
				end.UID = "uid"
				s.core.recordEnd(s.now, shop, end)
				s.step()
			}
			tc.want.UID = "uid"
			if diff := cmp.Diff([]telemetry.Ended{tc.want}, s.snapshot().Ended); diff != "" {
				t.Errorf("ended (-want +got):\n%s", diff)
			}
			if len(s.wakes) != tc.wantWakes {
				t.Errorf("%d wakes, want %d", len(s.wakes), tc.wantWakes)
			}
		})
	}
}

func TestALastWordOlderThanTheLastPullIsNotTaken(t *testing.T) {
	s, pod, jobs := working(t)
	*jobs = 10
	s.run(10 * time.Second)
	s.core.recordEnd(s.now, shop, telemetry.Ended{UID: pod.UID, Final: finalOf(9)})
	if got := s.snapshot().Ended[0]; got.Final != nil || got.LastPulled.Processed != 10 {
		t.Errorf("ended = %+v, want no last word and the counts pulled last", got)
	}
}

func TestASettledEndIsGoneForGood(t *testing.T) {
	s, pod, _ := working(t)
	s.core.recordEnd(s.now, shop, telemetry.Ended{UID: pod.UID})
	s.core.recordEnd(s.now, shop, telemetry.Ended{UID: "other"})
	s.core.settle(shop, []types.UID{pod.UID, "never heard of"})
	if diff := cmp.Diff([]telemetry.Ended{{UID: "other"}}, s.snapshot().Ended); diff != "" {
		t.Errorf("ended (-want +got):\n%s", diff)
	}
	s.step()
	s.forgetWakes()
	s.core.recordEnd(s.now, shop, telemetry.Ended{UID: pod.UID, Final: finalOf(1)})
	s.track(pod)
	s.run(10 * time.Second)
	snapshot := s.snapshot()
	if len(snapshot.Ended) != 1 || len(snapshot.Pods) != 0 || len(s.wakes) != 0 {
		t.Errorf("a settled pod came back: ended %v, pods %v, wakes %v", snapshot.Ended, snapshot.Pods, s.wakes)
	}
}

func TestTheMemoryOfSettledEndsIsBounded(t *testing.T) {
	s := simulate(t)
	for i := range 3 * maxSettled {
		uid := types.UID(fmt.Sprint(i))
		s.core.recordEnd(s.now, shop, telemetry.Ended{UID: uid})
		s.core.settle(shop, []types.UID{uid})
	}
	p := s.core.pools[shop]
	if len(p.settled) != maxSettled || p.settledOrder.Len() > 4*maxSettled || len(p.ended) != 0 || len(p.endings) != 0 {
		t.Errorf("kept: %d settled, %d in their order, %d ended", len(p.settled), p.settledOrder.Len(), len(p.ended))
	}
}

func TestAPodMissingFromTheListUntilItsEndIsToldKeepsItsCounts(t *testing.T) {
	s, pod, jobs := working(t)
	*jobs = 10
	s.run(10 * time.Second)
	s.track()
	if diff := cmp.Diff([]types.UID{pod.UID}, s.snapshot().Departed); diff != "" {
		t.Errorf("departed (-want +got):\n%s", diff)
	}
	s.core.recordEnd(s.now, shop, telemetry.Ended{UID: pod.UID})
	snapshot := s.snapshot()
	if len(snapshot.Departed) != 0 || len(snapshot.Ended) != 1 || snapshot.Ended[0].LastPulled.Processed != 10 || !snapshot.Ended[0].Tracked {
		t.Errorf("snapshot = %+v, want the end with the counts pulled last", snapshot)
	}
}

func TestADepartedPodIsForgottenAfterAWhile(t *testing.T) {
	s, _, _ := working(t)
	s.track()
	s.run(departedFor + time.Second)
	if got := s.snapshot().Departed; len(got) != 0 {
		t.Errorf("departed = %v, want none after %s", got, departedFor)
	}
	s.track()
	if got := len(s.core.pools[shop].departed); got != 0 {
		t.Errorf("%d departed pods are still held", got)
	}
}

func TestAPodThatComesBackIntoTheListIsKnown(t *testing.T) {
	s, pod, jobs := working(t)
	*jobs = 10
	s.run(10 * time.Second)
	s.track()
	s.forgetWakes()
	s.track(pod)
	s.run(time.Second)
	if got := s.snapshot().Pods[pod.UID]; got.Status == nil || len(s.wakes) != 0 {
		t.Errorf("report %+v, wakes %v, want the old report and no wake", got, s.wakes)
	}
}

func TestAPodWithoutAnAddressIsListedButNotPulled(t *testing.T) {
	s := simulate(t)
	pods, agents := s.add(shop, 1, time.Millisecond)
	pending := pods[0]
	pending.Address = ""
	s.track(pending)
	s.core.nudge(s.now, shop)
	s.run(time.Minute)
	if _, ok := s.snapshot().Pods[pending.UID]; !ok || len(agents[0].pulls) != 0 {
		t.Errorf("pods %v, %d pulls, want the pod and no pull", s.snapshot().Pods, len(agents[0].pulls))
	}
	s.track(pods...)
	s.run(time.Second)
	s.track(pending)
	before := len(agents[0].pulls)
	s.run(time.Minute)
	got := s.snapshot().Pods[pending.UID]
	if got.Status == nil || len(agents[0].pulls) != before || got.Error != "" {
		t.Errorf("report %+v after %d more pulls, want the last status and no pull once the pod has ended", got, len(agents[0].pulls)-before)
	}
}

func TestCountsThatGoDownAreALie(t *testing.T) {
	s, pod, jobs := working(t)
	*jobs = 10
	s.run(10 * time.Second)
	*jobs = 9
	s.run(10 * time.Second)
	got := s.snapshot().Pods[pod.UID]
	want := "The agent at " + pod.Address + " reports counts that decreased (processed from 10 to 9), but an agent's counts never decrease; its last good report stays."
	if got.Error != want || got.Status.Counters.Processed != 10 {
		t.Errorf("error %q, processed %d, want %q and the 10 of before", got.Error, got.Status.Counters.Processed, want)
	}
}

func TestDecreased(t *testing.T) {
	exits := func(n int64) map[protocol.ExitReason]int64 {
		return map[protocol.ExitReason]int64{protocol.ExitMaxJobs: n}
	}
	tests := map[string]struct {
		prev, next protocol.Counters
		want       string
	}{
		"the same":             {counted(1), counted(1), ""},
		"more":                 {counted(1), counted(2), ""},
		"less failed":          {protocol.Counters{Failed: 2}, protocol.Counters{Failed: 1}, "failed from 2 to 1"},
		"less released":        {protocol.Counters{Released: 2}, protocol.Counters{}, "released from 2 to 0"},
		"less time":            {protocol.Counters{JobMilliseconds: 2}, protocol.Counters{}, "jobMilliseconds from 2 to 0"},
		"more exits":           {protocol.Counters{Exits: exits(1)}, protocol.Counters{Exits: exits(2)}, ""},
		"less exits":           {protocol.Counters{Exits: exits(2)}, protocol.Counters{Exits: exits(1)}, "MaxJobs exits from 2 to 1"},
		"a reason disappeared": {protocol.Counters{Exits: exits(2)}, protocol.Counters{}, "MaxJobs exits from 2 to 0"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := decreased(tc.prev, tc.next); got != tc.want {
				t.Errorf("decreased = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestASnapshotOfAnUnknownPoolIsEmpty(t *testing.T) {
	got := simulate(t).snapshot()
	if got.Pods == nil || len(got.Pods)+len(got.Ended)+len(got.Departed)+len(got.Samples.Buckets) != 0 {
		t.Errorf("snapshot = %+v", got)
	}
}

func TestASnapshotIsACopy(t *testing.T) {
	s, pod, _ := working(t)
	s.core.recordEnd(s.now, shop, telemetry.Ended{UID: "other"})
	before := s.snapshot()
	delete(before.Pods, pod.UID)
	before.Ended[0].UID = "changed"
	after := s.snapshot()
	if len(after.Pods) != 1 || after.Ended[0].UID != "other" {
		t.Errorf("a change of a snapshot shows in the next: %+v", after)
	}
}

// TestOfPodsThatAreGoneOnlyTheCountsAreKept: a pod's report may be a thousand times as
// large as its counts, and pods can come and go all the time.
func TestOfPodsThatAreGoneOnlyTheCountsAreKept(t *testing.T) {
	s, pod, jobs := working(t)
	*jobs = 10
	s.run(10 * time.Second)
	target := s.core.pools[shop].pods[pod.UID]
	s.track()
	s.run(blip + time.Second)
	s.track()
	if target.status != nil || target.counts().Processed != 10 {
		t.Errorf("of a departed pod status %v and counts %v are kept, want its counts alone", target.status, target.counts())
	}
	s.track(pod)
	*jobs = 9
	s.run(time.Second)
	report := s.snapshot().Pods[pod.UID]
	if report.Status != nil || !report.PulledAt.IsZero() || !strings.Contains(report.Error, "counts that decreased") {
		t.Errorf("a pod that is back with fewer jobs has the report %+v, want none", report)
	}
	*jobs = 12
	s.run(time.Minute)
	sampled := int64(0)
	for _, bucket := range s.snapshot().Latest {
		sampled += bucket.Processed
	}
	if got := s.snapshot().Pods[pod.UID].Status; got == nil || got.Counters.Processed != 12 || sampled != 12 {
		t.Errorf("a pod that is back has the report %+v and samples of %d jobs, want 12 jobs in both", got, sampled)
	}
	last := s.core.pools[shop].pods[pod.UID].status
	s.core.recordEnd(s.now, shop, telemetry.Ended{UID: pod.UID})
	ended := s.core.pools[shop].ended[0]
	if ended.LastPulled == &last.Counters || ended.counted == &last.Counters || ended.LastPulled.Processed != 12 {
		t.Errorf("the end of a pod keeps its whole status: %+v", ended)
	}
}
