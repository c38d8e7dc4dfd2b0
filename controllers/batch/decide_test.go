// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func at(t time.Time) *metav1.Time { return new(metav1.NewTime(t)) }

// open returns a pool whose first run began a minute ago, with nothing left to do and a
// report of every worker since.
func open() Input {
	name := firstName("nightly", "u1")
	return Input{
		Now: noon, Name: "nightly", UID: "u1",
		Spec: Spec{WaitForDelayed: true, KeepComplete: 3, KeepFailed: 1},
		Past: &v1alpha1.BatchStatus{
			ActiveRun: name, LastStartTime: at(noon.Add(-time.Minute)),
			Runs: []v1alpha1.Run{{Name: name, Started: *at(noon.Add(-time.Minute))}},
		},
		Runs: []Run{{Name: name, Created: noon.Add(-time.Minute), Living: 2}},
		Work: Work{Known: true, MeasuredAt: noon.Add(-time.Second), LastActivity: noon.Add(-10 * time.Second)},
	}
}

// resting returns the same pool after the run.
func resting() Input {
	in := open()
	in.Past.ActiveRun = ""
	in.Past.Runs[0].Ended, in.Past.Runs[0].Outcome = at(noon.Add(-30*time.Second)), v1alpha1.RunComplete
	in.Runs[0].Outcome, in.Runs[0].Ended, in.Runs[0].Living = v1alpha1.RunComplete, noon.Add(-30*time.Second), 0
	return in
}

// hourly returns the same pool with a schedule whose next time was at noon.
func hourly() Input {
	in := resting()
	in.Spec.Schedule = "0 * * * *"
	in.Past.Schedule, in.Past.NextScheduleTime = in.Spec.Schedule, at(noon)
	in.Now = noon.Add(time.Second)
	return in
}

func TestARunEndsOnlyWhenItIsOver(t *testing.T) {
	tests := map[string]struct {
		change func(*Input)
		finish bool
		// lacks says which answers to ask for: the probe's, the workers' or both. "time"
		// means that it is too early for either.
		lacks string
	}{
		"nothing left":                        {func(*Input) {}, true, ""},
		"a job is ready":                      {func(in *Input) { in.Work.Ready = 1 }, false, ""},
		"a job is reserved":                   {func(in *Input) { in.Work.Reserved = 1 }, false, ""},
		"a job is delayed":                    {func(in *Input) { in.Work.Delayed = 1 }, false, ""},
		"a job is delayed, which is left":     {func(in *Input) { in.Work.Delayed, in.Spec.WaitForDelayed = 1, false }, true, ""},
		"a worker is busy":                    {func(in *Input) { in.Work.Busy = 1 }, false, ""},
		"the backend cannot be read":          {func(in *Input) { in.Work.Known = false }, false, ""},
		"measured before the last job ended":  {func(in *Input) { in.Work.LastActivity = in.Work.MeasuredAt.Add(time.Millisecond) }, false, "time"},
		"measured just after it ended":        {func(in *Input) { in.Work.LastActivity = in.Work.MeasuredAt.Add(-margin / 2) }, false, "both"},
		"measured before the run began":       {func(in *Input) { in.Work.MeasuredAt = in.Runs[0].Created }, false, "both"},
		"a pod not heard of since":            {func(in *Input) { in.Work.Unheard = 1 }, false, "workers"},
		"a pod that does not answer":          {func(in *Input) { in.Work.Silent = 1 }, false, ""},
		"nobody measures":                     {func(in *Input) { in.Work = Work{Unmeasured: true} }, false, ""},
		"what is measured is another":         {func(in *Input) { in.Work.Changed = true }, false, ""},
		"paused":                              {func(in *Input) { in.Spec.Paused = true }, false, ""},
		"being deleted":                       {func(in *Input) { in.Runs[0].Leaving = true }, false, ""},
		"told before, and a job came since":   {func(in *Input) { in.Told, in.Work.Ready = in.Runs[0].Name, 7 }, true, ""},
		"another was told":                    {func(in *Input) { in.Told, in.Work.Ready = "nightly-run-f0000000", 7 }, false, ""},
		"told, and the backend has gone dark": {func(in *Input) { in.Told, in.Work.Known = in.Runs[0].Name, false }, true, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := open()
			tc.change(&in)
			out := Decide(in)
			want := ""
			if tc.finish {
				want = in.Runs[0].Name
			}
			lacks := map[[2]bool]string{{true, false}: "probe", {false, true}: "workers", {true, true}: "both"}[[2]bool{out.Measure, out.Hear}]
			if lacks == "" && out.Recheck == hurry {
				lacks = "time"
			}
			if out.Finish != want || lacks != tc.lacks || out.Start != "" || len(out.End)+len(out.Prune)+len(out.Closed) > 0 {
				t.Errorf("Decide() = %+v, want Finish %q, %q lacking and nothing else", out, want, tc.lacks)
			}
			if tc.lacks != "" && out.Recheck > hurry || tc.lacks == "" && out.Finish == "" && out.Message == "" && !in.Spec.Paused && !in.Runs[0].Leaving {
				t.Errorf("Decide() = %+v", out)
			}
		})
	}
}

