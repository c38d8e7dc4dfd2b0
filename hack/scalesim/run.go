// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"queueworker.dev/queueworker/hack/scalesim/laws"
	"queueworker.dev/queueworker/hack/scalesim/model"
	"queueworker.dev/queueworker/hack/scalesim/report"
	"queueworker.dev/queueworker/hack/scalesim/trace"
)

// seeds is the number of runs over which the figures of a scenario are averaged.
const seeds = 3

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("scalesim", flag.ContinueOnError)
	file := flags.String("trace", "", "replay this CSV file (time_s,arrivals,service_s) instead of the scenarios")
	name := flags.String("scenario", "", "only this scenario: "+strings.Join(names(), ", "))
	plot := flags.String("plot", "", "draw one run of the scenario or trace into this SVG file")
	target := flags.Float64("target", 60, "with -trace: the wait that is wanted, in seconds")
	least := flags.Int("min", 0, "with -trace: the least processes")
	most := flags.Int("max", 100, "with -trace: the most processes")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), "Replay jobs through the law that sizes a pool and through those of others; prints a table.\n\n"+
			"Usage: go run ./hack/scalesim [FLAGS]\n\n")
		flags.PrintDefaults()
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	}
	scenarios, err := chosen(*file, *name, *target, *least, *most)
	if err != nil {
		return err
	}
	if err := report.WriteTable(out, compare(scenarios)); err != nil {
		return err
	}
	if *plot == "" {
		return nil
	}
	return draw(*plot, scenarios[0])
}

func names() (out []string) {
	for _, s := range trace.Scenarios() {
		out = append(out, s.Name)
	}
	return out
}

func chosen(file, name string, target float64, least, most int) ([]trace.Scenario, error) {
	if file != "" {
		if !(target > 0) || least < 0 || most < 1 || least > most {
			return nil, fmt.Errorf("a target of %g s and %d to %d processes make no pool: the target must be above 0, and 0 <= min <= max, max at least 1", target, least, most)
		}
		from, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("open the trace: %w", err)
		}
		defer from.Close()
		jobs, err := trace.Read(from)
		if err != nil {
			return nil, err
		}
		return []trace.Scenario{trace.FromFile(file, jobs, target, least, most)}, nil
	}
	all := trace.Scenarios()
	if name == "" {
		return all, nil
	}
	i := slices.IndexFunc(all, func(s trace.Scenario) bool { return s.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("there is no scenario %q; there are %s", name, strings.Join(names(), ", "))
	}
	return all[i : i+1], nil
}

// compare runs every law in every scenario.
func compare(scenarios []trace.Scenario) (rows []report.Row) {
	for _, s := range scenarios {
		for _, c := range laws.Candidates() {
			rows = append(rows, report.Row{Scenario: s.Title, Law: c.Name, Figures: report.Mean(figures(s, c))})
		}
	}
	return rows
}

func figures(s trace.Scenario, c laws.Candidate) (out []report.Figures) {
	for seed := range uint64(seeds) {
		jobs := s.Jobs(seed)
		out = append(out, report.Of(simulate(s, c, jobs, seed), len(jobs), s.Target))
	}
	return out
}

func simulate(s trace.Scenario, c laws.Candidate, jobs []trace.Job, seed uint64) model.Outcome {
	return model.Run(jobs, c.New(s), c.Removal, s.Until, s.Min, seed)
}
