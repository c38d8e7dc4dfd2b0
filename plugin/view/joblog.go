// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// JobLog finds in a worker's log the lines of one job: those that name its id, in
// any of Laravel's formats that print one, and what the worker printed in between.
type JobLog struct {
	id string
	// alone tells that a line between begin and end of the job is of the job, since the
	// log is that of a single process.
	alone  bool
	inside bool
}

// NewJobLog looks for a job in the log of one process (alone) or of several.
func NewJobLog(id string, alone bool) *JobLog { return &JobLog{id: id, alone: alone} }

// Keep tells whether a line is of the job. Lines are given in their order.
func (j *JobLog) Keep(line string) bool {
	ids, begins, ok := jobEvent(line)
	switch {
	case ok && slices.Contains(ids, j.id):
		j.inside = begins && j.alone
		return true
	case ok:
		j.inside = false // another one's turn: this one's end was not printed
		return false
	}
	return j.inside
}

var (
	// bracketLine is of Laravel before 9.21: [time][id] Processing: class
	bracketLine = regexp.MustCompile(`\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\]\[([^\]]+)\] (Processing|Processed|Failed): `)
	// verboseLine is of Laravel since 9.21 with -v: time class id connection queue ... RUNNING
	verboseLine = regexp.MustCompile(`^\s*\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+ (\S+) \S+ \S+ .*?(RUNNING|DONE|FAIL|RELEASED)`)
	// colours are what a terminal would show as colours.
	colours = regexp.MustCompile("\x1b\\[[0-9;]*m")
)

// jobEvent reads a line that tells of a job's begin or end.
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
