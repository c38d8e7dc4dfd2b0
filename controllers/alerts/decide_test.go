// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/throughput"
)

var start = time.Unix(1_800_000_000, 0)

// world plays a pool whose status is written after every decision.
type world struct {
	in Input
}

func newWorld(change func(*v1alpha1.QueueWorkerSpec)) *world {
	spec := &v1alpha1.QueueWorkerSpec{}
	if change != nil {
		change(spec)
	}
	return &world{in: Input{Now: start, Watched: start.Add(-time.Hour), Rules: RulesOf(spec)}}
}

func (w *world) after(d time.Duration) *world {
	w.in.Now = w.in.Now.Add(d)
	return w
}

// decide decides and writes the outcome to the status.
func (w *world) decide() Output {
	out := Decide(w.in)
	w.in.Was, w.in.Memory, w.in.Pause = out.Alerts, out.Memory, out.Pause
	return out
}

func (w *world) jobs(processed, failed int64) *world {
	w.in.Jobs = append(w.in.Jobs, throughput.Bucket{Start: w.in.Now, Processed: processed, Failed: failed})
	return w
}

func (w *world) restart(id string, age time.Duration) *world {
	w.in.Ends = append(w.in.Ends, End{ID: id, Process: "pod/0", MaxExceptions: true, At: w.in.Now.Add(-age)})
	return w
}

func (w *world) crash(id string) *world {
	w.in.Ends = append(w.in.Ends, End{ID: id, Process: "pod/0", Message: "It failed.", At: w.in.Now})
	return w
}

// told returns the types and reasons of alerts, one word each.
func told(out Output) string {
	var words []string
	for _, alert := range out.Alerts {
		words = append(words, alert.Type+"/"+alert.Reason)
	}
	return strings.Join(words, " ")
}

func (w *world) expect(t *testing.T, when, want string) Output {
	t.Helper()
	out := w.decide()
	if got := told(out); got != want {
		t.Fatalf("%s it says %q, want %q", when, got, want)
	}
	return out
}

const (
	failuresHigh  = "FailuresHigh/AboveThreshold"
	memoryHigh    = "MemoryHigh/AboveThreshold"
	slowJobs      = "SlowJobs/NearTimeout"
	crashing      = "WorkersFailing/Crashes"
	maxExceptions = "WorkersFailing/MaxExceptions"
)

func TestRulesHaveTheDefaultsOfTheAPI(t *testing.T) {
	got := RulesOf(&v1alpha1.QueueWorkerSpec{})
	want := Rules{
		MemoryPercent: 80, MemoryFor: 2 * time.Minute, SlowJobPercent: 80, FailedPercent: 10, FailedMinimum: 10, Crashes: 3,
		Memory: 128 << 20, Timeout: time.Minute,
	}
	if got != want {
		t.Errorf("the rules are %+v, want %+v", got, want)
	}
}

func TestAThresholdOfZeroIsNotWatched(t *testing.T) {
	w := newWorld(func(spec *v1alpha1.QueueWorkerSpec) {
		spec.Alerts = &v1alpha1.Alerts{
			MemoryPercent: new(int32(0)), SlowJobPercent: new(int32(0)), FailedPercent: new(int32(0)), Crashes: new(int32(0)),
		}
	})
	w.in.Processes = []Process{{Name: "pod/0", PID: 7, Memory: 1 << 40, Working: true, Age: time.Hour}}
	w.jobs(0, 100).crash("a").crash("b").crash("c").crash("d").restart("e", 0).restart("f", 0).restart("g", 0)
	w.expect(t, "at first", "")
	w.after(time.Hour).expect(t, "an hour later", "")
}

func TestMemoryHighBeginsAfterAWhileAndEndsWellBelow(t *testing.T) {
	w := newWorld(nil)
	use := func(mebibytes int64) { w.in.Processes = []Process{{Name: "pod/0", PID: 7, Memory: mebibytes << 20}} }
	use(110)
	if out := w.expect(t, "at first", ""); out.Recheck != 2*time.Minute {
		t.Errorf("it looks again after %s, want when two minutes have passed", out.Recheck)
	}
	w.after(119*time.Second).expect(t, "before two minutes", "")
	out := w.after(time.Second).expect(t, "after two minutes", memoryHigh)
	if message := out.Alerts[0].Message; !strings.Contains(message, "The largest is pod/0 with 110Mi") || !strings.Contains(message, "128Mi") {
		t.Errorf("the message is %q", message)
	}
	use(100) // 78 %: below the threshold of 80, not yet below 75
	w.after(time.Minute).expect(t, "a little below", memoryHigh)
	use(90)
	w.after(time.Second).expect(t, "well below", "")
	use(110)
	w.after(time.Second).expect(t, "above again", "")
}

