// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/controllers/throughput"
)

func TestJobsAreSpreadOverTheTimeTheyEndedIn(t *testing.T) {
	type spread struct {
		from, to time.Duration
		jobs     int64
	}
	tests := map[string]struct {
		spreads []spread
		want    map[time.Duration]int64 // processed jobs by start of the bucket
	}{
		"within a bucket":          {[]spread{{6 * time.Second, 9 * time.Second, 7}}, map[time.Duration]int64{5 * time.Second: 7}},
		"over two buckets":         {[]spread{{4 * time.Second, 9 * time.Second, 10}}, map[time.Duration]int64{0: 2, 5 * time.Second: 8}},
		"before the epoch":         {[]spread{{-10 * time.Second, 5 * time.Second, 30}}, map[time.Duration]int64{-10 * time.Second: 10, -5 * time.Second: 10, 0: 10, 5 * time.Second: 0}},
		"one job over many":        {[]spread{{0, 20 * time.Second, 1}}, map[time.Duration]int64{0: 0, 5 * time.Second: 1, 10 * time.Second: 0, 15 * time.Second: 0, 20 * time.Second: 0}},
		"at one moment":            {[]spread{{7 * time.Second, 7 * time.Second, 5}}, map[time.Duration]int64{5 * time.Second: 5}},
		"from after to":            {[]spread{{8 * time.Second, 7 * time.Second, 5}}, map[time.Duration]int64{5 * time.Second: 5}},
		"twice into one bucket":    {[]spread{{5 * time.Second, 6 * time.Second, 5}, {6 * time.Second, 7 * time.Second, 2}}, map[time.Duration]int64{5 * time.Second: 7}},
		"a bucket taken again":     {[]spread{{0, time.Second, 5}, {500 * time.Second, 501 * time.Second, 2}}, map[time.Duration]int64{500 * time.Second: 2}},
		"the part within the ring": {[]spread{{-1000 * time.Second, time.Second, 1001}}, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSamples(epoch, 20*time.Second)
			end := time.Duration(0)
			var jobs int64
			for _, one := range tc.spreads {
				s.spread(epoch.Add(one.from), epoch.Add(one.to), counted(one.jobs))
				end, jobs = max(end, one.to), jobs+one.jobs
			}
			got := map[time.Duration]int64{}
			var sum, milliseconds int64
			for _, b := range s.buckets(epoch.Add(end + throughput.BucketWidth)) {
				got[b.Start.Sub(epoch)] = b.Processed
				sum += b.Processed
				milliseconds += b.Milliseconds
			}
			if tc.want == nil {
				// 66 buckets reach back 326 s to 330 s, each second of which has one job.
				if sum < 320 || sum > 330 {
					t.Errorf("%d jobs, want those of the time the ring holds", sum)
				}
				return
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("processed (-want +got):\n%s", diff)
			}
			if len(tc.spreads) == 1 && (sum != jobs || milliseconds != 500*jobs) {
				t.Errorf("sum = %d jobs, %d ms, want %d and %d", sum, milliseconds, jobs, 500*jobs)
			}
		})
	}
}

func TestSpreadingLosesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		s := newSamples(epoch, 20*time.Second)
		from := epoch.Add(time.Duration(random.Int64N(int64(20 * time.Second))))
		to := from.Add(time.Duration(random.Int64N(int64(5 * time.Minute))))
		want := protocol.Counters{
			Processed: random.Int64N(1e6), Failed: random.Int64N(10), Released: random.Int64N(3), JobMilliseconds: random.Int64N(1e14),
		}
		s.spread(from, to, want)
		var got protocol.Counters
		for _, b := range s.buckets(to.Add(throughput.BucketWidth)) {
			if b.Processed < 0 || b.Failed < 0 || b.Released < 0 || b.Milliseconds < 0 {
				t.Fatalf("bucket %+v is negative", b)
			}
			got.Processed += b.Processed
			got.Failed += b.Failed
			got.Released += b.Released
			got.JobMilliseconds += b.Milliseconds
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("from %s to %s (-want +got):\n%s", from, to, diff)
		}
	}
}

