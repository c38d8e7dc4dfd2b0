// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package throughput

import (
	"fmt"
	"math"
)

// FormatRate formats jobs per minute with one decimal, such as 118.4.
func FormatRate(jobsPerMinute float64) string {
	return fmt.Sprintf("%.1f", max(0, jobsPerMinute))
}

// FormatTime formats a duration in three digits or fewer: 0.012s, 0.92s, 41.3s, 2m05s,
// 1h05m. It rounds before it chooses the form, so that a value next to a limit does not
// show as 60.0s.
func FormatTime(seconds float64) string {
	s := max(0, seconds)
	switch {
	case s < 0.0995:
		return fmt.Sprintf("%.3fs", s)
	case s < 9.995:
		return fmt.Sprintf("%.2fs", s)
	case s < 59.95:
		return fmt.Sprintf("%.1fs", s)
	}
	whole := int64(math.Round(s))
	if whole < 3600 {
		return fmt.Sprintf("%dm%02ds", whole/60, whole%60)
	}
	minutes := int64(math.Round(s / 60))
	return fmt.Sprintf("%dh%02dm", minutes/60, minutes%60)
}

// FormatShare formats a share from 0 to 1 as a percentage with one decimal, such as
// 0.2%. Only zero is 0.0% and only one is 100.0%; other shares that would round to
// these are <0.1% and 99.9%.
func FormatShare(share float64) string {
	percent := 100 * min(max(0, share), 1)
	switch {
	case percent > 0 && percent < 0.05:
		return "<0.1%"
	case percent < 100 && percent >= 99.95:
		return "99.9%"
	}
	return fmt.Sprintf("%.1f%%", percent)
}
