// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// JobLog finds the lines of one job in a worker's log: the lines that contain its id, in
// each of Laravel's formats that print ids, and what the worker printed in between.
type JobLog struct {
	id string
	// alone is true for the log of a single process. Every line between the job's first
	// and last line then belongs to the job.
	alone  bool
	inside bool
}

// NewJobLog looks for a job in the log of one process (alone) or of several.
func NewJobLog(id string, alone bool) *JobLog { return &JobLog{id: id, alone: alone} }

// Keep reports whether a line belongs to the job. The caller passes the lines in order.
func (j *JobLog) Keep(line string) bool {
	ids, begins, ok := jobEvent(line)
	switch {
	case ok && slices.Contains(ids, j.id):
		j.inside = begins && j.alone
		return true
	case ok:
		j.inside = false // another job starts: this job's end was not printed
		return false
	}
	return j.inside
}

var (
	// bracketLine matches Laravel before 9.21: [time][id] Processing: class
	bracketLine = regexp.MustCompile(`\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\]\[([^\]]+)\] (Processing|Processed|Failed): `)
	// verboseLine matches Laravel since 9.21 with -v: time class id connection queue ...
	// RUNNING
	verboseLine = regexp.MustCompile(`^\s*\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+ (\S+) \S+ \S+ .*?(RUNNING|DONE|FAIL|RELEASED)`)
	// colours matches the control sequences that set colours on a terminal.
	colours = regexp.MustCompile("\x1b\\[[0-9;]*m")
)

// jobEvent parses a line that reports a job's begin or end.
func jobEvent(line string) (ids []string, begins, ok bool) {
	if at := strings.Index(line, `{"level":"`); at >= 0 {
		return jsonEvent(line[at:])
	}
	line = colours.ReplaceAllString(line, "")
	if match := bracketLine.FindStringSubmatch(line); match != nil {
		return match[1:2], match[2] == "Processing", true
	}
	if match := verboseLine.FindStringSubmatch(line); match != nil {
		return match[1:2], match[2] == "RUNNING", true
	}
	return nil, false, false
}

func jsonEvent(text string) (ids []string, begins, ok bool) {
	var event struct {
		ID     any    `json:"id"`
		UUID   string `json:"uuid"`
		Job    string `json:"job"`
		Status string `json:"status"`
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&event) != nil || event.Job == "" {
		return nil, false, false
	}
	switch id := event.ID.(type) {
	case string:
		ids = append(ids, id)
	case json.Number:
		ids = append(ids, id.String())
	}
	return append(ids, event.UUID), event.Status == "starting", true
}