// A user who may create Jobs can make one of any name, with the labels and the owner of
// a run. Such a Job must not move the schedule.
func TestARunOfTheFutureDoesNotMoveTheSchedule(t *testing.T) {
	for _, name := range []string{
		scheduledName("nightly", noon.AddDate(500, 0, 0)), scheduledName("nightly", noon.Add(2*clocksDiffer)),
		"nightly-run-4876896000", "nightly-run-9223372036854775807", "nightly-run--5", "29540160",
	} {
		in := hourly()
		in.Runs = append(in.Runs, Run{Name: name, Created: noon, Outcome: v1alpha1.RunComplete, Ended: noon})
		out := Decide(in)
		if out.Start != scheduledName("nightly", noon) || out.Status.LastScheduleTime != nil && out.Status.LastScheduleTime.After(noon) {
			t.Errorf("with a run named %s: starts %q, status %+v", name, out.Start, out.Status)
		}
	}
}

func TestWhenARunBegins(t *testing.T) {
	fresh := func() Input {
		return Input{Now: noon, Name: "nightly", UID: "u1", Unseen: noon.Add(-time.Second), Spec: Spec{WaitForDelayed: true}}
	}
	tests := map[string]struct {
		in   func() Input
		want string
	}{
		"a new QueueWorker":                {fresh, firstName("nightly", "u1")},
		"a new one with a schedule":        {func() Input { in := fresh(); in.Spec.Schedule = "30 * * * *"; return in }, ""},
		"a new one whose time came before": {func() Input { in := fresh(); in.Spec.Schedule = "@hourly"; return in }, scheduledName("nightly", noon)},
		"a new one that is stopped":        {func() Input { in := fresh(); in.Spec.Stopped = true; return in }, ""},
		"a new one that is paused":         {func() Input { in := fresh(); in.Spec.Paused = true; return in }, ""},
		"a new one that is blocked":        {func() Input { in := fresh(); in.Blocked = "There is no QueueApp."; return in }, ""},
		"a new one with a request":         {func() Input { in := fresh(); in.Spec.Token = "a"; return in }, requestedName("nightly", "u1", "a")},
		"of the other mode":                {func() Input { in := fresh(); in.Spec.Removed = true; return in }, ""},
		"after its first run":              {resting, ""},
		"a request":                        {func() Input { in := resting(); in.Spec.Token = "b"; return in }, requestedName("nightly", "u1", "b")},
		"a request acted on": {func() Input {
			in := resting()
			in.Spec.Token, in.Past.RequestedRun = "b", requestedName("nightly", "u1", "b")
			return in
		}, ""},
		"a request that comes back": {func() Input {
			in := resting()
			in.Spec.Token, in.Past.RequestedRun = "b", "nightly-run-r0000000"
			in.Past.Runs = append(in.Past.Runs, v1alpha1.Run{Name: requestedName("nightly", "u1", "b"), Ended: at(noon)})
			return in
		}, ""},
		"a request while stopped":        {func() Input { in := resting(); in.Spec.Token, in.Spec.Stopped = "b", true; return in }, ""},
		"its time has come":              {hourly, scheduledName("nightly", noon)},
		"its time has not come":          {func() Input { in := hourly(); in.Now = noon.Add(-time.Second); return in }, ""},
		"three times were missed":        {func() Input { in := hourly(); in.Now = noon.Add(150 * time.Minute); return in }, scheduledName("nightly", noon.Add(2*time.Hour))},
		"its time comes while stopped":   {func() Input { in := hourly(); in.Spec.Stopped = true; return in }, ""},
		"another schedule since":         {func() Input { in := hourly(); in.Spec.Schedule = "30 * * * *"; return in }, ""},
		"a schedule of which none comes": {func() Input { in := hourly(); in.Spec.Schedule = "0 0 31 2 *"; return in }, ""},
		"a request and its time":         {func() Input { in := hourly(); in.Spec.Token = "b"; return in }, requestedName("nightly", "u1", "b")},
		"the run was deleted": {func() Input {
			in := open()
			in.Runs = nil
			return in
		}, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := tc.in()
			out := Decide(in)
			if out.Start != tc.want {
				t.Errorf("Start = %q, want %q (%+v)", out.Start, tc.want, out)
			}
			if again := Decide(in); !cmp.Equal(out, again) {
				t.Errorf("decided again it differs:\n%s", cmp.Diff(out, again))
			}
		})
	}
}

