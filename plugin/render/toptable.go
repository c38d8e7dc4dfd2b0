// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strings"
	"time"

	"queueworker.dev/queueworker/console/view"
)

// topColumn is a column of the live table.
type topColumn struct {
	name string
	by   view.Order
	// width is in characters; columns of width 0 share the remaining width.
	width int
	// from is the terminal width from which the column is shown.
	from int
	// right aligns numbers to the right.
	right bool
	cell  func(w *view.Worker, now time.Time) string
}

var topColumns = []topColumn{
	{name: "WORKER", by: view.ByName, cell: func(w *view.Worker, _ time.Time) string { return w.Name }},
	{name: "QUEUE", width: 16, from: 120, cell: func(w *view.Worker, _ time.Time) string { return w.Queue }},
	{name: "STATE", by: view.ByState, width: 10, from: 40, cell: func(w *view.Worker, _ time.Time) string { return string(w.State) }},
	{name: "PID", width: 6, from: 100, right: true, cell: func(w *view.Worker, _ time.Time) string { return pid(w.PID) }},
	{name: "CPU", by: view.ByCPU, width: 6, from: 30, right: true, cell: func(w *view.Worker, _ time.Time) string { return cpu(w.CPU) }},
	{name: "MEM", by: view.ByMemory, width: 6, from: 30, right: true, cell: func(w *view.Worker, _ time.Time) string { return memory(w.Memory) }},
	{name: "AGE", by: view.ByAge, width: 6, from: 60, right: true, cell: func(w *view.Worker, now time.Time) string { return since(w.StartedTime, now) }},
	{name: "DONE", by: view.ByProcessed, width: 7, from: 50, right: true, cell: func(w *view.Worker, _ time.Time) string { return count(w.Processed) }},
	{name: "FAILED", by: view.ByFailed, width: 7, from: 70, right: true, cell: func(w *view.Worker, _ time.Time) string { return count(w.Failed) }},
	{name: "JOB", by: view.ByJobTime, from: 60, cell: func(w *view.Worker, now time.Time) string { return job(w.CurrentJob, now) }},
}

// table returns the heading and as many workers as fit.
func (t *Top) table(paint Paint) []string {
	workers := t.Shown()
	offset := max(min(t.Offset, len(workers)-t.Rows()), 0)
	columns := t.columns()
	heads := make([]string, 0, len(columns))
	for _, column := range columns {
		name := column.name
		if column.by == t.By {
			name += "▾"
			if t.Reverse {
				name = column.name + "▴"
			}
		}
		heads = append(heads, pad(name, column))
	}
	lines := []string{paint.in(view.Strong, fit(strings.TrimRight(strings.Join(heads, " "), " "), t.Width))}
	if len(workers) == 0 {
		return append(lines, t.nobody())
	}
	for i := range workers[offset:min(offset+t.Rows(), len(workers))] {
		lines = append(lines, t.row(&workers[offset+i], columns, paint))
	}
	return lines
}

func (t *Top) nobody() string {
	if t.Filter != "" || t.BusyOnly {
		return "No worker matches; Esc shows all."
	}
	return fit(NoWorkers(t.Snapshot, "There are no QueueWorkers in "+t.Where+"."), t.Width)
}

func (t *Top) row(w *view.Worker, columns []topColumn, paint Paint) string {
	cells := make([]string, 0, len(columns))
	left := t.Width
	for _, column := range columns {
		cell := fit(pad(view.Clean(column.cell(w, t.Snapshot.Time)), column), max(left, 0))
		left -= len([]rune(cell)) + 1
		if column.name == "STATE" {
			cell = paint.in(view.WorkerTone(w.State), cell)
		}
		cells = append(cells, cell)
	}
	text := strings.TrimRight(strings.Join(cells, " "), " ")
	if !w.Live && !t.Snapshot.AgentsRefused && !t.Snapshot.PodsRefused {
		return paint.in(view.Faint, text)
	}
	return text
}

// columns returns the columns that fit the terminal, each with its width. The worker's
// name and the job share the width that the other columns leave.
func (t *Top) columns() []topColumn {
	var out []topColumn
	left, sharing := t.Width, 0
	for _, column := range topColumns {
		if t.Width < column.from {
			continue
		}
		out = append(out, column)
		left -= column.width + 1
		if column.width == 0 {
			sharing++
		}
	}
	left++ // no separator stands before the first column
	last := len(out) - 1
	if sharing == 1 {
		out[0].width = max(left, 1)
		return out
	}
	out[0].width = max(min(t.longestName(), max(left/2, left-jobRoom)), 1)
	out[last].width = max(left-out[0].width, 1)
	return out
}

// jobRoom is the width in characters that a long name leaves for the job.
const jobRoom = 20

func (t *Top) longestName() int {
	longest := len("WORKER▾")
	for _, w := range t.Snapshot.Workers() {
		longest = max(longest, len([]rune(w.Name)))
	}
	return longest
}

// pad pads a cell to the width of its column, and cuts a longer text.
func pad(text string, column topColumn) string {
	letters := []rune(text)
	switch missing := column.width - len(letters); {
	case missing >= 0 && column.right:
		return strings.Repeat(" ", missing) + text
	case missing >= 0:
		return text + strings.Repeat(" ", missing)
	case column.by == view.ByName:
		return shortName(text, column.width)
	case column.by == view.ByJobTime:
		return fit(plainClass(text), column.width)
	}
	return fit(text, column.width)
}

// shortName cuts a worker's name in the middle. The name begins with the pool's name, and
// its end differs from every other pod of the pool.
func shortName(name string, width int) string {
	letters := []rune(name)
	end := []rune(name[strings.LastIndex(name, "-")+1:])
	if len(end)+2 > width {
		return "…" + string(letters[len(letters)-max(width-1, 0):])
	}
	return string(letters[:width-len(end)-1]) + "…" + string(end)
}

// fit cuts a line to a width.
func fit(text string, width int) string {
	letters := []rune(text)
	switch {
	case len(letters) <= width:
		return text
	case width <= 0:
		return ""
	}
	return string(letters[:width-1]) + "…"
}
