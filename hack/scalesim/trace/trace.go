// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package trace provides the jobs for a simulation: from a file, or generated from a
// scenario and a seed.
package trace

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// A Job is put into the queue at At, in seconds since the beginning, and keeps a process
// busy for Service seconds.
type Job struct {
	At      float64
	Service float64
}

// A Scenario is a trace and what the pool's user wants.
type Scenario struct {
	// Name is a word; Title is a description.
	Name, Title string
	// Target is the wanted wait, in seconds.
	Target float64
	// Min and Max are the bounds of the pool.
	Min, Max int
	// Told is the service time that the user assumes, in seconds, from the beginning of
	// the trace. Only laws that need such a number use it.
	Told float64
	// Timeout is the longest a job may take, in seconds.
	Timeout float64
	// Until is how long to simulate, in seconds; longer if jobs are left.
	Until float64
	// Jobs returns the jobs for a seed, by time.
	Jobs func(seed uint64) []Job
}

// maxJobs bounds the number of jobs in a file.
const maxJobs = 10_000_000

// Read returns the jobs of a CSV file with the columns time_s, arrivals, service_s. The
// arrivals of a line are spread from its time_s until the next line's, and each job takes
// service_s. The arrivals of the last line come at once.
func Read(from io.Reader) ([]Job, error) {
	lines, err := csv.NewReader(from).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the trace: %w", err)
	}
	if len(lines) < 2 || len(lines[0]) != 3 || lines[0][0] != "time_s" || lines[0][1] != "arrivals" || lines[0][2] != "service_s" {
		return nil, errors.New("the trace must begin with the line time_s,arrivals,service_s and have at least one more")
	}
	rows := make([][3]float64, 0, len(lines)-1)
	for i, line := range lines[1:] {
		row, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("line %d of the trace: %w", i+2, err)
		}
		if len(rows) > 0 && row[0] <= rows[len(rows)-1][0] {
			return nil, fmt.Errorf("line %d of the trace: time_s must grow from line to line", i+2)
		}
		rows = append(rows, row)
	}
	return spread(rows)
}

func parse(line []string) (row [3]float64, err error) {
	for i, name := range []string{"time_s", "arrivals", "service_s"} {
		row[i], err = strconv.ParseFloat(line[i], 64)
		if err != nil || !(row[i] >= 0) || row[i] > 1e9 {
			return row, fmt.Errorf("%s is %q and must be a number from 0 to 1e9", name, line[i])
		}
	}
	return row, nil
}

func spread(rows [][3]float64) ([]Job, error) {
	var jobs []Job
	for i, row := range rows {
		n := math.Round(row[1])
		if float64(len(jobs))+n > maxJobs {
			return nil, fmt.Errorf("the trace has more than %d jobs", maxJobs)
		}
		step := 0.0
		if i+1 < len(rows) && n > 0 {
			step = (rows[i+1][0] - row[0]) / n
		}
		for k := range int(n) {
			jobs = append(jobs, Job{At: row[0] + float64(k)*step, Service: row[2]})
		}
	}
	return jobs, nil
}

// FromFile returns the scenario for jobs that were read from a file.
func FromFile(name string, jobs []Job, target float64, least, most int) Scenario {
	var first, longest float64
	for i, job := range jobs {
		if i < 100 {
			first += job.Service / float64(min(100, len(jobs)))
		}
		longest = max(longest, job.Service)
	}
	s := Scenario{Name: name, Title: name, Target: target, Min: least, Max: most, Told: first, Timeout: math.Ceil(longest)}
	if len(jobs) > 0 {
		s.Until = jobs[len(jobs)-1].At
	}
	s.Jobs = func(uint64) []Job { return jobs }
	return s
}
