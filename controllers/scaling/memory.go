// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import (
	"math"
	"slices"
	"time"
)

const (
	// The time constant of the arrival rate is the time in which rateJobs arrive, within
	// these bounds: the fewer jobs arrive, the longer it takes to distinguish a rate from
	// chance.
	rateJobs              = 100
	rateFastest, rateSlow = 30.0, 120.0 // seconds
	// serviceTime and serviceJobs limit what the service time remembers: an attempt is
	// forgotten once both are exceeded.
	serviceTime = time.Minute
	serviceJobs = 100
	// assumedService is the service time assumed for unknown jobs.
	assumedService = 5 * time.Second
	// The weight, in measured attempts, of a service time that was remembered, given by the
	// user, or assumed.
	rememberedWeight, toldWeight, assumedWeight = 20, 5, 1
	// rememberedRate is how long a remembered arrival rate counts as having been known.
	rememberedRate = time.Minute
	// surpriseRate, in jobs a second, and surpriseJobs, in jobs, are how much a measurement
	// may differ from the number that the rate predicts, beyond that number again.
	surpriseRate, surpriseJobs = 1, 1
	// slots is the number of parts into which the scale-down window and the target wait are
	// divided.
	slots = 24
)

// begin fills an empty memory from the status. The size it finds counts as asked for: no
// pool shrinks before a whole window was observed.
func (m Memory) begin(in Input) Memory {
	if !m.Since.IsZero() {
		return m
	}
	m = Memory{Since: in.Now, RateSince: in.Now, Rate: in.Remembered.ArrivalRate}
	if m.Rate > 0 {
		m.RateSince = in.Now.Add(-rememberedRate)
	}
	assumed := assumedService
	if in.Spec.Timeout > 0 {
		assumed = min(assumed, in.Spec.Timeout)
	}
	switch {
	case in.Remembered.ServiceTime > in.Spec.Rest:
		// The remembered time includes the rest, a measured one does not.
		m.Attempts, m.Seconds = rememberedWeight, (in.Remembered.ServiceTime - in.Spec.Rest).Seconds()
	case in.Spec.ExpectedJob > 0:
		m.Attempts, m.Seconds = toldWeight, in.Spec.ExpectedJob.Seconds()
	default:
		m.Attempts, m.Seconds = assumedWeight, assumed.Seconds()
	}
	m.Seconds *= m.Attempts
	m.Shown.ArrivalRate, m.Shown.Service = m.Rate, m.Seconds/m.Attempts+in.Spec.Rest.Seconds()
	m.Asked = []Asked{{At: in.Now, Processes: in.Current}}
	return m
}

// observe adds a measurement to the rates, once.
func (m Memory) observe(in Input) Memory {
	last, b := m.Measured, in.Backlog
	if !in.AgentsReadable || !b.MeasuredAt.After(last.At) {
		return m
	}
	now := Measurement{At: b.MeasuredAt, Inside: float64(b.Ready) + float64(b.Reserved), Ready: float64(b.Ready), Completed: in.Completed}
	if last.At.IsZero() {
		m.Measured = now
		m.Arrived = m.arrived(in)
		return m
	}
	ended := float64(max(0, now.Completed.Attempts-last.Completed.Attempts))
	arrived := ended + now.Inside - last.Inside
	now.Moved = ended > 0 || arrived > 0
	passed := now.At.Sub(last.At)
	m.Rate = nextRate(m.Rate, arrived, passed.Seconds(), now.At.Sub(m.RateSince).Seconds())
	m.Attempts, m.Seconds = m.nextService(ended, now.Completed.Seconds-last.Completed.Seconds, passed)
	m.Measured = now
	m.Arrived = m.arrived(in)
	return m
}

