// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package budget_test

import (
	"math"
	"strings"
	"testing"

	"queueworker.dev/queueworker/plugin/importing/budget"
)

// TestABudgetIsSpentOnce pays up to each bound, then one more, then an amount that would
// still fit.
func TestABudgetIsSpentOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		pay  func(b *budget.Budget, n int) error
		most int
		want string
	}{
		"steps": {(*budget.Budget).Steps, budget.MaxSteps, "more than 2000000 steps"},
		"bytes": {(*budget.Budget).Bytes, budget.MaxBytes, "more than 67108864 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			b := budget.New()
			if err := tc.pay(b, tc.most); err != nil {
				t.Fatalf("the budget is spent too early: %v", err)
			}
			for _, n := range []int{1, 0, math.MaxInt, math.MaxInt} {
				if err := tc.pay(b, n); err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("paying %d more gives %v, want %q", n, err, tc.want)
				}
			}
			if b.Steps(0) == nil || b.Bytes(0) == nil || b.Err() == nil {
				t.Error("a spent budget pays again")
			}
		})
	}
}
