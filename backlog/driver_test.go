// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backlog

import (
	"testing"
	"time"
)

func TestTimesAreBounded(t *testing.T) {
	request := Request{Now: time.Unix(1_800_000_000, 250_000_000)}
	for second, want := range map[float64]float64{
		1_800_000_000: 0.25, 1_799_999_990: 10.25, 1_800_000_001: 0, 0: MaxSeconds, -1e11: MaxSeconds,
	} {
		if got := request.Age(second); *got != want {
			t.Errorf("Age(%g) = %g; want %g", second, *got, want)
		}
	}
	for second, want := range map[float64]float64{1_800_000_001: 0.75, 1_800_000_000: 0, 0: 0} {
		if got := request.Until(second); got == nil || *got != want {
			t.Errorf("Until(%g) = %v; want %g", second, got, want)
		}
	}
	if got := request.Until(1_800_000_000_000); got != nil {
		t.Errorf("a due time in milliseconds is in %g s; want never", *got)
	}
	if got := request.Second(); got != 1_800_000_000 {
		t.Errorf("Second() = %d; want it rounded down, as workers do", got)
	}
}
