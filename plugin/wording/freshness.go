// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package wording

import (
	"fmt"

	"queueworker.dev/queueworker/console/view"
)

// Freshness returns how old rows are and why; empty if all are live.
func Freshness(f view.Freshness) string {
	if f.Code == "" {
		return ""
	}
	return freshnessTexts[f.Code](f)
}

var freshnessTexts = map[view.FreshnessCode]func(view.Freshness) string{
	view.PodsRefused:   refused("you may not list pods"),
	view.AgentsRefused: refused("you may not `get` `pods/proxy`"),
	view.AgentsSilent: func(f view.Freshness) string {
		return fmt.Sprintf("%d of %d pods do not answer; their rows come from the status of %s. The last error: %s", f.Silent, f.Running, age(f), view.Clean(f.Silence))
	},
}

// refused returns a text for a caller who lacks a right.
func refused(why string) func(view.Freshness) string {
	return func(f view.Freshness) string {
		return "These rows are from the QueueWorkers' status of " + age(f) + ", because " + why + "."
	}
}

func age(f view.Freshness) string {
	if f.Age < 0 {
		return "an unknown time"
	}
	return Short(f.Age) + " ago"
}
