// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"slices"
	"strconv"
	"time"

	"pgregory.net/rapid"

	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	// retryAfter is the time after which the world's backend hands out a job again.
	retryAfter = 30 * time.Second
	// crew is the number of workers of a run.
	crew = 2
)

// world is a pool with its backend, its Jobs, and an operator that is killed at any
// moment and sees some changes late.
type world struct {
	*rapid.T
	now    time.Time
	spec   Spec
	status []*v1alpha1.BatchStatus // every version
	seen   int                     // the version that the operator has read
	jobs   []*task
	crew   [crew]*task
	// begun counts what each worker has done, and told what the operator knows of that.
	begun, told [crew]int
	heard       [crew]time.Time
	quiet       time.Time
	measured    Work

	runs    []Run // as they are
	cached  []Run // as the operator's cache has them
	started string
	order   string // the run that the control document tells to finish
	obeyed  string // the run whose workers have ended
	created map[string]bool
	asked   int
	// blocked says why no run can begin.
	blocked string
}

// task is a job of the backend.
type task struct {
	sent, due, reserved time.Time // reserved until; zero if it is not reserved
	done                bool
}

func newWorld(t *rapid.T) *world {
	w := &world{T: t, now: noon, status: []*v1alpha1.BatchStatus{nil}, created: map[string]bool{}}
	w.spec = Spec{
		WaitForDelayed: rapid.Bool().Draw(t, "waits"),
		Schedule:       rapid.SampledFrom([]string{"", "* * * * *", "*/3 * * * *"}).Draw(t, "schedule"),
		KeepComplete:   rapid.Int32Range(0, 2).Draw(t, "kept"),
	}
	return w
}

// open returns the Job that has not ended; nil if there is none. There is never a
// second one.
func (w *world) open() *Run {
	var open *Run
	for i := range w.runs {
		if w.runs[i].Outcome != "" {
			continue
		}
		if open != nil {
			w.Fatalf("%s and %s run at once", open.Name, w.runs[i].Name)
		}
		open = &w.runs[i]
	}
	return open
}

func (w *world) working() bool { open := w.open(); return open != nil && w.obeyed != open.Name }

func (w *world) send() { w.push(0) }

func (w *world) sendLater() {
	w.push(time.Duration(rapid.IntRange(1, 60).Draw(w.T, "delay")) * time.Second)
}

// push sends a job, but not at the very moment of a measurement.
func (w *world) push(delay time.Duration) {
	w.now = w.now.Add(time.Millisecond)
	w.jobs = append(w.jobs, &task{sent: w.now, due: w.now.Add(delay)})
}

// take lets a worker begin a job.
func (w *world) take() {
	i := rapid.IntRange(0, crew-1).Draw(w.T, "worker")
	if !w.working() || w.spec.Paused || w.order == w.open().Name || w.crew[i] != nil {
		return
	}
	for _, job := range w.jobs {
		if !job.done && !job.due.After(w.now) && !job.reserved.After(w.now) {
			job.reserved = w.now.Add(retryAfter)
			w.crew[i], w.begun[i] = job, w.begun[i]+1
			return
		}
	}
}

// end lets a worker end its job: successfully, with an exception, or by dying.
func (w *world) end() {
	i := rapid.IntRange(0, crew-1).Draw(w.T, "worker")
	job := w.crew[i]
	if job == nil {
		return
	}
	w.crew[i], w.begun[i] = nil, w.begun[i]+1
	switch rapid.IntRange(0, 3).Draw(w.T, "outcome") {
	case 0:
		job.reserved, job.due = time.Time{}, w.now.Add(20*time.Second)
	case 1: // it stays reserved
	default:
		job.done = true
	}
}

// pass lets time pass; no job runs for longer than its timeout.
func (w *world) pass() {
	w.now = w.now.Add(time.Duration(rapid.IntRange(1, 20_000).Draw(w.T, "milliseconds")) * time.Millisecond)
	for i, job := range w.crew {
		if job != nil && !job.reserved.After(w.now) {
			w.crew[i], w.begun[i] = nil, w.begun[i]+1
		}
	}
}

func (w *world) measure() {
	w.measured = Work{Known: true, MeasuredAt: w.now}
	for _, job := range w.jobs {
		switch {
		case job.done:
		case job.reserved.After(w.now):
			w.measured.Reserved++
		case job.due.After(w.now):
			w.measured.Delayed++
		default:
			w.measured.Ready++
		}
	}
}