// nextRate returns the EWMA of the arrival rate after arrived jobs in passed seconds. It
// forgets no faster than the rate has been known: at first it is a plain mean.
func nextRate(rate, arrived, passed, known float64) float64 {
	expected := max(0, rate) * passed
	surprise := expected + surpriseRate*passed + surpriseJobs
	arrived = min(max(arrived, expected-surprise), expected+surprise)
	over := min(max(rateJobs/max(rate, 1e-9), rateFastest), rateSlow, max(known, passed))
	weight := -math.Expm1(-passed / over)
	return min(rate+weight*(arrived/passed-rate), 1e15)
}

// nextService forgets by time if many attempts end, and by number if few do.
func (m Memory) nextService(ended, took float64, passed time.Duration) (attempts, sum float64) {
	if ended <= 0 {
		return m.Attempts, m.Seconds
	}
	keep := max(math.Exp(-passed.Seconds()/serviceTime.Seconds()), math.Exp(-ended/serviceJobs))
	return min(keep*m.Attempts+ended, 1e15), min(keep*m.Seconds+finite(took), 1e15)
}

// service returns the time a process spends on a job, in seconds: the mean of the ended
// attempts. If the running jobs are older than that mean, they count too, each as if
// half done. So a pool learns of long jobs before the first of them ends.
func (m Memory) service(in Input) float64 {
	mean := m.Seconds / max(m.Attempts, 1e-9)
	if busy := float64(in.Busy); in.AgentsReadable && busy > 0 {
		likely := max(mean, 2*finite(in.BusyTime.Seconds())/busy-mean)
		mean = (m.Seconds + busy*likely) / (m.Attempts + busy)
	}
	return min(max(finite(mean), 1e-6)+finite(in.Spec.Rest.Seconds()), 1e9)
}

// arrived adds to the record of arrivals, which goes back as far as ages matter. All jobs
// of one slot count as arrived at its beginning.
func (m Memory) arrived(in Input) []Arrival {
	at, ever := in.Backlog.MeasuredAt, m.Measured.Inside+float64(m.Measured.Completed.Attempts)
	out := slices.DeleteFunc(slices.Clone(m.Arrived), func(a Arrival) bool {
		// More than ever arrived: jobs were removed, or processes outside the pool took
		// them.
		return a.Jobs > ever
	})
	width := max(Tick, in.targetWait()/slots)
	last := len(out) - 1
	switch {
	case last >= 0 && out[last].Jobs == ever:
	case last >= 0 && at.Sub(out[last].At) < width:
		out[last].Jobs = ever
	default:
		out = append(out, Arrival{At: at, Jobs: ever})
	}
	horizon := at.Add(-in.targetWait())
	for len(out) > 2*slots || len(out) > 1 && out[1].At.Before(horizon) {
		out = out[1:]
	}
	return out
}

// A group is a number of the oldest waiting jobs. Its youngest job has been ready for age
// seconds.
type group struct {
	jobs, age float64
}

// waiting divides the waiting jobs by age: a job waits if fewer jobs were taken than had
// arrived before it. Jobs in excess of the last measurement that was taken in, for example
// while an agent cannot be read, are younger than all of these. Jobs that are due soon are
// the youngest.
func (m Memory) waiting(in Input, soon float64) []group {
	b := in.Backlog
	ready := float64(b.Ready)
	taken := m.Measured.Inside - m.Measured.Ready + float64(m.Measured.Completed.Attempts)
	oldest := math.Inf(1)
	if b.Oldest != nil {
		oldest = max(0, b.Oldest.Seconds())
	}
	var out []group
	for _, a := range m.Arrived {
		if jobs := min(a.Jobs-taken, ready); jobs > 0 {
			out = append(out, group{jobs: jobs, age: min(max(0, b.MeasuredAt.Sub(a.At).Seconds()), oldest)})
		}
	}
	if ready > 0 && (len(out) == 0 || out[len(out)-1].jobs < ready) {
		out = append(out, group{jobs: ready})
	}
	if len(out) > 0 && b.Oldest != nil {
		out[0].age = oldest
	}
	if soon > 0 {
		out = append(out, group{jobs: ready + soon})
	}
	return out
}
