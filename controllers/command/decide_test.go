// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// retry returns a command that was created at noon.
// defaultTTL is the default of spec.ttl.
const defaultTTL = 10 * time.Minute

func retry(change func(*v1alpha1.QueueCommand)) *v1alpha1.QueueCommand {
	cmd := &v1alpha1.QueueCommand{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "retry", UID: "command", CreationTimestamp: metav1.NewTime(noon)},
		Spec:       v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionRetryFailed, All: true},
	}
	if change != nil {
		change(cmd)
	}
	return cmd
}

// begun returns a command whose status names its Job.
func begun() *v1alpha1.QueueCommand {
	return retry(func(cmd *v1alpha1.QueueCommand) {
		cmd.Status = v1alpha1.QueueCommandStatus{State: v1alpha1.CommandPending, JobName: "retry-1", JobUID: "job", Message: "Pod p is starting."}
	})
}

func job(change func(*batchv1.Job)) *batchv1.Job {
	j := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "retry-1", UID: "job", Annotations: map[string]string{v1alpha1.AnnotationBegun: "true"},
			OwnerReferences: []metav1.OwnerReference{{UID: "command", Controller: new(true)}},
		},
		Spec:   batchv1.JobSpec{Suspend: new(false), ActiveDeadlineSeconds: new(int64(1800))},
		Status: batchv1.JobStatus{StartTime: new(metav1.NewTime(noon))},
	}
	if change != nil {
		change(j)
	}
	return j
}

func suspendedJob(begun bool) *batchv1.Job {
	return job(func(j *batchv1.Job) {
		j.Spec.Suspend = new(true)
		if !begun {
			j.Annotations = nil
		}
	})
}

func jobWith(kind batchv1.JobConditionType, reason string, at time.Time) *batchv1.Job {
	return job(func(j *batchv1.Job) {
		j.Status.Conditions = []batchv1.JobCondition{{Type: kind, Status: corev1.ConditionTrue, Reason: reason, LastTransitionTime: metav1.NewTime(at)}}
		if kind == batchv1.JobComplete {
			j.Status.CompletionTime = new(metav1.NewTime(at))
		}
	})
}

func pod(state corev1.ContainerState) []*corev1.Pod {
	return []*corev1.Pod{{
		ObjectMeta: metav1.ObjectMeta{Name: "p"},
		Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "worker", Image: "shop:1", State: state}}},
	}}
}

func endedPod(code int32, reason, message string) []*corev1.Pod {
	return pod(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: reason, Message: message, StartedAt: metav1.NewTime(noon.Add(time.Second)), FinishedAt: metav1.NewTime(noon.Add(3 * time.Second)),
	}})
}

func waiting(reason, message string) []*corev1.Pod {
	return pod(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}})
}