func TestMemoryHighCountsAnewForAnotherProcess(t *testing.T) {
	w := newWorld(nil)
	for pid := range int32(5) {
		w.in.Processes = []Process{{Name: "pod/0", PID: 7 + pid, Memory: 120 << 20}}
		w.after(time.Minute).expect(t, "with a process of a minute", "")
	}
}

func TestSlowJobsStaysForAMinute(t *testing.T) {
	w := newWorld(nil)
	work := func(age time.Duration) {
		w.in.Processes = []Process{{Name: "pod/0", PID: 7, Working: age > 0, Class: "App\\Jobs\\Report", Age: age}}
	}
	work(47 * time.Second)
	w.expect(t, "before 80 % of 60s", "")
	work(48 * time.Second)
	out := w.expect(t, "at 80 %", slowJobs)
	if message := out.Alerts[0].Message; !strings.Contains(message, "48s of 1m0s") || !strings.Contains(message, "App\\Jobs\\Report on pod/0") {
		t.Errorf("the message is %q", message)
	}
	work(0)
	w.after(59*time.Second).expect(t, "a little later", slowJobs)
	w.after(time.Second).expect(t, "a minute later", "")
}

func TestSlowJobsOfAnEarlierOperatorStayForAMinute(t *testing.T) {
	w := newWorld(nil)
	w.in.Was = []Alert{{v1alpha1.ConditionSlowJobs, v1alpha1.ReasonNearTimeout, "slow"}}
	w.expect(t, "at first", slowJobs)
	w.after(time.Minute).expect(t, "a minute later", "")
}

func TestFailuresHighNeedsShareAndNumber(t *testing.T) {
	tests := map[string]struct {
		processed, failed int64
		want              string
	}{
		"nine jobs, all failed":        {0, 9, ""},
		"ten jobs, one failed":         {9, 1, ""},
		"ten jobs, two failed":         {8, 2, failuresHigh},
		"a thousand jobs, a hundred":   {900, 100, ""},
		"a thousand jobs, one more":    {899, 101, failuresHigh},
		"ten jobs, all failed":         {0, 10, failuresHigh},
		"nothing ended":                {0, 0, ""},
		"a million jobs without fault": {1e6, 0, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			newWorld(nil).jobs(tc.processed, tc.failed).expect(t, "with these jobs", tc.want)
		})
	}
}

func TestFailuresHighEndsAtHalfTheThresholdOrWithoutJobs(t *testing.T) {
	w := newWorld(nil).jobs(8, 2)
	w.in.Failures = []Failure{{"pod/0", "App\\Jobs\\Mail", "RuntimeException", start.Add(-time.Second)}}
	out := w.expect(t, "at first", failuresHigh)
	for _, want := range []string{"2 of the 10 jobs", "20 %", "App\\Jobs\\Mail on pod/0 with RuntimeException"} {
		if message := out.Alerts[0].Message; !strings.Contains(message, want) {
			t.Errorf("the message %q lacks %q", message, want)
		}
	}
	w.jobs(20, 0)
	w.after(time.Second).expect(t, "at 6.7 %", failuresHigh)
	w.jobs(20, 0)
	w.after(time.Second).expect(t, "at 4 %", "")

	w = newWorld(nil).jobs(0, 10)
	w.expect(t, "at first", failuresHigh)
	w.after(5*time.Minute).expect(t, "within the window", failuresHigh)
	w.after(time.Second).expect(t, "after it", "")
}

func TestFailuresHighOutlivesARestartOfTheOperator(t *testing.T) {
	w := newWorld(nil)
	w.in.Watched = start
	w.in.Was = []Alert{{v1alpha1.ConditionFailuresHigh, v1alpha1.ReasonAboveThreshold, "many"}}
	out := w.expect(t, "before anything was counted", failuresHigh)
	if out.Alerts[0].Message != "many" {
		t.Errorf("it was worded anew: %q", out.Alerts[0].Message)
	}
	w.after(299*time.Second).expect(t, "before five minutes", failuresHigh)
	w.after(time.Second).expect(t, "after five minutes", "")
}

func TestWorkersFailingBeginsWithThreeCrashesAndEndsWithNone(t *testing.T) {
	w := newWorld(nil).crash("a").crash("b")
	w.expect(t, "after two", "")
	w.expect(t, "when the same are told again", "")
	w.after(time.Minute).crash("c")
	out := w.expect(t, "after three", crashing)
	if message := out.Alerts[0].Message; !strings.Contains(message, "3 process(es) crashed") || !strings.Contains(message, "pod/0: It failed.") {
		t.Errorf("the message is %q", message)
	}
	w.in.Ends = nil // agents report only their last ten ends
	w.after(299*time.Second).expect(t, "while one is left", crashing)
	w.after(time.Second).expect(t, "with none", "")
}

