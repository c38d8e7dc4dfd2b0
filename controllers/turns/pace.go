// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package turns

const (
	// leastQuick is how many times in a row a slow one must be quick after its first
	// slow answer. maxRelapses bounds how often that number doubles.
	leastQuick  = 8
	maxRelapses = 4
	// forgiven is how many quick answers in a row make a quick one's relapses forgotten.
	forgiven = 128
)

// Pace tracks whether something that is asked again and again is slow to answer. The
// zero value is quick. One slow answer makes it slow. It is quick again after 8 quick
// answers in a row, and after twice as many each further time, up to 64. So something
// that is slow now and then takes a place among the quick ever more rarely.
type Pace struct {
	slow             bool
	streak, relapses int
}

// Slow reports whether it is slow.
func (p *Pace) Slow() bool { return p.slow }

// Answered records whether the last answer was quick.
func (p *Pace) Answered(quickly bool) {
	if !quickly {
		if !p.slow {
			p.slow, p.relapses = true, min(p.relapses+1, maxRelapses)
		}
		p.streak = 0
		return
	}
	p.streak++
	switch {
	case p.slow && p.streak >= leastQuick<<(p.relapses-1):
		p.slow, p.streak = false, 0
	case !p.slow && p.streak >= forgiven:
		p.relapses, p.streak = 0, 0
	}
}
