// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package intent

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 500, time.UTC)

func emails() *builders.Worker { return builders.QueueWorker("shop", "emails") }

func batch() *builders.Worker {
	return emails().Spec(func(s *v1alpha1.QueueWorkerSpec) { s.Mode = v1alpha1.ModeBatch })
}

// podOf returns a pod of a pool, with annotations.
func podOf(pool string, annotations map[string]string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: "emails-worker-a", Labels: map[string]string{v1alpha1.LabelName: pool}, Annotations: annotations,
	}}
}

func TestPlans(t *testing.T) {
	soon, past := noon.Add(2*time.Hour), noon.Add(-time.Second)
	n := func(n int32) *int32 { return &n }
	removed := podOf("emails", nil)
	removed.DeletionTimestamp = &metav1.Time{Time: noon}
	stop := func(now bool) func(Input) (Plan, error) {
		return func(in Input) (Plan, error) { return Stop(in, now) }
	}
	pause := func(until *time.Time) func(Input) (Plan, error) {
		return func(in Input) (Plan, error) { return Pause(in, until) }
	}
	restart := func(pods bool) func(Input) (Plan, error) {
		return func(in Input) (Plan, error) { return Restart(in, pods) }
	}
	scale := func(size Size) func(Input) (Plan, error) {
		return func(in Input) (Plan, error) { return Scale(in, size) }
	}
	tests := map[string]struct {
		do         func(Input) (Plan, error)
		worker     *builders.Worker
		conditions []metav1.Condition
		active     string // run
		pod        *corev1.Pod
		// wantWorker and wantPod are the patches as JSON; empty if there is none.
		wantWorker, wantPod string
		wantLocked          bool
		// want are parts of the messages as JSON: done, danger, notes or the refusal.
		want        []string
		wantRefusal bool
	}{
		"start":                             {do: Start, worker: emails().Stopped(true), wantWorker: `{"spec":{"stopped":false}}`, want: []string{`"code":"Started"`}},
		"start what runs":                   {do: Start, worker: emails(), want: []string{`"code":"NotStopped"`}},
		"start what is paused":              {do: Start, worker: emails().Stopped(true).Paused(true), wantWorker: `{"spec":{"stopped":false}}`, want: []string{`"code":"Started"`, `"code":"StillPaused"`}},
		"start without processes":           {do: Start, worker: emails().Stopped(true).Processes(0), wantWorker: `{"spec":{"stopped":false}}`, want: []string{`"code":"Started"`, `"code":"NoProcesses"`}},
		"stop":                              {do: stop(false), worker: emails(), wantWorker: `{"spec":{"stopped":true}}`, want: []string{`"code":"Stopped"`}},
		"stop what is stopped":              {do: stop(false), worker: emails().Stopped(true), want: []string{`"code":"AlreadyStopped"`}},
		"stop at once":                      {do: stop(true), worker: emails(), wantWorker: `{"metadata":{"annotations":{"queueworker.dev/killAt":"token"}},"spec":{"stopped":true}}`, want: []string{`"code":"Killed"`, `"code":"InterruptsJobs"`, `"tries":1`}},
		"stop at once what is stopped":      {do: stop(true), worker: emails().Stopped(true), wantWorker: `{"metadata":{"annotations":{"queueworker.dev/killAt":"token"}},"spec":{"stopped":true}}`, want: []string{`"code":"Killed"`, `"code":"InterruptsJobs"`}},
		"stop at once with tries":           {do: stop(true), worker: emails().Spec(func(s *v1alpha1.QueueWorkerSpec) { s.Tries = n(3) }), wantWorker: `{"metadata":{"annotations":{"queueworker.dev/killAt":"token"}},"spec":{"stopped":true}}`, want: []string{`"code":"Killed"`, `"code":"InterruptsJobs"`, `"tries":3`}},
		"stop at once with tries 0":         {do: stop(true), worker: emails().Spec(func(s *v1alpha1.QueueWorkerSpec) { s.Tries = n(0) }), wantWorker: `{"metadata":{"annotations":{"queueworker.dev/killAt":"token"}},"spec":{"stopped":true}}`, want: []string{`"code":"Killed"`, `"code":"InterruptsJobs","worker":"emails"}`}},
		"let one go":                        {do: stop(false), worker: emails().Processes(4), pod: podOf("emails", nil), wantPod: `{"metadata":{"annotations":{"queueworker.dev/retire":"true"}}}`, wantWorker: `{"spec":{"processes":3}}`, wantLocked: true, want: []string{`"code":"WorkerRetired"`, `"pod":"emails-worker-a","from":4,"to":3`}},
		"let the only one go":               {do: stop(false), worker: emails(), pod: podOf("emails", nil), wantPod: `{"metadata":{"annotations":{"queueworker.dev/retire":"true"}}}`, wantWorker: `{"spec":{"processes":0}}`, wantLocked: true, want: []string{`"code":"WorkerRetired"`, `"pod":"emails-worker-a","from":1}`}},
		"let one of a larger pod go":        {do: stop(false), worker: emails().Processes(7).PerPod(4), pod: podOf("emails", nil), wantPod: `{"metadata":{"annotations":{"queueworker.dev/retire":"true"}}}`, wantWorker: `{"spec":{"processes":4}}`, wantLocked: true, want: []string{`"code":"WorkerRetired"`, `"from":7,"to":4`}},
		"let one go under autoscaling":      {do: stop(false), worker: emails().Autoscaling(1, 9, nil), pod: podOf("emails", nil), wantPod: `{"metadata":{"annotations":{"queueworker.dev/retire":"true"}}}`, want: []string{`"code":"WorkerRetired"`, `"code":"ReplacedIfNeeded"`}},
		"let one go of none":                {do: stop(false), worker: emails().Processes(0), pod: podOf("emails", nil), wantPod: `{"metadata":{"annotations":{"queueworker.dev/retire":"true"}}}`, want: []string{`"code":"WorkerRetired"`, `"pod":"emails-worker-a"}`}},
		"let one go at once":                {do: stop(true), worker: emails().Processes(2), pod: podOf("emails", nil), wantPod: `{"metadata":{"annotations":{"queueworker.dev/killAt":"token","queueworker.dev/retire":"true"}}}`, wantWorker: `{"spec":{"processes":1}}`, wantLocked: true, want: []string{`"code":"WorkerKilled"`, `"from":2,"to":1`, `"code":"InterruptsJobs"`}},
		"let one go again":                  {do: stop(false), worker: emails().Processes(2), pod: podOf("emails", map[string]string{v1alpha1.AnnotationRetire: "true"}), want: []string{`"code":"AlreadyRetired"`}},
		"let one go that was let, at once":  {do: stop(true), worker: emails().Processes(2), pod: podOf("emails", map[string]string{v1alpha1.AnnotationRetire: "true"}), wantPod: `{"metadata":{"annotations":{"queueworker.dev/killAt":"token","queueworker.dev/retire":"true"}}}`, want: []string{`"code":"WorkerKilled"`, `"code":"InterruptsJobs"`}},
		"let one of another pool go":        {do: stop(false), worker: emails(), pod: podOf("reports", nil), wantRefusal: true, want: []string{`"code":"ForeignPod"`, `"worker":"emails","pod":"emails-worker-a"`}},
		"let one go that is going":          {do: stop(false), worker: emails(), pod: removed, wantRefusal: true, want: []string{`"code":"PodLeaving"`}},
		"pause":                             {do: pause(nil), worker: emails(), wantWorker: `{"spec":{"paused":true}}`, want: []string{`"code":"Paused"`}},
		"pause what is paused":              {do: pause(nil), worker: emails().Paused(true), want: []string{`"code":"AlreadyPaused"`}},
		"pause what is stopped":             {do: pause(nil), worker: emails().Stopped(true), wantWorker: `{"spec":{"paused":true}}`, want: []string{`"code":"Paused"`, `"code":"StillStopped"`}},
		"pause for a while":                 {do: pause(&soon), worker: emails(), wantWorker: `{"spec":{"pausedUntil":"2026-11-23T14:00:00Z"}}`, want: []string{`"code":"PausedUntil"`, `"until":"2026-11-23T14:00:00Z"`}},
		"pause for a while without an end":  {do: pause(&soon), worker: emails().Paused(true), wantRefusal: true, want: []string{`"code":"PausedWithoutEnd"`}},
		"pause into the past":               {do: pause(&past), worker: emails(), wantRefusal: true, want: []string{`"code":"PauseInPast"`}},
		"pause one":                         {do: pause(nil), worker: emails(), pod: podOf("emails", nil), wantPod: `{"metadata":{"annotations":{"queueworker.dev/paused":"true"}}}`, want: []string{`"code":"WorkerPaused"`, `"pod":"emails-worker-a"`}},
		"pause one that is paused":          {do: pause(nil), worker: emails(), pod: podOf("emails", map[string]string{v1alpha1.AnnotationPaused: "true"}), want: []string{`"code":"PausedBefore"`}},
		"pause one for a while":             {do: pause(&soon), worker: emails(), pod: podOf("emails", nil), wantRefusal: true, want: []string{`"code":"WorkerPauseHasNoEnd"`}},
		"resume":                            {do: Resume, worker: emails().Paused(true), wantWorker: `{"metadata":{"annotations":{"queueworker.dev/resumedAt":"token"}},"spec":{"paused":false}}`, want: []string{`"code":"Resumed"`}},
		"resume before the time":            {do: Resume, worker: emails().Spec(func(s *v1alpha1.QueueWorkerSpec) { s.PausedUntil = &metav1.Time{Time: soon} }), wantWorker: `{"metadata":{"annotations":{"queueworker.dev/resumedAt":"token"}},"spec":{"paused":false,"pausedUntil":null}}`, want: []string{`"code":"Resumed"`}},
		"resume what runs":                  {do: Resume, worker: emails(), want: []string{`"code":"NotPaused"`}},
		"resume one":                        {do: Resume, worker: emails().Paused(true), pod: podOf("emails", map[string]string{v1alpha1.AnnotationPaused: "true"}), wantPod: `{"metadata":{"annotations":{"queueworker.dev/paused":null}}}`, want: []string{`"code":"WorkerResumed"`, `"code":"PoolPaused"`}},
		"resume one that runs":              {do: Resume, worker: emails(), pod: podOf("emails", nil), want: []string{`"code":"WorkerNotPaused"`}},
		"restart":                           {do: restart(false), worker: emails(), wantWorker: `{"metadata":{"annotations":{"queueworker.dev/restartedAt":"token"}}}`, want: []string{`"code":"Restarted"`}},
		"restart pods":                      {do: restart(true), worker: emails(), wantWorker: `{"metadata":{"annotations":{"queueworker.dev/recreatedAt":"token"}}}`, want: []string{`"code":"PodsReplaced"`}},
		"restart one":                       {do: restart(false), worker: emails(), pod: podOf("emails", nil), wantPod: `{"metadata":{"annotations":{"queueworker.dev/restartedAt":"token"}}}`, want: []string{`"code":"WorkerRestarted"`, `"pod":"emails-worker-a"`}},
		"restart the pods of one":           {do: restart(true), worker: emails(), pod: podOf("emails", nil), wantRefusal: true, want: []string{`"code":"PodsOfOneWorker"`}},
		"scale":                             {do: scale(Size{Processes: n(5)}), worker: emails(), wantWorker: `{"spec":{"processes":5}}`, want: []string{`"code":"Scaled"`, `"from":1,"to":5`}},
		"scale to what it is":               {do: scale(Size{Processes: n(5)}), worker: emails().Processes(5), want: []string{`"code":"AlreadyScaled"`}},
		"scale to part of a pod":            {do: scale(Size{Processes: n(5)}), worker: emails().PerPod(4), wantWorker: `{"spec":{"processes":5}}`, want: []string{`"code":"Scaled"`, `"code":"WholePods"`, `"to":8,"perPod":4`}},
		"scale what is stopped":             {do: scale(Size{Processes: n(5)}), worker: emails().Stopped(true), wantWorker: `{"spec":{"processes":5}}`, want: []string{`"code":"Scaled"`, `"code":"NoneWhileStopped"`}},
		"scale against autoscaling":         {do: scale(Size{Processes: n(5)}), worker: emails().Autoscaling(2, 9, nil), wantRefusal: true, want: []string{`"code":"AutoscalingDecides"`, `"lowest":2,"highest":9`}},
		"scale bounds":                      {do: scale(Size{Lowest: n(0), Highest: n(20)}), worker: emails().Autoscaling(2, 9, nil), wantWorker: `{"spec":{"autoscaling":{"maxProcesses":20,"minProcesses":0}}}`, want: []string{`"code":"Bounded"`, `"highest":20`}},
		"scale one bound":                   {do: scale(Size{Highest: n(20)}), worker: emails().Autoscaling(2, 9, nil), wantWorker: `{"spec":{"autoscaling":{"maxProcesses":20}}}`, want: []string{`"code":"Bounded"`, `"lowest":2,"highest":20`}},
		"scale bounds to what they are":     {do: scale(Size{Highest: n(9)}), worker: emails().Autoscaling(2, 9, nil), want: []string{`"code":"AlreadyBounded"`}},
		"scale bounds that cross":           {do: scale(Size{Lowest: n(10)}), worker: emails().Autoscaling(2, 9, nil), wantRefusal: true, want: []string{`"code":"BoundsCross"`, `"lowest":10,"highest":9`}},
		"scale bounds without autoscaling":  {do: scale(Size{Highest: n(9)}), worker: emails(), wantRefusal: true, want: []string{`"code":"NoBounds"`}},
		"scale in both ways":                {do: scale(Size{Processes: n(1), Highest: n(9)}), worker: emails(), wantRefusal: true, want: []string{`"code":"SizeAndBounds"`}},
		"scale without a number":            {do: scale(Size{}), worker: emails(), wantRefusal: true, want: []string{`"code":"SizeMissing"`}},
		"run":                               {do: Run, worker: batch(), wantWorker: `{"metadata":{"annotations":{"queueworker.dev/runAt":"token"}}}`, want: []string{`"code":"RunRequested"`}},
		"run what runs all the time":        {do: Run, worker: emails(), wantRefusal: true, want: []string{`"code":"NotBatch"`}},
		"run what is stopped":               {do: Run, worker: batch().Stopped(true), wantRefusal: true, want: []string{`"code":"RunOfStopped"`}},
		"run what is paused":                {do: Run, worker: batch().Paused(true), wantRefusal: true, want: []string{`"code":"RunOfPaused"`}},
		"run what is paused for a while":    {do: Run, worker: batch().Spec(func(s *v1alpha1.QueueWorkerSpec) { s.PausedUntil = &metav1.Time{Time: soon} }), wantRefusal: true, want: []string{`"code":"RunOfPaused"`}},
		"run what was paused for a while":   {do: Run, worker: batch().Spec(func(s *v1alpha1.QueueWorkerSpec) { s.PausedUntil = &metav1.Time{Time: past} }), wantWorker: `{"metadata":{"annotations":{"queueworker.dev/runAt":"token"}}}`, want: []string{`"code":"RunRequested"`}},
		"run while it runs":                 {do: Run, worker: batch(), active: "emails-1", wantRefusal: true, want: []string{`"code":"RunNotOver"`, `"run":"emails-1"`}},
		"restart a worker of another's":     {do: restart(false), worker: emails(), pod: podOf("reports", nil), wantRefusal: true, want: []string{`"code":"ForeignPod"`}},
		"resume a worker of another's":      {do: Resume, worker: emails(), pod: podOf("reports", nil), wantRefusal: true, want: []string{`"code":"ForeignPod"`}},
		"pause a worker of another's":       {do: pause(nil), worker: emails(), pod: podOf("reports", nil), wantRefusal: true, want: []string{`"code":"ForeignPod"`}},
		"let one of a run go":               {do: stop(false), worker: batch(), pod: podOf("emails", nil), wantRefusal: true, want: []string{`"code":"RunKeepsWorkers"`, `"pod":"emails-worker-a"`}},
		"kill one of a run":                 {do: stop(true), worker: batch(), pod: podOf("emails", nil), wantRefusal: true, want: []string{`"code":"RunKeepsWorkers"`}},
		"stop runs":                         {do: stop(false), worker: batch(), wantWorker: `{"spec":{"stopped":true}}`, want: []string{`"code":"Stopped"`}},
		"restart the processes of a run":    {do: restart(false), worker: batch(), wantWorker: `{"metadata":{"annotations":{"queueworker.dev/restartedAt":"token"}}}`, want: []string{`"code":"Restarted"`}},
		"restart the pods of a run":         {do: restart(true), worker: batch(), wantRefusal: true, want: []string{`"code":"RunKeepsPods"`}},
		"scale runs":                        {do: scale(Size{Processes: n(5)}), worker: batch(), wantWorker: `{"spec":{"processes":5}}`, want: []string{`"code":"Scaled"`, `"from":1,"to":5`, `"code":"FromNextRun"`}},
		"resume what the operator paused":   {do: Resume, worker: emails(), conditions: []metav1.Condition{{Type: v1alpha1.ConditionPaused, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonPausedByFailing}}, wantWorker: `{"metadata":{"annotations":{"queueworker.dev/resumedAt":"token"}},"spec":{"paused":false}}`, want: []string{`"code":"Resumed"`}},
		"resume what is paused and stopped": {do: Resume, worker: emails().Paused(true).Stopped(true), wantWorker: `{"metadata":{"annotations":{"queueworker.dev/resumedAt":"token"}},"spec":{"paused":false}}`, want: []string{`"code":"Resumed"`, `"code":"StillStopped"`}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			worker := tc.worker.Obj()
			worker.Status.Conditions = tc.conditions
			worker.Status.Batch = &v1alpha1.BatchStatus{ActiveRun: tc.active}
			plan, err := tc.do(Input{Worker: worker, Pod: tc.pod, Now: noon, Token: "token"})
			var refusal Refusal
			if refused := errors.As(err, &refusal); refused != tc.wantRefusal {
				t.Fatalf("refused %t, want %t: %v", refused, tc.wantRefusal, err)
			}
			if got := body(t, plan.Worker); got != tc.wantWorker {
				t.Errorf("the QueueWorker's patch is %s, want %s", got, tc.wantWorker)
			}
			if got := body(t, plan.Pod); got != tc.wantPod {
				t.Errorf("the pod's patch is %s, want %s", got, tc.wantPod)
			}
			if locked := plan.Worker != nil && plan.Worker.Locked; locked != tc.wantLocked {
				t.Errorf("locked is %t, want %t", locked, tc.wantLocked)
			}
			said := told(t, plan, refusal)
			for _, phrase := range tc.want {
				if !strings.Contains(said, phrase) {
					t.Errorf("lacks %q: %s", phrase, said)
				}
			}
		})
	}
}