func TestDecide(t *testing.T) {
	missing := &effective.Problem{Reason: v1alpha1.ReasonAppNotFound, Message: "The QueueApp shop does not exist."}
	for name, tc := range map[string]struct {
		after   time.Duration // since noon
		in      Input
		state   v1alpha1.CommandState
		step    Step
		reason  string
		says    string
		recheck time.Duration
	}{
		"a new command wants a Job":            {in: Input{Command: retry(nil)}, step: StepCreate},
		"an app that is not there may come":    {in: Input{Command: retry(nil), Problem: missing}, state: v1alpha1.CommandPending, says: "does not exist", recheck: lookAgain},
		"but not for ever":                     {after: patience, in: Input{Command: retry(nil), Problem: missing}, state: v1alpha1.CommandFailed, reason: v1alpha1.ReasonAppNotFound, says: "does not exist", recheck: defaultTTL},
		"what cannot come fails at once":       {in: Input{Command: retry(nil), Problem: &effective.Problem{Reason: v1alpha1.ReasonAppInvalid, Message: "No."}}, state: v1alpha1.CommandFailed, reason: v1alpha1.ReasonAppInvalid, says: "No.", recheck: defaultTTL},
		"a Job that is refused":                {in: Input{Command: retry(nil), Rejected: "The API server refused the Job: exceeded quota."}, state: v1alpha1.CommandFailed, reason: v1alpha1.ReasonRejected, says: "quota", recheck: defaultTTL},
		"somebody else's Job":                  {in: Input{Command: retry(nil), Job: job(func(j *batchv1.Job) { j.OwnerReferences = nil })}, state: v1alpha1.CommandFailed, reason: v1alpha1.ReasonForeignObject, says: "does not belong", recheck: defaultTTL},
		"a Job that was made":                  {in: Input{Command: retry(nil), Job: suspendedJob(false)}, state: v1alpha1.CommandPending, step: StepBegin, says: "is being started"},
		"a Job that the status names":          {in: Input{Command: begun(), Job: suspendedJob(false)}, state: v1alpha1.CommandPending, step: StepBegin, says: "Pod p is starting."},
		"a Job that was suspended again":       {in: Input{Command: begun(), Job: suspendedJob(true)}, state: v1alpha1.CommandFailed, reason: v1alpha1.ReasonJobGone, says: "was suspended", recheck: defaultTTL},
		"a Job that is gone":                   {in: Input{Command: begun()}, state: v1alpha1.CommandFailed, reason: v1alpha1.ReasonJobGone, says: "was deleted", recheck: defaultTTL},
		"another Job of the name":              {in: Input{Command: begun(), Job: job(func(j *batchv1.Job) { j.UID = "another" })}, state: v1alpha1.CommandFailed, reason: v1alpha1.ReasonJobGone, says: "was deleted", recheck: defaultTTL},
		"no pod yet":                           {after: time.Second, in: Input{Command: begun(), Job: job(nil)}, state: v1alpha1.CommandPending, says: "is being started", recheck: podTime - time.Second},
		"no pod for long":                      {after: time.Minute, in: Input{Command: begun(), Job: job(nil)}, state: v1alpha1.CommandPending, says: "kubectl describe job retry-1"},
		"a pod that starts":                    {in: Input{Command: begun(), Job: job(nil), Pods: waiting("ContainerCreating", "")}, state: v1alpha1.CommandPending, says: "Pod p is starting"},
		"an image that cannot be pulled":       {in: Input{Command: begun(), Job: job(nil), Pods: waiting("ImagePullBackOff", "not found")}, state: v1alpha1.CommandPending, says: "The image shop:1 of container worker of pod p cannot be pulled: not found."},
		"a pod that runs":                      {in: Input{Command: begun(), Job: job(nil), Pods: pod(corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(noon)}})}, state: v1alpha1.CommandRunning, says: "runs in pod p"},
		"success":                              {in: Input{Command: begun(), Job: job(nil), Pods: endedPod(0, "Completed", "one\ntwo!")}, state: v1alpha1.CommandSucceeded, reason: v1alpha1.ReasonSucceeded, says: "two!", recheck: defaultTTL},
		"success without a word":               {in: Input{Command: begun(), Job: job(nil), Pods: endedPod(0, "Completed", "")}, state: v1alpha1.CommandSucceeded, reason: v1alpha1.ReasonSucceeded, says: "printed nothing", recheck: defaultTTL},
		"a failure":                            {in: Input{Command: begun(), Job: job(nil), Pods: endedPod(1, "Error", "no such command\n")}, state: v1alpha1.CommandFailed, reason: v1alpha1.ReasonCommandFailed, says: "exit code 1: no such command.", recheck: defaultTTL},
		"a failure without a word":             {in: Input{Command: begun(), Job: job(nil), Pods: endedPod(255, "Error", "")}, state: v1alpha1.CommandFailed, reason: v1alpha1.ReasonCommandFailed, says: "see the log of pod p", recheck: defaultTTL},
		"too little memory":                    {in: Input{Command: begun(), Job: job(nil), Pods: endedPod(137, "OOMKilled", "")}, state: v1alpha1.CommandFailed, reason: v1alpha1.ReasonCommandFailed, says: "higher memory limit", recheck: defaultTTL},
		"the word of a pod whose Job is gone":  {in: Input{Command: begun(), Pods: endedPod(0, "Completed", "done")}, state: v1alpha1.CommandSucceeded, reason: v1alpha1.ReasonSucceeded, says: "done.", recheck: defaultTTL},
		"too late while it ran":                {in: Input{Command: running(), Job: jobWith(batchv1.JobFailureTarget, "DeadlineExceeded", noon), Pods: endedPod(143, "Error", "half")}, state: v1alpha1.CommandFailed, reason: v1alpha1.ReasonDeadlineExceeded, says: "did not end within 30m0s", recheck: defaultTTL},
		"too late before it ran":               {in: Input{Command: begun(), Job: jobWith(batchv1.JobFailed, "DeadlineExceeded", noon), Pods: waiting("ErrImagePull", "denied")}, state: v1alpha1.CommandFailed, reason: v1alpha1.ReasonDeadlineExceeded, says: "could not be started within 30m0s: The image shop:1", recheck: defaultTTL},
		"a failed Job whose pod may yet tell":  {after: time.Second, in: Input{Command: begun(), Job: jobWith(batchv1.JobFailed, "BackoffLimitExceeded", noon)}, state: v1alpha1.CommandPending, says: "Pod p is starting.", recheck: time.Second},
		"a failed Job whose pod tells nothing": {after: time.Minute, in: Input{Command: begun(), Job: jobWith(batchv1.JobFailed, "BackoffLimitExceeded", noon)}, state: v1alpha1.CommandFailed, reason: v1alpha1.ReasonPodFailed, says: "was removed or failed", recheck: defaultTTL},
		"an init container that fails":         {in: Input{Command: begun(), Job: jobWith(batchv1.JobFailed, "BackoffLimitExceeded", noon), Pods: initFailed()}, state: v1alpha1.CommandFailed, reason: v1alpha1.ReasonPodFailed, says: "The init container config of pod p ended with exit code 3, so the command was not run: no config.", recheck: defaultTTL},
		"a Job done whose pod may yet tell":    {after: time.Second, in: Input{Command: begun(), Job: jobWith(batchv1.JobComplete, "", noon)}, state: v1alpha1.CommandPending, says: "Pod p is starting.", recheck: time.Second},
		"a Job done whose pod tells nothing":   {after: time.Minute, in: Input{Command: begun(), Job: jobWith(batchv1.JobComplete, "", noon)}, state: v1alpha1.CommandSucceeded, reason: v1alpha1.ReasonSucceeded, says: "before its output was read", recheck: defaultTTL},
		"an ended command is kept":             {after: time.Minute, in: Input{Command: done(noon)}, state: v1alpha1.CommandSucceeded, recheck: 9 * time.Minute},
		"an ended command goes":                {after: 10 * time.Minute, in: Input{Command: done(noon)}, state: v1alpha1.CommandSucceeded, step: StepRemove},
	} {
		t.Run(name, func(t *testing.T) {
			tc.in.Now = noon.Add(tc.after)
			before := tc.in.Command.DeepCopy()
			out := Decide(tc.in)
			reason := ""
			for _, condition := range out.Status.Conditions {
				if reason = condition.Reason; (condition.Type == v1alpha1.ConditionFailed) != (out.Status.State == v1alpha1.CommandFailed) || condition.Status != metav1.ConditionTrue {
					t.Errorf("as %s it has the condition %+v", out.Status.State, condition)
				}
			}
			if out.Status.State != tc.state || out.Step != tc.step || reason != tc.reason || !strings.Contains(out.Status.Message, tc.says) {
				t.Errorf("got %s, step %q, reason %q: %s\nwant %s, step %q, reason %q: %s", out.Status.State, out.Step, reason, out.Status.Message, tc.state, tc.step, tc.reason, tc.says)
			}
			if tc.recheck != 0 && (out.Recheck <= 0 || out.Recheck > tc.recheck) || tc.recheck == 0 && out.Recheck != 0 {
				t.Errorf("it is looked at again after %s, want %s", out.Recheck, tc.recheck)
			}
			if (out.Status.EndedTime != nil) != (out.Status.State == v1alpha1.CommandSucceeded || out.Status.State == v1alpha1.CommandFailed) {
				t.Errorf("as %s it ended at %v", out.Status.State, out.Status.EndedTime)
			}
			if before.Status.State != tc.in.Command.Status.State || before.Status.Message != tc.in.Command.Status.Message {
				t.Error("Decide() changed the command it was given")
			}
		})
	}
}