func (w *world) goDark() { w.measured.Known = false }

// hear makes the operator ask a worker.
func (w *world) hear() {
	i := rapid.IntRange(0, crew-1).Draw(w.T, "worker")
	if w.told[i] != w.begun[i] {
		w.quiet = w.now
	}
	w.told[i], w.heard[i] = w.begun[i], w.now
}

func (w *world) work() Work {
	out := w.measured
	out.LastActivity = w.quiet
	for i := range crew {
		out.Busy += w.told[i] % 2
		if w.heard[i].Before(out.MeasuredAt) {
			out.Unheard++
		}
	}
	return out
}

// ends lets the workers obey and the Job controller follow, or deletes a Job that is
// being deleted.
func (w *world) ends() {
	open := w.open()
	idle := w.crew == [crew]*task{}
	switch {
	case open == nil:
	case open.Leaving && idle:
		w.runs = slices.DeleteFunc(w.runs, func(r Run) bool { return r.Leaving })
	case w.order == open.Name && idle:
		w.obeyed, open.Outcome, open.Ended, open.Living = open.Name, v1alpha1.RunComplete, w.now, 0
	}
}

func (w *world) breakDown() {
	if open := w.open(); open != nil && w.crew == [crew]*task{} && rapid.IntRange(0, 9).Draw(w.T, "fails") == 0 {
		open.Outcome, open.Ended, open.Living = v1alpha1.RunFailed, w.now, 0
	}
}

func (w *world) ask() {
	w.asked++
	w.spec.Token = strconv.Itoa(w.asked)
}

func (w *world) block() {
	w.blocked = map[string]string{"": "There is no QueueApp."}[w.blocked]
}

func (w *world) stop()  { w.spec.Stopped = !w.spec.Stopped }
func (w *world) pause() { w.spec.Paused = !w.spec.Paused }

// learn lets the operator's cache catch up.
func (w *world) learn() { w.cached, w.seen = slices.Clone(w.runs), len(w.status)-1 }

// restart replaces the operator: the new one remembers nothing, and its cache is fresh.
func (w *world) restart() {
	w.started, w.quiet = "", w.now
	w.heard = [crew]time.Time{}
	w.learn()
}

func (w *world) input() Input {
	in := Input{
		Now: w.now, Name: "p", UID: "u", Spec: w.spec, Past: w.status[w.seen],
		Runs: slices.Clone(w.cached), Told: w.order, Work: w.work(), Blocked: w.blocked,
	}
	expected := []string{w.started}
	if in.Past != nil {
		expected = append(expected, in.Past.ActiveRun)
	}
	for _, run := range w.runs {
		if slices.Contains(expected, run.Name) && !slices.ContainsFunc(in.Runs, func(r Run) bool { return r.Name == run.Name }) {
			in.Runs = append(in.Runs, run)
		}
	}
	return in
}

// reconcile is one pass of the operator, which may be killed after any of its writes.
func (w *world) reconcile() {
	in := w.input()
	out := Decide(in)
	w.check(in, out)
	lives := func(what string) bool { return rapid.IntRange(0, 9).Draw(w.T, "dies before "+what) > 0 }
	for _, name := range out.End {
		w.change(name, func(run *Run) { run.Leaving = true })
	}
	w.runs = slices.DeleteFunc(w.runs, func(r Run) bool { return slices.Contains(out.Prune, r.Name) })
	if !lives("the Job") {
		w.restart()
		return
	}
	if taken := slices.ContainsFunc(w.runs, func(r Run) bool { return r.Name == out.Start }); out.Start != "" && !taken {
		if w.created[out.Start] {
			w.Fatalf("%s is started a second time", out.Start)
		}
		w.created[out.Start] = true
		w.runs = append(w.runs, Run{Name: out.Start, Created: w.now.Truncate(time.Second), Living: crew})
		w.open()
	}
	if out.Start != "" {
		w.started = out.Start
	}
	if !lives("the control document") {
		w.restart()
		return
	}
	if out.Finish != "" {
		w.order = out.Finish
	}
	if !lives("the status") {
		w.restart()
		return
	}
	if w.seen == len(w.status)-1 {
		w.status = append(w.status, &out.Status)
	}
}

func (w *world) change(name string, how func(*Run)) {
	for i := range w.runs {
		if w.runs[i].Name == name {
			how(&w.runs[i])
		}
	}
}