// told returns everything that a command says, as JSON.
func told(t *testing.T, plan Plan, refusal Refusal) string {
	t.Helper()
	said, err := json.Marshal([]any{plan.Done, plan.Danger, plan.Notes, refusal})
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}

func body(t *testing.T, patch *Patch) string {
	t.Helper()
	if patch == nil {
		return ""
	}
	text, err := json.Marshal(patch.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFieldsAreThoseOfThePatch(t *testing.T) {
	plan, err := Resume(Input{Worker: emails().Paused(true).Obj(), Token: "token"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"spec.paused", "metadata.annotations.queueworker.dev/resumedAt"}
	if diff := cmp.Diff(want, plan.Worker.Fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDangerNamesTheJobs(t *testing.T) {
	worker := emails().Obj()
	row := func(name, class, id string) v1alpha1.Worker {
		return v1alpha1.Worker{Name: name, CurrentJob: &v1alpha1.CurrentJob{Class: class, ID: id}}
	}
	worker.Status.Workers = []v1alpha1.Worker{
		row("emails-worker-a/0", `App\Jobs\Send`, "7"), row("emails-worker-b/0", "", ""), {Name: "emails-worker-c/0"},
	}
	for range 12 {
		worker.Status.Workers = append(worker.Status.Workers, row("emails-worker-d/0", "More", ""))
	}
	all, err := Stop(Input{Worker: worker}, true)
	if err != nil {
		t.Fatal(err)
	}
	want := []Job{{Class: `App\Jobs\Send`, ID: "7", Worker: "emails-worker-a/0"}, {Worker: "emails-worker-b/0"}}
	for range 8 {
		want = append(want, Job{Class: "More", Worker: "emails-worker-d/0"})
	}
	if diff := cmp.Diff(want, all.Danger.Jobs); diff != "" || all.Danger.More != 4 {
		t.Errorf("%d more; (-want +got):\n%s", all.Danger.More, diff)
	}
	one, err := Stop(Input{Worker: worker, Pod: podOf("emails", nil)}, true)
	if err != nil {
		t.Fatal(err)
	}
	if want := want[:1]; cmp.Diff(want, one.Danger.Jobs) != "" {
		t.Errorf("the jobs of one worker are %v", one.Danger.Jobs)
	}
}
