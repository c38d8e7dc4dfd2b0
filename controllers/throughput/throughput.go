// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package throughput turns counts of ended jobs into the figures of status.throughput:
// jobs per minute, mean time and share of failures.
//
// Jobs per minute cover the 60 seconds before Until, which is some seconds ago:
//
//	jobsPerMinute = 60 s / w × (jobs that ended within the last w)
//	w             = 60 s, or as long as the pool has been watched if that is shorter,
//	                but at least 10 s
//
// So a pool watched for 30 s shows twice the jobs seen, not half of the truth. The
// lower bound keeps the first job from being shown as 60 a minute: in the first 10 s
// the figure is too low rather than too high. If part of a bucket lies within the
// window, the same part of its jobs counts.
//
// Mean time and failure share are ratios, which need no such scaling. They cover what
// is known of the last 5 minutes.
package throughput

import "time"

const (
	// RateWindow is the time over which jobs per minute are measured.
	RateWindow = time.Minute
	// ShareWindow is the time over which the mean and the failure share are measured.
	ShareWindow = 5 * time.Minute
	// BucketWidth is the time one Bucket covers.
	BucketWidth = 5 * time.Second

	// minWatched is the shortest time from which a rate is extrapolated.
	minWatched = 10 * time.Second
)

// Bucket holds the attempts that ended within BucketWidth from Start on.
type Bucket struct {
	// Start is the beginning of the bucket, a multiple of BucketWidth.
	Start time.Time
	// Processed, Failed and Released are the attempts that ended, by outcome.
	Processed int64
	Failed    int64
	Released  int64
	// Milliseconds is the sum of the times of these attempts.
	Milliseconds int64
}

// Input is the input of Compute.
type Input struct {
	// Now is the present time.
	Now time.Time
	// Until is the time up to which the buckets are complete, and where the windows
	// end; zero means Now. Pods report their jobs a few seconds late, so a window up to
	// the present would show a pool as slower than it is.
	Until time.Time
	// Buckets may be in any order; buckets outside the windows are ignored.
	Buckets []Bucket
	// Since is when the pool's jobs began to be counted.
	Since time.Time
}

// Output holds the figures.
type Output struct {
	// JobsPerMinute is the rate of jobs that ended for good, processed or failed.
	JobsPerMinute float64
	// AverageSeconds is the mean time of an attempt; 0 if none ended.
	AverageSeconds float64
	// FailedShare is the share, from 0 to 1, of failed jobs among the jobs that ended
	// for good; 0 if none did.
	FailedShare float64
	// Ended is the number of jobs that ended for good within ShareWindow.
	Ended int64
}

// Compute returns the figures.
func Compute(in Input) Output {
	until := in.Now
	if !in.Until.IsZero() && in.Until.Before(until) {
		until = in.Until
	}
	watched := min(until.Sub(in.Since), RateWindow)
	var rated float64
	var sum Bucket
	for _, b := range in.Buckets {
		if overlap(b, until, ShareWindow) == 0 {
			continue
		}
		sum.Processed += b.Processed
		sum.Failed += b.Failed
		sum.Released += b.Released
		sum.Milliseconds += b.Milliseconds
		rated += float64(b.Processed+b.Failed) * overlap(b, until, watched)
	}
	ended := sum.Processed + sum.Failed
	out := Output{
		JobsPerMinute: rated * float64(time.Minute) / float64(max(watched, minWatched)),
		Ended:         ended,
	}
	if ended > 0 {
		out.FailedShare = float64(sum.Failed) / float64(ended)
	}
	if attempts := ended + sum.Released; attempts > 0 {
		out.AverageSeconds = float64(sum.Milliseconds) / 1000 / float64(attempts)
	}
	return out
}

// overlap returns which part of b lies within the window before until. Only the part of
// b before until counts.
func overlap(b Bucket, until time.Time, window time.Duration) float64 {
	end := b.Start.Add(BucketWidth)
	if end.After(until) {
		end = until
	}
	known := end.Sub(b.Start)
	if known <= 0 || window <= 0 {
		return 0
	}
	within := end.Sub(until.Add(-window))
	return float64(max(0, min(within, known))) / float64(known)
}
