// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"strings"
	"time"

	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/wording"
)

// Explanation writes, in sentences, why a pool has the number of processes it has.
func Explanation(e *view.Explanation, now time.Time) string {
	var out strings.Builder
	say := func(format string, arguments ...any) {
		out.WriteString(view.CleanText(fmt.Sprintf(format, arguments...)) + "\n")
	}
	for i := range e.Now {
		say("%s", wording.Fact(e.Now[i]))
	}
	out.WriteString("\nWhy:\n")
	for i := range e.Why {
		say("  %s", wording.Fact(e.Why[i]))
	}
	if len(e.InTheWay) > 0 {
		out.WriteString("\nIn the way:\n")
	}
	for _, problem := range e.InTheWay {
		types := make([]string, 0, len(problem.Conditions))
		for i := range problem.Conditions {
			types = append(types, problem.Conditions[i].Type)
		}
		say("  %s (%s): %s", strings.Join(types, ", "), problem.Conditions[0].Reason, problem.Conditions[0].Message)
		if what := wording.Advice(problem.Advice); what != "" {
			say("    What to do: %s", what)
		}
	}
	if len(e.Decisions) > 0 {
		out.WriteString("\nLast decisions:\n")
	}
	for i := range e.Decisions {
		say("  %s", decision(&e.Decisions[i], now))
	}
	return out.String()
}
