// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/wording"
)

// Top is the live view: a snapshot, and how its user wants to see it.
type Top struct {
	// Width and Height are the terminal's size.
	Width, Height int
	// Where names the namespace or QueueWorker in view, Every how often it is read.
	Where string
	Every time.Duration
	// Snapshot is the latest snapshot; nil until there is one. Now is the present time.
	Snapshot *view.Snapshot
	Now      time.Time
	Rate     view.Rate
	// Trouble says why there is no newer snapshot; empty if all is well.
	Trouble string
	// Paused freezes the picture.
	Paused bool
	// By and Reverse sort, Filter and BusyOnly select. Typing is true while the user
	// types a filter.
	By       view.Order
	Reverse  bool
	Filter   string
	BusyOnly bool
	Typing   bool
	// Help shows the keys instead of workers.
	Help bool
	// Offset is the number of rows scrolled past.
	Offset int
}

// topHead and topFoot count the lines above and below the rows.
const (
	topHead = 4
	topFoot = 1
)

// Rows returns how many workers fit the terminal.
func (t *Top) Rows() int { return max(t.Height-topHead-topFoot, 1) }

// Shown returns the selected workers in order, before scrolling.
func (t *Top) Shown() []view.Worker {
	if t.Snapshot == nil {
		return nil
	}
	workers := view.FilterWorkers(t.Snapshot.Workers(), t.Filter, t.BusyOnly)
	view.SortWorkers(workers, t.By, t.Reverse)
	return workers
}

// Scroll moves by a number of rows, within the rows there are.
func (t *Top) Scroll(by int) {
	t.Offset = max(min(t.Offset+by, len(t.Shown())-t.Rows()), 0)
}

// Draw draws the picture: Height lines of at most Width characters, not counting colours.
func (t *Top) Draw(paint Paint) string {
	lines := []string{fit(t.title(), t.Width), fit(t.totals(), t.Width), paint.in(t.noteTone(), fit(t.note(), t.Width))}
	switch {
	case t.Help:
		lines = append(lines, topHelp...)
	case t.Snapshot == nil:
		lines = append(lines, "", "Reading ...")
	default:
		lines = append(lines, t.table(paint)...)
	}
	room := max(t.Height-topFoot, 1)
	for len(lines) < room {
		lines = append(lines, "")
	}
	return strings.Join(append(lines[:room], paint.in(view.Faint, fit(t.keys(), t.Width))), "\n")
}

func (t *Top) title() string {
	state := "every " + t.Every.String()
	if t.Paused {
		state = "PAUSED"
	}
	at := t.Now
	if t.Snapshot != nil {
		at = t.Snapshot.Time
	}
	return fmt.Sprintf("QueueWorker top  %s  %s  %s", t.Where, at.Format(time.TimeOnly), state)
}

func (t *Top) totals() string {
	if t.Snapshot == nil {
		return ""
	}
	workers := t.Snapshot.Workers()
	busy, failing := 0, 0
	var cores, bytes resource.Quantity
	for i := range workers {
		if workers[i].CurrentJob != nil {
			busy++
		}
		if workers[i].State == v1alpha1.WorkerBackingOff {
			failing++
		}
		add(&cores, workers[i].CPU)
		add(&bytes, workers[i].Memory)
	}
	text := fmt.Sprintf("%s in %s: %d busy", several(len(workers), "worker"), several(len(t.Snapshot.Pools), "pool"), busy)
	if failing > 0 {
		text += fmt.Sprintf(", %d FAILING", failing)
	}
	text += fmt.Sprintf("  cpu %s  memory %s", cpu(&cores), memory(&bytes))
	if rate, ok := t.Rate.PerMinute(); ok && !t.Snapshot.AgentsRefused && !t.Snapshot.PodsRefused {
		text += fmt.Sprintf("  %.0f jobs/min", rate)
	}
	return text + t.waiting()
}

// several writes a number with its noun.
func several(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func add(sum, more *resource.Quantity) {
	if more != nil {
		sum.Add(*more)
	}
}

// waiting returns the pools' backlog. It comes from the status, because no agent knows
// it.
func (t *Top) waiting() string {
	known, ready := false, int64(0)
	for i := range t.Snapshot.Pools {
		if b := t.Snapshot.Pools[i].Status.Backlog; b != nil {
			known, ready = true, ready+b.Ready
		}
	}
	if !known {
		return ""
	}
	text := fmt.Sprintf("  backlog %d", ready)
	age := t.Snapshot.OldestStatus(func(status *v1alpha1.QueueWorkerStatus) bool { return status.Backlog != nil })
	switch {
	case age <= view.Recent:
		return text
	case len(t.Snapshot.Pools) > 1:
		return text + " (up to " + wording.Short(age) + " ago)"
	}
	return text + " (" + wording.Short(age) + " ago)"
}

// note returns the one line of further information.
func (t *Top) note() string {
	switch {
	case t.Typing:
		return "Filter: " + t.Filter + "█   (Enter to keep, Esc to leave)"
	case t.Trouble != "":
		return t.Trouble
	case t.Snapshot == nil:
		return ""
	}
	var parts []string
	if t.Filter != "" {
		parts = append(parts, "Filter: "+t.Filter)
	}
	if t.BusyOnly {
		parts = append(parts, "Only busy ones")
	}
	if text := wording.Freshness(t.Snapshot.Freshness()); text != "" {
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

func (t *Top) noteTone() view.Tone {
	switch {
	case t.Trouble != "" && !t.Typing:
		return view.Bad
	case t.Snapshot != nil && wording.Freshness(t.Snapshot.Freshness()) != "":
		return view.Doubtful
	}
	return view.Strong
}

func (t *Top) keys() string {
	return "q quit  p pause  / filter  b busy  sort: c cpu m mem j job t age  ? more"
}

// topHelp is shown instead of the workers.
var topHelp = []string{
	"",
	"  q, Ctrl-C    quit",
	"  p, Space     pause, or continue",
	"  /            show only workers that contain a text; Esc shows all again",
	"  b            show only workers that work on a job, or all again",
	"  c m j t      sort by CPU, memory, how long the current job has run, age",
	"  d f n s      sort by jobs done, jobs failed, name, state",
	"  r            reverse the order",
	"  Up, Down, PageUp, PageDown, Home, End    scroll",
	"  ?, h         this help, or the workers again",
}
