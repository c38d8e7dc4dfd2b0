// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

const (
	minute = 60.0
	hour   = 3600.0
)

// Scenarios returns the scenarios to which the bars apply.
func Scenarios() []Scenario {
	return []Scenario{
		{
			Name: "burst", Title: "10 jobs/s of 0.2 s, and 200/s for a minute", Target: 60, Min: 1, Max: 100,
			Told: 0.2, Timeout: 60, Until: 2 * hour, Jobs: burst,
		},
		{
			Name: "slower", Title: "2 jobs/s, from 0.5 s to 5 s at once", Target: 60, Min: 1, Max: 100,
			Told: 0.5, Timeout: 60, Until: 2 * hour, Jobs: slower,
		},
		{
			Name: "batch", Title: "hourly batch of 120 jobs of 1 to 20 min", Target: 300, Min: 0, Max: 150,
			Told: 630, Timeout: 1500, Until: 4 * hour, Jobs: batch,
		},
		{
			Name: "wave", Title: "daily wave, 0.1 to 4 jobs/s of 1 s", Target: 60, Min: 1, Max: 100,
			Told: 1, Timeout: 60, Until: 24 * hour, Jobs: wave,
		},
		{
			Name: "creep", Title: "1 job/s, creeping from 1 s to 10 s", Target: 60, Min: 1, Max: 100,
			Told: 1, Timeout: 120, Until: 3 * hour, Jobs: creep,
		},
	}
}

// poisson returns arrivals at a rate that changes over time and is at most highest. The
// service times vary like exponential ones around a mean.
func poisson(seed uint64, until, highest float64, rate, mean func(t float64) float64) []Job {
	random := rand.New(rand.NewPCG(seed, 1))
	var jobs []Job
	for t := random.ExpFloat64() / highest; t < until; t += random.ExpFloat64() / highest {
		if random.Float64()*highest < rate(t) {
			jobs = append(jobs, Job{At: t, Service: mean(t) * random.ExpFloat64()})
		}
	}
	return jobs
}

func always(x float64) func(float64) float64 { return func(float64) float64 { return x } }

func burst(seed uint64) []Job {
	return poisson(seed, 2*hour, 200, func(t float64) float64 {
		if t >= hour/2 && t < hour/2+minute {
			return 200
		}
		return 10
	}, always(0.2))
}

func slower(seed uint64) []Job {
	return poisson(seed, 2*hour, 2, always(2), func(t float64) float64 {
		if t < hour {
			return 0.5
		}
		return 5
	})
}

func batch(seed uint64) []Job {
	random := rand.New(rand.NewPCG(seed, 1))
	var jobs []Job
	for start := 5 * minute; start < 4*hour; start += hour {
		for range 120 {
			// A batch is put within ten seconds.
			jobs = append(jobs, Job{At: start + 10*random.Float64(), Service: minute + 19*minute*random.Float64()})
		}
	}
	slices.SortFunc(jobs, func(a, b Job) int { return cmp.Compare(a.At, b.At) })
	return jobs
}

func wave(seed uint64) []Job {
	return poisson(seed, 24*hour, 4, func(t float64) float64 {
		return 2.05 - 1.95*math.Cos(2*math.Pi*t/(24*hour))
	}, always(1))
}

func creep(seed uint64) []Job {
	return poisson(seed, 3*hour, 1, always(1), func(t float64) float64 {
		return 1 + 9*min(max(0, (t-hour/2)/(2*hour)), 1)
	})
}
