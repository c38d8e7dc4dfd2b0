// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"

	"queueworker.dev/queueworker/hack/scalesim/laws"
	"queueworker.dev/queueworker/hack/scalesim/report"
	"queueworker.dev/queueworker/hack/scalesim/trace"
)

// draw writes the drawing of one run of each law whose worker-hours are compared.
func draw(path string, s trace.Scenario) (err error) {
	var lines []report.Line
	for _, c := range laws.Candidates() {
		if c.Name == laws.Own || c.InFlight {
			lines = append(lines, report.Line{Law: c.Name, Samples: simulate(s, c, s.Jobs(0), 0).Samples})
		}
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("create the drawing: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return report.WritePlot(file, s.Title, s.Target, lines)
}
