// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import "time"

// The budget for output without job events, for each stream of a process.
const (
	BudgetBurst = 4 << 20 // bytes
	BudgetRate  = 1 << 20 // bytes per second
)

// budget is a token bucket of bytes.
type budget struct {
	left  float64
	since time.Time
}

// take uses n bytes if that many are left, and reports whether it did.
func (b *budget) take(n int, now time.Time) bool {
	if b.since.IsZero() {
		b.left = BudgetBurst
	} else if passed := now.Sub(b.since); passed > 0 {
		b.left = min(BudgetBurst, b.left+passed.Seconds()*BudgetRate)
	}
	b.since = now
	if float64(n) > b.left {
		return false
	}
	b.left -= float64(n)
	return true
}