func TestRestartsForMaxExceptionsAreFailing(t *testing.T) {
	w := newWorld(func(spec *v1alpha1.QueueWorkerSpec) { spec.MaxExceptions = 3 }).jobs(100, 3).restart("a", 0)
	w.expect(t, "after one, while most jobs succeed", "")
	w.restart("b", 0).restart("c", 0)
	out := w.expect(t, "after three", maxExceptions)
	if message := out.Alerts[0].Message; !strings.Contains(message, "3 process(es)") || !strings.Contains(message, "3 jobs in a row") {
		t.Errorf("the message is %q", message)
	}
}

func TestOneRestartIsEnoughWhereNoJobSucceeds(t *testing.T) {
	newWorld(func(spec *v1alpha1.QueueWorkerSpec) { spec.MaxExceptions = 3 }).jobs(0, 3).restart("a", 0).
		expect(t, "with a poisoned queue", maxExceptions)
	newWorld(nil).restart("a", 0).expect(t, "where nothing is known of failures", "")
}

func TestARestartBeforeTheCountBeganIsNotEnough(t *testing.T) {
	w := newWorld(func(spec *v1alpha1.QueueWorkerSpec) { spec.MaxExceptions = 3 })
	w.in.Watched = w.in.Now.Add(-20 * time.Second)
	w.jobs(0, 1).restart("a", 4*time.Minute).expect(t, "with one failure since another operator", "")
	w.restart("b", 0).expect(t, "with a restart since", maxExceptions)
}

func TestAMessageIsWordedAtMostOnceAMinute(t *testing.T) {
	w := newWorld(nil).jobs(0, 10)
	first := w.expect(t, "at first", failuresHigh).Alerts[0].Message
	for range 11 {
		w.after(5*time.Second).jobs(0, 3)
		if message := w.decide().Alerts[0].Message; message != first {
			t.Fatalf("after %s it says %q", w.in.Now.Sub(start), message)
		}
	}
	if message := w.after(5 * time.Second).decide().Alerts[0].Message; message == first {
		t.Error("after a minute it still tells the old numbers")
	}
}

func poisoned(spec *v1alpha1.QueueWorkerSpec) {
	spec.MaxExceptions, spec.OnFailing = 3, v1alpha1.OnFailingPause
}

func TestOnFailingPausesUntilAnotherToken(t *testing.T) {
	w := newWorld(poisoned).jobs(0, 3).restart("a", 0)
	w.in.Token = "before"
	out := w.decide()
	if out.Pause == nil || !out.Pause.Paused || out.Pause.ResumedAt != "before" || out.Pause.Cause != out.Alerts[0].Message {
		t.Fatalf("the pause is %+v", out.Pause)
	}
	paused := *out.Pause
	w.after(10 * time.Minute)
	if out := w.expect(t, "when the failures are long past", ""); *out.Pause != paused {
		t.Errorf("the pause has become %+v", out.Pause)
	}
	w.in.Token = ""
	if out := w.after(time.Minute).decide(); *out.Pause != paused {
		t.Errorf("when the annotation is taken away, the pause has become %+v", out.Pause)
	}
	w.in.Token = "resume"
	out = w.after(time.Minute).decide()
	if out.Pause.Paused || out.Pause.ResumedAt != "resume" || out.Pause.ResumedTime == nil || out.Pause.Cause != "" {
		t.Errorf("the pause is %+v", out.Pause)
	}
}

func TestTheSameFailuresDoNotPauseAgain(t *testing.T) {
	w := newWorld(poisoned).jobs(0, 30).restart("a", 0).restart("b", 0).restart("c", 0)
	w.decide()
	w.in.Token = "resume"
	for range 100 {
		w.after(5 * time.Second)
		if out := w.decide(); out.Pause.Paused || len(out.Alerts) > 0 {
			t.Fatalf("%s after it was resumed: %+v, %s", w.in.Now.Sub(start), out.Pause, told(out))
		}
	}
	w.jobs(0, 3).restart("d", 0)
	if out := w.decide(); !out.Pause.Paused || out.Pause.ResumedAt != "resume" {
		t.Errorf("new failures do not pause it: %+v", out.Pause)
	}
}