func TestSamplesEndWhereEveryPodHasBeenHeardOf(t *testing.T) {
	s := simulate(t)
	pods, agents := s.add(shop, 5, time.Millisecond)
	for i, a := range agents {
		// Each agent does one job every 100 ms.
		a.answer = func(now time.Time) (*protocol.Status, string) {
			return busy(pods[i].UID, int64(now.Sub(epoch)/(100*time.Millisecond))), ""
		}
	}
	s.track(pods...)
	s.run(2 * time.Minute)
	for range 50 {
		s.run(1700 * time.Millisecond)
		if got := compute(s); got.JobsPerMinute < 2990 || got.JobsPerMinute > 3010 {
			t.Fatalf("5 pods of 600 jobs a minute each make %.1f jobs a minute, want 3000", got.JobsPerMinute)
		}
	}
	agents[0].answer = silent
	s.run(5 * time.Minute)
	samples := s.snapshot().Samples
	if lag := s.now.Sub(samples.Until); lag > s.core.lag() {
		t.Errorf("a dead pod makes the samples end %s ago, want at most %s", lag, s.core.lag())
	}
	if got := throughput.Compute(samples); got.JobsPerMinute < 2390 || got.JobsPerMinute > 2410 {
		t.Errorf("the 4 others make %.1f jobs a minute, want 2400", got.JobsPerMinute)
	}
}

func TestWhatAFirstReportAddsToTheSamples(t *testing.T) {
	tests := map[string]struct {
		uptime  float64
		created time.Duration // before the first pull; 0 if unknown
		want    int64
	}{
		"an old pod is the baseline":                            {uptime: 4000, created: 4000 * time.Second},
		"a new pod counts in full":                              {uptime: 50, created: 55 * time.Second, want: 30},
		"a new agent in an old pod is the baseline":             {uptime: 50, created: 4000 * time.Second},
		"an old agent of unknown pod age is the baseline":       {uptime: 4000},
		"a new agent of unknown pod age counts in full":         {uptime: 50, want: 30},
		"an agent that tells no age in an old pod is the same":  {uptime: 0, created: 4000 * time.Second},
		"an agent that tells no age in a new pod counts":        {uptime: 0, created: 40 * time.Second, want: 30},
		"a pod created in the future counts by its agent's age": {uptime: 50, created: -time.Hour, want: 30},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := simulate(t)
			pods, agents := s.add(shop, 1, time.Millisecond)
			if tc.created != 0 {
				pods[0].Created = epoch.Add(-tc.created)
			}
			agents[0].answer = func(time.Time) (*protocol.Status, string) {
				status := busy(pods[0].UID, 30)
				status.UptimeSeconds = tc.uptime
				return status, ""
			}
			s.track(pods...)
			s.run(20 * time.Second)
			if got := compute(s).Ended; got != tc.want {
				t.Errorf("%d jobs in the last 5 minutes, want %d", got, tc.want)
			}
		})
	}
}

func TestALastWordAddsItsLastJobsToTheSamples(t *testing.T) {
	s, pod, jobs := working(t)
	*jobs = 10
	s.run(10 * time.Second)
	s.core.recordEnd(s.now, shop, telemetry.Ended{UID: pod.UID, Final: finalOf(12)})
	s.core.recordEnd(s.now, shop, telemetry.Ended{UID: pod.UID, Final: finalOf(15)})
	s.core.recordEnd(s.now, shop, telemetry.Ended{UID: pod.UID, Final: finalOf(15)})
	s.run(10 * time.Second)
	if got := compute(s); got.Ended != 15 || got.AverageSeconds != 0.5 {
		t.Errorf("throughput = %+v, want 15 jobs of 0.5 s", got)
	}
}

func TestANewPodThatEndsBeforeItsFirstPullCounts(t *testing.T) {
	s := simulate(t)
	s.track(Pod{UID: "new", Created: s.now.Add(-3 * time.Second)}, Pod{UID: "old", Created: s.now.Add(-time.Hour)}, Pod{UID: "of unknown age"})
	for _, uid := range []types.UID{"new", "old", "of unknown age"} {
		s.core.recordEnd(s.now, shop, telemetry.Ended{UID: uid, Final: finalOf(4)})
	}
	s.run(10 * time.Second)
	if got := compute(s).Ended; got != 4 {
		t.Errorf("%d jobs in the last 5 minutes, want the 4 of the new pod", got)
	}
}

func TestJobsOfAPodThatWasSilentAreSpreadOverTheSilence(t *testing.T) {
	s, _, jobs := working(t)
	s.run(time.Minute)
	agent := s.agents["uid-0"]
	answer := agent.answer
	agent.answer = silent
	s.run(3 * time.Minute)
	agent.answer = answer
	*jobs = 200
	s.core.nudge(s.now, shop)
	s.run(15 * time.Second)
	got := compute(s)
	if got.Ended != 200 || got.JobsPerMinute > 90 {
		t.Errorf("throughput = %+v, want the 200 jobs as about 60 a minute, not as a burst", got)
	}
}