func TestWhatIsDueDuringARunIsSkipped(t *testing.T) {
	in := open()
	in.Spec.Schedule, in.Spec.Token = "*/5 * * * *", "b"
	in.Past.Schedule, in.Past.NextScheduleTime = in.Spec.Schedule, at(noon.Add(-5*time.Minute))
	in.Work.Ready = 1
	out := Decide(in)
	if out.Start != "" || len(out.Skipped) != 2 {
		t.Fatalf("Decide() = %+v, want two skipped runs", out)
	}
	if next := out.Status.NextScheduleTime; !next.Equal(at(noon.Add(5 * time.Minute))) {
		t.Errorf("next time %s", next)
	}
	if !strings.Contains(out.Skipped[1], "2026-03-02T12:00:00Z") {
		t.Errorf("skipped %q, want the latest time named", out.Skipped[1])
	}
	in.Past = &out.Status
	if again := Decide(in); len(again.Skipped) != 0 {
		t.Errorf("skipped again: %v", again.Skipped)
	}
	in = resting()
	in.Spec.Token, in.Past.RequestedRun = "b", out.Status.RequestedRun
	if out := Decide(in); out.Start != "" {
		t.Errorf("started %s, which was skipped", out.Start)
	}
}

func TestARunThatWasStartedIsAdopted(t *testing.T) {
	in := hourly()
	name := Decide(in).Start
	in.Runs = append(in.Runs, Run{Name: name, Created: noon.Add(time.Second), Living: 1})
	out := Decide(in)
	if out.Start != "" || out.Open == nil || out.Status.ActiveRun != name || out.Status.Runs[0].Name != name {
		t.Fatalf("Decide() = %+v, want the run adopted", out)
	}
	if !out.Status.LastScheduleTime.Equal(at(noon)) || !out.Status.NextScheduleTime.Equal(at(noon.Add(time.Hour))) || len(out.Skipped) > 0 {
		t.Errorf("status %+v, skipped %v", out.Status, out.Skipped)
	}
	in = resting()
	in.Spec.Token = "b"
	name = Decide(in).Start
	in.Runs = append(in.Runs, Run{Name: name, Created: noon, Living: 1})
	if out = Decide(in); out.Status.RequestedRun != name || len(out.Skipped) > 0 {
		t.Errorf("status %+v, skipped %v", out.Status, out.Skipped)
	}
}

func TestHowARunIsClosed(t *testing.T) {
	tests := map[string]struct {
		change func(*Input)
		want   v1alpha1.RunOutcome
	}{
		"complete": {func(in *Input) {
			in.Runs[0].Outcome, in.Runs[0].Ended, in.Runs[0].Living = v1alpha1.RunComplete, noon, 0
		}, v1alpha1.RunComplete},
		"failed":                      {func(in *Input) { in.Runs[0].Outcome, in.Runs[0].Ended, in.Runs[0].Living = v1alpha1.RunFailed, noon, 0 }, v1alpha1.RunFailed},
		"complete, a pod seems alive": {func(in *Input) { in.Runs[0].Outcome, in.Runs[0].Ended = v1alpha1.RunComplete, noon }, ""},
		"deleted":                     {func(in *Input) { in.Runs = nil }, v1alpha1.RunStopped},
		"being deleted":               {func(in *Input) { in.Runs[0].Leaving = true }, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := open()
			tc.change(&in)
			out := Decide(in)
			run := out.Status.Runs[0]
			if run.Outcome != tc.want || (run.Ended != nil) != (tc.want != "") || (len(out.Closed) == 1) != (tc.want != "") {
				t.Errorf("run %+v, closed %v", run, out.Closed)
			}
			if (out.Status.ActiveRun == "") != (tc.want != "") || out.Start != "" || out.Finish != "" {
				t.Errorf("Decide() = %+v", out)
			}
			if (out.Status.LastSuccessfulTime != nil) != (tc.want == v1alpha1.RunComplete) {
				t.Errorf("last success %v", out.Status.LastSuccessfulTime)
			}
		})
	}
}

