// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// drawRules draws rules of which any part may be off.
func drawRules(t *rapid.T) func(*v1alpha1.QueueWorkerSpec) {
	percent := func(name string) *int32 { return new(rapid.SampledFrom([]int32{0, 10, 50, 80, 100}).Draw(t, name)) }
	set := &v1alpha1.Alerts{
		MemoryPercent: percent("memoryPercent"), SlowJobPercent: percent("slowJobPercent"), FailedPercent: percent("failedPercent"),
		FailedMinimum: new(rapid.Int32Range(0, 20).Draw(t, "failedMinimum")), Crashes: new(rapid.Int32Range(0, 4).Draw(t, "crashes")),
	}
	return func(spec *v1alpha1.QueueWorkerSpec) {
		spec.Alerts = set
		spec.MaxExceptions = rapid.Int32Range(0, 3).Draw(t, "maxExceptions")
		spec.OnFailing = rapid.SampledFrom([]v1alpha1.OnFailing{"", v1alpha1.OnFailingContinue, v1alpha1.OnFailingPause}).Draw(t, "onFailing")
	}
}

// happen lets an event happen to the pool.
func (w *world) happen(t *rapid.T, step int) {
	w.after(time.Duration(rapid.SampledFrom([]int{1, 5, 20, 60, 200, 400}).Draw(t, "seconds")) * time.Second)
	w.in.Processes = nil
	for i := range rapid.IntRange(0, 3).Draw(t, "processes") {
		w.in.Processes = append(w.in.Processes, Process{
			Name: fmt.Sprintf("pod/%d", i), PID: rapid.Int32Range(0, 2).Draw(t, "pid"),
			Memory: rapid.Int64Range(0, 200<<20).Draw(t, "memory"), Working: rapid.Bool().Draw(t, "working"),
			Age: time.Duration(rapid.IntRange(0, 90).Draw(t, "age")) * time.Second,
		})
	}
	w.jobs(rapid.Int64Range(0, 30).Draw(t, "processed"), rapid.Int64Range(0, 10).Draw(t, "failed"))
	switch rapid.SampledFrom([]string{"", "", "crash", "restart", "token", "operator"}).Draw(t, "event") {
	case "crash":
		w.crash(fmt.Sprint(step))
	case "restart":
		w.restart(fmt.Sprint(step), 0)
	case "token":
		w.in.Token = fmt.Sprint(step)
	case "operator":
		w.in.Memory, w.in.Watched, w.in.Jobs = Memory{}, w.in.Now, nil
	}
}

// Whatever happens, deciding again at once changes nothing, so nothing is written at
// rest. An alert that is off is never raised. A message stays for a minute. And a pause
// ends only when it is ended on purpose.
func TestDecisionsRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(drawRules(t))
		worded := map[string]time.Time{}
		for step := range rapid.IntRange(1, 30).Draw(t, "steps") {
			before := w.in
			w.happen(t, step)
			token := w.in.Token
			out := w.decide()
			again := w.decide()
			if diff := cmp.Diff(out.Alerts, again.Alerts) + cmp.Diff(out.Pause, again.Pause); diff != "" {
				t.Fatalf("a second decision differs (-first +second):\n%s", diff)
			}
			if paused := before.Pause != nil && before.Pause.Paused; paused && !out.Pause.Paused && token == before.Pause.ResumedAt && w.in.Rules.Pause {
				t.Fatal("a pause has ended by itself")
			}
			if out.Pause != nil && out.Pause.Paused && !w.in.Rules.Pause {
				t.Fatal("paused without onFailing: Pause")
			}
			for _, alert := range out.Alerts {
				w.check(t, alert, before.Was, worded)
			}
		}
	})
}

func (w *world) check(t *rapid.T, alert Alert, before []Alert, worded map[string]time.Time) {
	rules := w.in.Rules
	off := map[string]bool{
		v1alpha1.ConditionMemoryHigh: rules.MemoryPercent == 0, v1alpha1.ConditionSlowJobs: rules.SlowJobPercent == 0,
		v1alpha1.ConditionFailuresHigh: rules.FailedPercent == 0, v1alpha1.ConditionWorkersFailing: rules.Crashes == 0,
	}
	if off[alert.Type] {
		t.Fatalf("%s is not watched and was told", alert.Type)
	}
	for _, was := range before {
		if was.Type != alert.Type || was.Reason != alert.Reason || was.Message == alert.Message {
			continue
		}
		if last, ok := worded[alert.Type]; ok && w.in.Now.Sub(last) < rewordAfter {
			t.Fatalf("%s was worded anew after %s", alert.Type, w.in.Now.Sub(last))
		}
	}
	if message, ok := w.in.Memory.Worded[alert.Type]; ok {
		worded[alert.Type] = message
	}
}
