// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package throughput

import (
	"math"
	"testing"
	"time"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// every returns buckets with the same content. The last one ends at now.
func every(age time.Duration, b Bucket) []Bucket {
	var out []Bucket
	for start := now.Add(-age); start.Before(now); start = start.Add(BucketWidth) {
		b.Start = start
		out = append(out, b)
	}
	return out
}

func TestCompute(t *testing.T) {
	ages := now.Add(-time.Hour)
	tests := map[string]struct {
		in   Input
		want Output
	}{
		"nothing is known":      {Input{Now: now}, Output{}},
		"nothing has ended":     {Input{Now: now, Since: ages, Buckets: every(time.Minute, Bucket{})}, Output{}},
		"watched from now on":   {Input{Now: now, Since: now, Buckets: every(time.Minute, Bucket{Processed: 5})}, Output{Ended: 60}},
		"watched from later on": {Input{Now: now, Since: now.Add(time.Minute), Buckets: every(time.Minute, Bucket{Processed: 5})}, Output{Ended: 60}},
		"a steady pool": {
			Input{Now: now, Since: ages, Buckets: every(6*time.Minute, Bucket{Processed: 9, Failed: 1, Released: 2, Milliseconds: 6000})},
			Output{JobsPerMinute: 120, AverageSeconds: 0.5, FailedShare: 0.1, Ended: 600},
		},
		"one that stopped two minutes ago": {
			Input{Now: now, Since: ages, Buckets: []Bucket{{Start: now.Add(-2 * time.Minute), Processed: 4, Milliseconds: 8000}}},
			Output{AverageSeconds: 2, Ended: 4},
		},
		"one that stopped six minutes ago": {
			Input{Now: now, Since: ages, Buckets: []Bucket{{Start: now.Add(-6 * time.Minute), Processed: 4, Milliseconds: 8000}}},
			Output{},
		},
		"watched for half a minute shows twice what was seen": {
			Input{Now: now, Since: now.Add(-30 * time.Second), Buckets: every(30*time.Second, Bucket{Processed: 10})},
			Output{JobsPerMinute: 120, Ended: 60},
		},
		"watched for 5 seconds is not taken for more than 10": {
			Input{Now: now, Since: now.Add(-5 * time.Second), Buckets: every(5*time.Second, Bucket{Processed: 1})},
			Output{JobsPerMinute: 6, Ended: 1},
		},
		"jobs from before the watch count for the share alone": {
			Input{Now: now, Since: now.Add(-30 * time.Second), Buckets: every(time.Minute, Bucket{Processed: 5, Failed: 5})},
			Output{JobsPerMinute: 120, FailedShare: 0.5, Ended: 120},
		},
		"a bucket partly within the minute counts in part": {
			Input{Now: now, Since: ages, Buckets: []Bucket{{Start: now.Add(-64 * time.Second), Processed: 10}}},
			Output{JobsPerMinute: 2, Ended: 10},
		},
		"a bucket that is still filling counts in full": {
			Input{Now: now, Since: ages, Buckets: []Bucket{{Start: now.Add(-time.Second), Processed: 10}}},
			Output{JobsPerMinute: 10, Ended: 10},
		},
		"a bucket from the future does not count": {
			Input{Now: now, Since: ages, Buckets: []Bucket{{Start: now, Processed: 10}, {Start: now.Add(time.Hour), Processed: 10}}},
			Output{},
		},
		"known up to some seconds ago": {
			Input{Now: now.Add(12 * time.Second), Until: now, Since: ages, Buckets: every(6*time.Minute, Bucket{Processed: 10})},
			Output{JobsPerMinute: 120, Ended: 600},
		},
		"known up to the future means up to now": {
			Input{Now: now, Until: now.Add(time.Minute), Since: ages, Buckets: every(6*time.Minute, Bucket{Processed: 10})},
			Output{JobsPerMinute: 120, Ended: 600},
		},
		"only released attempts": {
			Input{Now: now, Since: ages, Buckets: []Bucket{{Start: now.Add(-10 * time.Second), Released: 4, Milliseconds: 1000}}},
			Output{AverageSeconds: 0.25},
		},
		"only failures": {
			Input{Now: now, Since: ages, Buckets: []Bucket{{Start: now.Add(-10 * time.Second), Failed: 3}}},
			Output{JobsPerMinute: 3, FailedShare: 1, Ended: 3},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := Compute(tc.in)
			if got.Ended != tc.want.Ended || !near(got.JobsPerMinute, tc.want.JobsPerMinute) ||
				!near(got.AverageSeconds, tc.want.AverageSeconds) || !near(got.FailedShare, tc.want.FailedShare) {
				t.Errorf("Compute = %+v, want %+v", got, tc.want)
			}
		})
	}
}

// near compares figures that were added up in floating point.
func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

// TestASteadyPoolShowsASteadyRate moves Now through a bucket. The rate of a pool that
// works evenly must not depend on the place of Now in a bucket.
func TestASteadyPoolShowsASteadyRate(t *testing.T) {
	const perBucket = 7
	for offset := time.Duration(0); offset < BucketWidth; offset += 100 * time.Millisecond {
		at := now.Add(offset)
		buckets := every(6*time.Minute, Bucket{Processed: perBucket})
		if offset > 0 {
			part := int64(math.Round(perBucket * 1000 * float64(offset) / float64(BucketWidth)))
			for i := range buckets {
				buckets[i].Processed *= 1000
			}
			buckets = append(buckets, Bucket{Start: now, Processed: part})
			if got := Compute(Input{Now: at, Since: now.Add(-time.Hour), Buckets: buckets}).JobsPerMinute; math.Abs(got-perBucket*12*1000) > 1 {
				t.Errorf("%s into a bucket: %.2f jobs a minute, want %d", offset, got, perBucket*12*1000)
			}
		}
	}
}

func TestFormatRate(t *testing.T) {
	for rate, want := range map[float64]string{0: "0.0", -1: "0.0", 0.04: "0.0", 0.05: "0.1", 118.42: "118.4", 118.46: "118.5", 12345.6: "12345.6"} {
		if got := FormatRate(rate); got != want {
			t.Errorf("FormatRate(%v) = %q, want %q", rate, got, want)
		}
	}
}

func TestFormatTime(t *testing.T) {
	for seconds, want := range map[float64]string{
		-1: "0.000s", 0: "0.000s", 0.0004: "0.000s", 0.0041: "0.004s", 0.0123: "0.012s", 0.0994: "0.099s",
		0.0996: "0.10s", 0.1: "0.10s", 0.92: "0.92s", 9.99: "9.99s", 9.996: "10.0s", 41.3: "41.3s", 59.94: "59.9s",
		59.96: "1m00s", 60: "1m00s", 125: "2m05s", 3599.4: "59m59s", 3599.6: "1h00m", 3900: "1h05m", 360000: "100h00m",
	} {
		if got := FormatTime(seconds); got != want {
			t.Errorf("FormatTime(%v) = %q, want %q", seconds, got, want)
		}
	}
}

func TestFormatShare(t *testing.T) {
	for share, want := range map[float64]string{
		-1: "0.0%", 0: "0.0%", 0.0001: "<0.1%", 0.00049: "<0.1%", 0.0005: "0.1%", 0.002: "0.2%", 0.5: "50.0%",
		0.999: "99.9%", 0.9996: "99.9%", 0.999999: "99.9%", 1: "100.0%", 7: "100.0%",
	} {
		if got := FormatShare(share); got != want {
			t.Errorf("FormatShare(%v) = %q, want %q", share, got, want)
		}
	}
}