func TestStoppedAndRemovedRunsEnd(t *testing.T) {
	for name, change := range map[string]func(*Spec){
		"stopped": func(s *Spec) { s.Stopped = true },
		"removed": func(s *Spec) { s.Removed = true },
	} {
		in := open()
		change(&in.Spec)
		out := Decide(in)
		if diff := cmp.Diff([]string{in.Runs[0].Name}, out.End); diff != "" || out.Finish != "" {
			t.Errorf("%s: %+v\n%s", name, out, diff)
		}
		in.Runs[0].Leaving = true
		if out = Decide(in); len(out.End) != 0 || out.Open == nil {
			t.Errorf("%s and leaving: %+v", name, out)
		}
	}
}

func TestHistory(t *testing.T) {
	in := resting()
	in.Runs, in.Past.Runs = nil, nil
	for i := range 7 {
		outcome := v1alpha1.RunComplete
		if i%3 == 2 {
			outcome = v1alpha1.RunFailed
		}
		created := noon.Add(-time.Duration(i+1) * time.Hour)
		run := Run{Name: scheduledName("nightly", created), Created: created, Outcome: outcome, Ended: created.Add(time.Minute)}
		in.Runs = append(in.Runs, run)
		in.Past.Runs = append(in.Past.Runs, v1alpha1.Run{Name: run.Name, Started: *at(created), Ended: at(run.Ended), Outcome: outcome})
	}
	in.Spec.KeepComplete, in.Spec.KeepFailed = 3, 1
	want := []string{in.Runs[4].Name, in.Runs[5].Name, in.Runs[6].Name}
	if diff := cmp.Diff(want, Decide(in).Prune); diff != "" {
		t.Errorf("pruned (-want +got):\n%s", diff)
	}
	in.Spec.KeepComplete, in.Spec.KeepFailed = 0, 0
	if got := Decide(in).Prune; len(got) != 7 {
		t.Errorf("pruned %v, want all", got)
	}
	in.Past.Runs[0].Ended, in.Past.Runs[0].Outcome = nil, ""
	if got := Decide(in).Prune; len(got) != 6 {
		t.Errorf("pruned %v, want all but the one the status does not tell of", got)
	}
}

// TestARunEndsSecondsAfterItsLastJob: the operator asks the probe at most once a second,
// and pulls each worker at most once a second, a moment after the probe. The run must
// finish at most three seconds after the operator has heard that its workers are quiet,
// whenever the last measurement was.
func TestARunEndsSecondsAfterItsLastJob(t *testing.T) {
	const answered, heard, gap = 20 * time.Millisecond, 250 * time.Millisecond, time.Second
	for ahead := range 50 {
		in := open()
		quiet := in.Now
		in.Work.LastActivity = quiet
		asked, pulled := quiet.Add(-time.Duration(ahead)*100*time.Millisecond), quiet
		in.Work.MeasuredAt = asked
		questions := 0
		for in.Now = quiet.Add(100 * time.Millisecond); ; in.Now = in.Now.Add(hurry) {
			in.Work.Unheard = 0
			if pulled.Before(in.Work.MeasuredAt) {
				in.Work.Unheard = 1
			}
			out := Decide(in)
			if out.Finish != "" {
				break
			}
			if in.Now.Sub(quiet) > 3*time.Second || out.Recheck != hurry {
				t.Fatalf("measured %s before the workers were quiet: after %s the run goes on: %+v", quiet.Sub(asked), in.Now.Sub(quiet), out)
			}
			if out.Measure {
				asked, questions = later(in.Now, asked.Add(gap)), questions+1
				in.Work.MeasuredAt = asked.Add(answered)
			}
			if out.Hear {
				pulled = later(in.Now.Add(heard), pulled.Add(gap))
			}
		}
		if questions != 1 {
			t.Errorf("the probe was asked %d times, want once", questions)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