func TestCrashesDoNotPause(t *testing.T) {
	w := newWorld(poisoned).crash("a").crash("b").crash("c")
	if out := w.expect(t, "after three crashes", crashing); out.Pause != nil {
		t.Errorf("paused: %+v", out.Pause)
	}
}

func TestWithoutOnFailingNothingIsPaused(t *testing.T) {
	w := newWorld(nil).jobs(0, 30)
	if out := w.expect(t, "with failures", failuresHigh); out.Pause != nil {
		t.Errorf("paused: %+v", out.Pause)
	}
	w = newWorld(poisoned).jobs(0, 30)
	w.decide()
	w.in.Rules.Pause = false
	if out := w.decide(); out.Pause.Paused {
		t.Error("still paused after onFailing became Continue")
	}
}

func TestALongMessageFitsThePause(t *testing.T) {
	w := newWorld(poisoned).jobs(0, 30)
	w.in.Failures = []Failure{{"pod/0", strings.Repeat("ü", 600), strings.Repeat("x", 600), start}}
	if out := w.decide(); len([]rune(out.Pause.Cause)) != 1024 {
		t.Errorf("the cause has %d characters", len([]rune(out.Pause.Cause)))
	}
}

// Jobs are counted in buckets of 5 s, and one may have begun just before a resumption.
func TestFailuresInABucketFromBeforeAResumptionPauseAgain(t *testing.T) {
	w := newWorld(func(spec *v1alpha1.QueueWorkerSpec) { spec.MaxExceptions, spec.OnFailing = 3, v1alpha1.OnFailingPause })
	if out := w.jobs(0, 3).restart("a", 0).decide(); out.Pause == nil || !out.Pause.Paused {
		t.Fatalf("a pool whose jobs all fail is not paused: %s", told(out))
	}
	w.after(10 * time.Second).in.Token = "resume"
	if out := w.decide(); out.Pause.Paused {
		t.Fatal("it is not resumed")
	}
	w.jobs(0, 3).after(3*time.Second).restart("b", 0)
	if out := w.decide(); out.Pause.Paused {
		t.Error("a restart without a failed job pauses it again")
	}
	w.in.Failures = []Failure{{Process: "pod/0", Class: "A", At: w.in.Now}}
	if out := w.decide(); !out.Pause.Paused {
		t.Errorf("new failures do not pause it again: %s", told(out))
	}
}

func TestAPauseSurvivesItsOwnWriting(t *testing.T) {
	w := newWorld(poisoned).jobs(0, 30)
	out := w.decide()
	// The API server returns whole seconds.
	if got := out.Pause.PausedTime; !got.Equal(&metav1.Time{Time: got.Truncate(time.Second)}) {
		t.Errorf("paused at %s", got)
	}
	if again := w.decide(); fmt.Sprint(again.Pause) != fmt.Sprint(out.Pause) {
		t.Errorf("a second decision changes %+v to %+v", out.Pause, again.Pause)
	}
}

// TestInventedEndsAreForgotten: in each decision, agents report 200 new ends. The newest
// are enough for the alert, and only the newest end's message is shown.
func TestInventedEndsAreForgotten(t *testing.T) {
	for name, tc := range map[string]struct {
		crashes, want int
	}{
		"by default":                     {3, maxEnds},
		"of an alert after many crashes": {250, 250},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(func(spec *v1alpha1.QueueWorkerSpec) {
				spec.Alerts = &v1alpha1.Alerts{Crashes: new(int32(tc.crashes))}
			})
			var out Output
			for pull := range 60 {
				w.in.Ends = nil
				for i := range 200 {
					w.in.Ends = append(w.in.Ends, End{
						ID: fmt.Sprint(pull, "/", i), Process: "pod/0", MaxExceptions: i%2 == 0, Message: strings.Repeat("x", 500), At: w.in.Now,
					})
				}
				out = w.decide()
				w.after(4 * time.Second)
			}
			kinds, messages := map[bool]int{}, 0
			for id, end := range out.Memory.Ends {
				kinds[end.MaxExceptions]++
				messages += len(end.Message)
				if tc.crashes <= 100 && !strings.HasPrefix(id, "59/") {
					t.Fatalf("%s is remembered instead of a newer end", id)
				}
			}
			if kinds[true] != tc.want || kinds[false] != tc.want || messages > 2*500 {
				t.Errorf("%v ends with %d bytes of messages are remembered, want %d of each kind and the message of the newest", kinds, messages, tc.want)
			}
			if len(out.Alerts) == 0 || !strings.HasPrefix(out.Alerts[0].Message, fmt.Sprintf("At least %d ", tc.want)) {
				t.Errorf("alerts %+v, want one that says that there were more", out.Alerts)
			}
		})
	}
}