func running() *v1alpha1.QueueCommand {
	cmd := begun()
	cmd.Status.State, cmd.Status.StartedTime = v1alpha1.CommandRunning, new(metav1.NewTime(noon))
	return cmd
}

func done(at time.Time) *v1alpha1.QueueCommand {
	cmd := begun()
	cmd.Status.State, cmd.Status.EndedTime = v1alpha1.CommandSucceeded, new(metav1.NewTime(at))
	cmd.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionComplete, Status: metav1.ConditionTrue, LastTransitionTime: metav1.NewTime(at)}}
	return cmd
}

func initFailed() []*corev1.Pod {
	pods := waiting("PodInitializing", "")
	pods[0].Status.InitContainerStatuses = []corev1.ContainerStatus{
		{Name: "queueworker-agent", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}},
		{Name: "config", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3, Message: "first\nno config"}}},
	}
	return pods
}

func TestTheEndIsThatOfTheContainer(t *testing.T) {
	out := Decide(Input{Now: noon.Add(time.Hour), Command: begun(), Job: job(nil), Pods: endedPod(0, "Completed", "one\ntwo")})
	s := out.Status
	if s.StartedTime == nil || !s.StartedTime.Time.Equal(noon.Add(time.Second)) || !s.EndedTime.Time.Equal(noon.Add(3*time.Second)) || s.ExitCode == nil || *s.ExitCode != 0 || s.Output != "one\ntwo" {
		t.Errorf("the status is %+v", s)
	}
}

