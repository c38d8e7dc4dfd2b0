// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package report shows the results of simulations as a table and as a drawing.
package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"queueworker.dev/queueworker/hack/scalesim/model"
)

// Figures are the figures to compare. Less is better in all of them.
type Figures struct {
	// P50 and P99 are waits in seconds. Over is the percentage of jobs that waited longer
	// than the target.
	P50, P99, Over float64
	// Killed is the number of jobs that were killed while in progress.
	Killed float64
	// Used and Lost are worker-hours.
	Used, Lost float64
	// Moves is how often the wanted size changed.
	Moves float64
}

// Of returns the figures of one simulation with the given number of jobs.
func Of(o model.Outcome, jobs int, target float64) Figures {
	waits := slices.Clone(o.Waits)
	slices.Sort(waits)
	over := jobs - len(waits) // never begun
	for _, w := range waits {
		if w > target {
			over++
		}
	}
	return Figures{
		P50: quantile(waits, 0.5), P99: quantile(waits, 0.99), Over: 100 * float64(over) / float64(max(1, jobs)),
		Killed: float64(o.Killed), Used: o.Used / 3600, Lost: o.Lost / 3600, Moves: float64(o.Moves),
	}
}

func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// Mean returns the means over several simulations.
func Mean(all []Figures) Figures {
	var m Figures
	n := float64(len(all))
	for _, f := range all {
		m.P50 += f.P50 / n
		m.P99 += f.P99 / n
		m.Over += f.Over / n
		m.Killed += f.Killed / n
		m.Used += f.Used / n
		m.Lost += f.Lost / n
		m.Moves += f.Moves / n
	}
	return m
}

// Row holds the figures of a law in a scenario.
type Row struct {
	Scenario, Law string
	Figures       Figures
}

// WriteTable writes the rows in Markdown. It compares the rows of a scenario with the
// first row and marks figures that are better.
func WriteTable(to io.Writer, rows []Row) error {
	var text strings.Builder
	text.WriteString("| scenario | law | wait p50 s | p99 s | over target % | jobs killed | worker-h used | lost | moves |\n")
	text.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	var first []string
	scenario := ""
	for _, row := range rows {
		cells, name := row.Figures.cells(), ""
		if row.Scenario != scenario {
			scenario, name, first = row.Scenario, row.Scenario, cells
		} else {
			cells = marked(cells, first)
		}
		fmt.Fprintf(&text, "| %s | %s | %s |\n", name, row.Law, strings.Join(cells, " | "))
	}
	_, err := io.WriteString(to, text.String())
	return err
}

func (f Figures) cells() []string {
	return []string{
		fmt.Sprintf("%.1f", f.P50), fmt.Sprintf("%.0f", f.P99), fmt.Sprintf("%.2f", f.Over), fmt.Sprintf("%.0f", f.Killed),
		fmt.Sprintf("%.1f", f.Used), fmt.Sprintf("%.1f", f.Lost), fmt.Sprintf("%.0f", f.Moves),
	}
}

// marked marks the cells whose shown number is less than in first.
func marked(cells, first []string) []string {
	out := slices.Clone(cells)
	for i := range out {
		var a, b float64
		if _, err := fmt.Sscan(cells[i]+" "+first[i], &a, &b); err == nil && a < b {
			out[i] = "**" + cells[i] + "**"
		}
	}
	return out
}
