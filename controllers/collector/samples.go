// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/throughput"
)

// samples are the attempts of a pool that ended recently, in consecutive buckets from
// an epoch on. Time is measured from the epoch, so that a step of the wall clock does
// not move the buckets.
type samples struct {
	epoch time.Time
	// ring holds bucket number n at index n modulo its length; empty until a job ends.
	ring []sample
	size int
}

type sample struct {
	number int64
	counts throughput.Bucket
}

// newSamples returns samples that reach back over the longest window of throughput
// and lag.
func newSamples(epoch time.Time, lag time.Duration) samples {
	return samples{epoch: epoch, size: int((throughput.ShareWindow+lag)/throughput.BucketWidth) + 2}
}

// number returns the number of the bucket that at falls in, negative before the epoch.
func (s *samples) number(at time.Time) int64 {
	since := at.Sub(s.epoch)
	n := int64(since / throughput.BucketWidth)
	if since < 0 && since%throughput.BucketWidth != 0 {
		n--
	}
	return n
}

// start returns the beginning of the bucket with the given number.
func (s *samples) start(number int64) time.Time {
	return s.epoch.Add(time.Duration(number) * throughput.BucketWidth)
}

// spread distributes the attempts that ended between from and to evenly over that time.
func (s *samples) spread(from, to time.Time, ended protocol.Counters) {
	if s.ring == nil {
		s.ring = make([]sample, s.size)
	}
	last := s.number(to)
	first := max(s.number(from), last-int64(s.size)+1)
	length := float64(to.Sub(from))
	share := func(boundary time.Time) float64 {
		if length <= 0 {
			return 1
		}
		return min(1, max(0, float64(boundary.Sub(from))/length))
	}
	// The part before the ring is passed over with the first bucket's lower boundary.
	before := 0.0
	if first > s.number(from) {
		before = share(s.start(first))
	}
	for n := first; n <= last; n++ {
		after := 1.0
		if n < last {
			after = share(s.start(n + 1))
		}
		s.add(n, before, after, ended)
		before = after
	}
}

// add puts the part of ended between two shares of it into a bucket. It rounds both
// shares and takes their difference, which keeps the sum over all buckets exact.
func (s *samples) add(number int64, before, after float64, ended protocol.Counters) {
	part := func(whole int64) int64 {
		return int64(math.Round(float64(whole)*after)) - int64(math.Round(float64(whole)*before))
	}
	size := int64(len(s.ring))
	slot := &s.ring[((number%size)+size)%size]
	if slot.number != number || slot.counts.Start.IsZero() {
		*slot = sample{number: number, counts: throughput.Bucket{Start: s.start(number)}}
	}
	slot.counts.Processed += part(ended.Processed)
	slot.counts.Failed += part(ended.Failed)
	slot.counts.Released += part(ended.Released)
	slot.counts.Milliseconds += part(ended.JobMilliseconds)
}

// buckets returns a copy of the buckets that ended by until, as far back as the ring
// reaches.
func (s *samples) buckets(until time.Time) []throughput.Bucket {
	var out []throughput.Bucket
	end := s.number(until)
	for _, b := range s.ring {
		if !b.counts.Start.IsZero() && b.number < end && b.number >= end-int64(s.size) {
			out = append(out, b.counts)
		}
	}
	return out
}

// endedBetween returns the counts by which next exceeds prev, without exits.
func endedBetween(prev, next protocol.Counters) protocol.Counters {
	return protocol.Counters{
		Processed:       next.Processed - prev.Processed,
		Failed:          next.Failed - prev.Failed,
		Released:        next.Released - prev.Released,
		JobMilliseconds: next.JobMilliseconds - prev.JobMilliseconds,
	}
}

// decreased names the count of next that is below the same count of prev; empty if none is.
func decreased(prev, next protocol.Counters) string {
	for _, count := range []struct {
		name     string
		from, to int64
	}{
		{"processed", prev.Processed, next.Processed},
		{"failed", prev.Failed, next.Failed},
		{"released", prev.Released, next.Released},
		{"jobMilliseconds", prev.JobMilliseconds, next.JobMilliseconds},
	} {
		if count.to < count.from {
			return fmt.Sprintf("%s from %d to %d", count.name, count.from, count.to)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(prev.Exits)) {
		if from, to := prev.Exits[reason], next.Exits[reason]; to < from {
			return fmt.Sprintf("%s exits from %d to %d", reason, from, to)
		}
	}
	return ""
}