// If the operator was away for longer than the TTL, the end is reported late and kept
// as long as any other.
func TestAnEndThatIsToldLateIsKeptAsLong(t *testing.T) {
	back := noon.Add(24 * time.Hour)
	cmd := begun()
	out := Decide(Input{Now: back, Command: cmd, Job: job(nil), Pods: endedPod(0, "Completed", "done")})
	if cmd.Status = out.Status; out.Step != StepNone || out.Recheck != defaultTTL {
		t.Errorf("when it is told, the step is %q, again after %s", out.Step, out.Recheck)
	}
	for after, want := range map[time.Duration]Step{time.Second: StepNone, defaultTTL - 1: StepNone, defaultTTL: StepRemove} {
		if got := Decide(Input{Now: back.Add(after), Command: cmd}).Step; got != want {
			t.Errorf("%s later the step is %q, want %q", after, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for output, want := range map[string]string{
		"":                          "",
		"one\r\ntwo\n\n":            "one \ntwo",
		"\x1b[31mred\x07\xff":       "[31mred\uFFFD",
		"a\u202eb\u00a0c":           "ab c",
		strings.Repeat("ü", 10_000): strings.Repeat("ü", maxOutput/2),
	} {
		if got := Clean(output); got != want {
			t.Errorf("Clean(%.20q) is %.40q (%d bytes), want %.40q", output, got, len(got), want)
		}
	}
}

func TestGist(t *testing.T) {
	for name, tc := range map[string]struct{ output, want string }{
		"nothing":     {"", ""},
		"a last line": {"one\ntwo", "two"},
		"an exception": {
			"\nIn Application.php line 701:\n  Command \"queue:dance\" is not defined.  \n  Did you mean this?\n      queue:flush",
			`Command "queue:dance" is not defined. Did you mean this? queue:flush`,
		},
		"usage behind it": {"In X.php line 7:\n  No such option.\nqueue:flush [--hours]", "No such option."},
		"a cause, with traces": {
			"In Worker.php line 1:\n  [LogicException]\n  Outer\nException trace:\n  at /a.php:1\n f() at /b:2\n" +
				"In Connector.php line 153:\n  [ErrorException]\n  Redis::connect(): failed:\n   Name not known\nException trace:\n  at /a.php:1\n f() at /b:2",
			"[ErrorException] Redis::connect(): failed: Name not known",
		},
		"a head alone": {"In X.php line 7:\nqueue:flush", "queue:flush"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := gist(Clean(tc.output)); got != tc.want {
				t.Errorf("the gist is %q, want %q", got, tc.want)
			}
		})
	}
}

func TestDecideList(t *testing.T) {
	list := func(jobs int, total int64, next string) *protocol.FailedList {
		out := &protocol.FailedList{Total: &total, Continue: next}
		for range jobs {
			out.Jobs = append(out.Jobs, protocol.FailedJob{ID: "1", FailedAt: "2026-03-01T11:00:00Z"})
		}
		return out
	}
	for name, tc := range map[string]struct {
		after  time.Duration
		in     ListInput
		state  v1alpha1.CommandState
		reason string
		says   string
	}{
		"a probe that starts":     {in: ListInput{Trouble: "The backlog probe is not running yet."}, state: v1alpha1.CommandPending, says: "not running yet"},
		"a probe that does not":   {after: probePatience, in: ListInput{Trouble: "Nothing listens."}, state: v1alpha1.CommandFailed, reason: v1alpha1.ReasonUnreachable, says: "Nothing listens."},
		"one of a new operator":   {after: time.Hour, in: ListInput{Trouble: "Nothing listens.", Since: noon.Add(time.Hour - probePatience/2)}, state: v1alpha1.CommandPending, says: "Nothing listens."},
		"one that waits its turn": {after: time.Hour, in: ListInput{Trouble: "Others come first.", Busy: true}, state: v1alpha1.CommandPending, says: "Others come first."},
		"no app":                  {after: time.Hour, in: ListInput{Problem: &effective.Problem{Reason: v1alpha1.ReasonAppNotFound, Message: "None."}}, state: v1alpha1.CommandFailed, reason: v1alpha1.ReasonAppNotFound, says: "None."},
		"a database that refuses": {in: ListInput{Answer: &protocol.FailedList{Reason: protocol.BacklogDenied, Message: "Correct DB_PASSWORD."}}, state: v1alpha1.CommandFailed, reason: "Denied", says: "DB_PASSWORD"},
		"none":                    {in: ListInput{Answer: list(0, 5, "")}, state: v1alpha1.CommandSucceeded, reason: v1alpha1.ReasonSucceeded, says: "No failed job was found."},
		"one":                     {in: ListInput{Answer: list(1, 5, "")}, state: v1alpha1.CommandSucceeded, reason: v1alpha1.ReasonSucceeded, says: "1 failed job of 5."},
		"a page of many":          {in: ListInput{Answer: list(50, protocol.MaxFailedCount, "x")}, state: v1alpha1.CommandSucceeded, reason: v1alpha1.ReasonSucceeded, says: "50 failed jobs of 100000 or more; there may be more"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.in.Now, tc.in.Command = noon.Add(tc.after), retry(nil)
			out := DecideList(tc.in)
			reason := ""
			if len(out.Status.Conditions) > 0 {
				reason = out.Status.Conditions[0].Reason
			}
			if out.Status.State != tc.state || reason != tc.reason || !strings.Contains(out.Status.Message, tc.says) || out.Recheck <= 0 {
				t.Errorf("got %s %q: %s, again after %s", out.Status.State, reason, out.Status.Message, out.Recheck)
			}
			if tc.in.Answer != nil && len(out.Status.FailedJobs) != len(tc.in.Answer.Jobs) {
				t.Errorf("%d jobs are shown of %d", len(out.Status.FailedJobs), len(tc.in.Answer.Jobs))
			}
		})
	}
}

func TestAListThatWaitsIsLookedAtLessAndLess(t *testing.T) {
	for name, tc := range map[string]struct {
		after time.Duration
		in    ListInput
		want  time.Duration
	}{
		"by a clock behind the API server's": {-3 * time.Second, ListInput{}, 500 * time.Millisecond},
		"at first":                           {0, ListInput{}, 500 * time.Millisecond},
		"after 5 s":                          {5 * time.Second, ListInput{}, 2 * time.Second},
		"after 30 s":                         {30 * time.Second, ListInput{}, 5 * time.Second},
		"while others come first":            {time.Hour, ListInput{Busy: true}, 5 * time.Second},
		"of a probe that is silent":          {0, ListInput{Silent: true}, 5 * time.Second},
	} {
		tc.in.Now, tc.in.Command, tc.in.Trouble = noon.Add(tc.after), retry(nil), "Not yet."
		if got := DecideList(tc.in).Recheck; got != tc.want {
			t.Errorf("%s: looked at again after %s, want %s", name, got, tc.want)
		}
	}
}

func TestQuestion(t *testing.T) {
	cmd := retry(func(cmd *v1alpha1.QueueCommand) {
		cmd.Spec = v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionListFailed, Queue: "q", Search: "s", Continue: "c"}
	})
	if got, want := Question(cmd), (protocol.FailedRequest{Queue: "q", Search: "s", Continue: "c", Limit: 50}); got != want {
		t.Errorf("the question is %+v, want %+v", got, want)
	}
	cmd.Spec.Limit = new(int32(7))
	if got := Question(cmd).Limit; got != 7 {
		t.Errorf("the limit is %d, want 7", got)
	}
}

func TestCannotList(t *testing.T) {
	for name, tc := range map[string]struct {
		spec   v1alpha1.QueueAppSpec
		reason string
	}{
		"a Custom app":  {v1alpha1.QueueAppSpec{Runtime: v1alpha1.RuntimeCustom, Connection: &v1alpha1.Connection{Driver: v1alpha1.DriverHTTP}}, v1alpha1.ReasonAppInvalid},
		"no connection": {v1alpha1.QueueAppSpec{}, v1alpha1.ReasonNoDriver},
		"Redis":         {v1alpha1.QueueAppSpec{Connection: &v1alpha1.Connection{Driver: v1alpha1.DriverRedis}}, ""},
	} {
		got := ""
		if problem := CannotList(&v1alpha1.QueueApp{Spec: tc.spec}); problem != nil {
			got = problem.Reason
		}
		if got != tc.reason {
			t.Errorf("%s: the reason is %q, want %q", name, got, tc.reason)
		}
	}
}
