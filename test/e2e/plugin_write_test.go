// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestPluginSteersPools starts, stops, pauses, resumes, restarts and scales a pool. Each
// time it checks the objects, the pods and what the jobs recorded.
func TestPluginSteersPools(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Timeout(30 * time.Second).Obj())
	l.Ready("emails", 2*time.Minute)
	user := l.Plugin()

	user.OK("scale", "emails", "--processes", "2", "--wait")
	if worker, pods := l.Worker("emails"), l.Pods("emails"); *worker.Spec.Processes != 2 || len(pods) != 2 {
		t.Errorf("scaled to 2, the spec says %d and there are %d pods", *worker.Spec.Processes, len(pods))
	}
	byUs(t, l.Worker("emails"))

	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "4", Count: 4, Run: "paused"})
	begun(l, "paused", 2)
	user.OK("pause", "emails", "--wait")
	// By then the two running jobs are done, and the others have not begun.
	if truth := l.Truth("paused"); truth.Starts != 2 || truth.Ends != 2 {
		t.Errorf("paused, the jobs counted %+v, want 2 begun and done", truth)
	}
	user.OK("resume", "emails", "--wait")
	if truth := l.Settled("paused", time.Minute); truth.Starts != 4 || truth.Ends != 4 {
		t.Errorf("resumed, the jobs counted %+v, want 4 begun and done", truth)
	}

	before := pids(l)
	user.OK("restart", "--all")
	l.Eventually("every process is a new one", time.Minute, func() (bool, string) {
		now := pids(l)
		for name, pid := range now {
			if pid == before[name] || pid == 0 {
				return false, fmt.Sprint(before, now)
			}
		}
		return len(now) == 2, fmt.Sprint(now)
	})

	old := names(l)
	user.OK("restart", "emails", "--pods", "--wait")
	if now := names(l); slices.ContainsFunc(now, func(name string) bool { return slices.Contains(old, name) }) || len(now) != 2 {
		t.Errorf("replaced the pods %v, and there are %v", old, now)
	}

	user.OK("stop", "emails", "--wait")
	if left := l.Pods("emails"); len(left) != 0 || *l.Worker("emails").Spec.Processes != 2 {
		t.Errorf("stopped, there are %d pods, and processes is %d", len(left), *l.Worker("emails").Spec.Processes)
	}
	user.OK("start", "emails", "--wait")
	if now := l.Pods("emails"); len(now) != 2 {
		t.Errorf("started, there are %d pods, want 2", len(now))
	}
}

// TestPluginPausesForAWhile: a pause with an end expires by itself.
func TestPluginPausesForAWhile(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Obj())
	l.Ready("emails", 2*time.Minute)
	l.Plugin().OK("pause", "emails", "--for", "12s", "--wait")
	end := l.Worker("emails").Spec.PausedUntil
	if end == nil || l.Worker("emails").Spec.Paused {
		t.Fatalf("the spec says %+v", l.Worker("emails").Spec)
	}
	l.Dispatch(lab.Jobs{Kind: "quick", Run: "while"})
	l.Settled("while", time.Minute)
	for uid, times := range l.Times("while") {
		if times.Began.Before(end.Time) {
			t.Errorf("job %s began at %s, before the pause ended at %s", uid, times.Began, end)
		}
	}
	// A user can also end it early.
	l.Plugin().OK("pause", "emails", "--for", "2h", "--wait")
	l.Plugin().OK("resume", "emails", "--wait")
	if worker := l.Worker("emails"); worker.Spec.PausedUntil != nil || worker.Annotations[v1alpha1.AnnotationResumedAt] == "" {
		t.Errorf("resumed, and still %v, annotations %v", worker.Spec.PausedUntil, worker.Annotations)
	}
}

// TestPluginSteersSingleWorkers: a command for one worker leaves the other workers alone.
func TestPluginSteersSingleWorkers(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Processes(3).Obj())
	l.Ready("emails", 2*time.Minute)
	user := l.Plugin()
	pods := names(l)

	user.OK("pause", "--worker", pods[0], "--wait")
	if phases := phases(l); phases[pods[0]] != protocol.PhasePaused || phases[pods[1]] != protocol.PhaseRunning || phases[pods[2]] != protocol.PhaseRunning {
		t.Errorf("paused %s, and they are %v", pods[0], phases)
	}
	if pid := pids(l)[pods[0]]; pid != 0 {
		t.Errorf("paused %s, and its process %d still runs", pods[0], pid)
	}
	user.OK("resume", "emails", "--worker", pods[0]+"/0", "--wait")
	if phases := phases(l); phases[pods[0]] != protocol.PhaseRunning {
		t.Errorf("resumed %s, and they are %v", pods[0], phases)
	}

	before := pids(l)
	user.OK("restart", "--worker", pods[1])
	l.Eventually("its process is a new one", time.Minute, func() (bool, string) {
		now := pids(l)
		return now[pods[1]] != before[pods[1]] && now[pods[1]] != 0, fmt.Sprint(now)
	})
	if now := pids(l); now[pods[0]] != before[pods[0]] || now[pods[2]] != before[pods[2]] {
		t.Errorf("restarted %s, and the pids went from %v to %v", pods[1], before, now)
	}

	user.OK("stop", "--worker", pods[2], "--wait")
	if now := names(l); !slices.Equal(now, pods[:2]) || *l.Worker("emails").Spec.Processes != 2 {
		t.Errorf("let %s go of %v, and there are %v, processes %d", pods[2], pods, now, *l.Worker("emails").Spec.Processes)
	}
	said := user.Run("stop", "--worker", pods[2])
	if said.Code != cli.CodeNotFound {
		t.Errorf("to let a pod go that is gone said %+v", said)
	}
}

// TestPluginStopsAtOnce kills the running jobs of one worker, and of a pool, if the user
// asks for it and confirms it.
func TestPluginStopsAtOnce(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Processes(2).Timeout(10 * time.Minute).Obj())
	l.Ready("emails", 2*time.Minute)
	user := l.Plugin()
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "300", Count: 2, Run: "killed"})
	begun(l, "killed", 2)

	unconfirmed := user.Run("stop", "emails", "--now")
	if unconfirmed.Code != cli.CodeUsage || !strings.Contains(unconfirmed.Err, "is lost") || !strings.Contains(unconfirmed.Err, "--yes") || l.Worker("emails").Spec.Stopped {
		t.Errorf("unconfirmed, it said %+v", unconfirmed)
	}
	pods := names(l)
	started := time.Now()
	user.OK("stop", "--worker", pods[0], "--now", "--yes", "--wait", "--timeout", "60s")
	if now := names(l); !slices.Equal(now, pods[1:]) || *l.Worker("emails").Spec.Processes != 1 {
		t.Errorf("killed %s of %v, and there are %v, processes %d", pods[0], pods, now, *l.Worker("emails").Spec.Processes)
	}
	user.OK("stop", "emails", "--now", "--yes", "--wait", "--timeout", "60s")
	t.Logf("one worker, then the pool, were gone after %s", time.Since(started).Round(time.Second))
	if truth := l.Truth("killed"); truth.Starts != 2 || truth.Ends != 0 || !l.Worker("emails").Spec.Stopped || len(l.Pods("emails")) != 0 {
		t.Errorf("killed, the jobs counted %+v, and there are %d pods", truth, len(l.Pods("emails")))
	}
	l.Eventually("an event names the jobs", 30*time.Second, func() (bool, string) {
		notes := notesOf(l, v1alpha1.EventJobsKilled)
		return strings.Contains(notes, "SlowJob"), notes
	})
}

// TestPluginMovesBounds: if autoscaling sets the size, scale says so and moves the
// bounds.
func TestPluginMovesBounds(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Autoscaling(1, 4, nil).Obj())
	l.Ready("emails", 2*time.Minute)
	user := l.Plugin()
	said := user.Run("scale", "emails", "--processes", "3")
	if said.Code != cli.CodeUsage || !strings.Contains(said.Err, "between 1 and 4") || *l.Worker("emails").Spec.Processes != 1 {
		t.Errorf("scale said %+v", said)
	}
	user.OK("scale", "emails", "--min", "3", "--max", "5", "--wait")
	if auto, pods := l.Worker("emails").Spec.Autoscaling, l.Pods("emails"); *auto.MinProcesses != 3 || auto.MaxProcesses != 5 || len(pods) != 3 {
		t.Errorf("the bounds are %d and %d, and there are %d pods", *auto.MinProcesses, auto.MaxProcesses, len(pods))
	}
	pod := names(l)[0]
	if out := user.Run("stop", "--worker", pod); out.Code != 0 || !strings.Contains(out.Err, "Autoscaling sets the size") {
		t.Errorf("to let one go said %+v", out)
	}
	l.Eventually("the worker is replaced", time.Minute, func() (bool, string) {
		now := names(l)
		return len(now) == 3 && !slices.Contains(now, pod), fmt.Sprint(now)
	})
}

// TestPluginCreates creates a pool that works, and prints a manifest of the same pool.
func TestPluginCreates(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	user := l.Plugin()
	arguments := []string{"create", "emails", "--queue", "high,default", "--processes", "2", "--timeout", "45s", "--memory", "192Mi", "--sleep", "1s", "--tries", "3", "--max-jobs", "500", "--max-time", "1h"}
	manifest := user.OK(append(arguments, "--dry-run=client", "--namespace", l.Namespace)...)
	user.OK(append(arguments, "--dry-run=server")...)
	if err := l.Client.Get(l.Ctx, client.ObjectKey{Namespace: l.Namespace, Name: "emails"}, &v1alpha1.QueueWorker{}); !apierrors.IsNotFound(err) {
		t.Fatalf("a dry run created it: %v", err)
	}
	if out := user.OK(arguments...); out != "QueueWorker emails is created\n" {
		t.Errorf("create said %q", out)
	}
	spec := l.Worker("emails").Spec
	if spec.Queue != "high,default" || *spec.Processes != 2 || spec.Timeout.Duration != 45*time.Second || spec.Memory.String() != "192Mi" || *spec.Tries != 3 || spec.MaxJobs != 500 {
		t.Errorf("created %+v", spec)
	}
	byUs(t, l.Worker("emails"))
	if said := user.Kubectl("diff", "--namespace", "default", "-f", file(l, manifest)); said.Code == 0 || !strings.Contains(said.Err, "does not match") {
		t.Errorf("the manifest does not say its namespace: %+v", said)
	}
	if said := user.Kubectl("diff", "-f", file(l, manifest)); said.Code != 0 {
		t.Errorf("the manifest means something else: %+v", said)
	}
	l.Ready("emails", 2*time.Minute)
	l.Dispatch(lab.Jobs{Kind: "quick", Queue: "high", Count: 10, Run: "created"})
	l.Settled("created", time.Minute)
	if said := user.Run("create", "bad", "--queue", "a b"); said.Code != cli.CodeUsage || !strings.Contains(said.Err, "queue must be a queue's name") {
		t.Errorf("to create a bad one said %+v", said)
	}
}

// TestPluginCreatesAgain: a second create changes what the first create made, and nothing
// that other clients wrote.
func TestPluginCreatesAgain(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	user := l.Plugin()
	create := func(arguments ...string) lab.Said {
		return user.Run(append([]string{"create", "emails", "--queue", "emails", "--stopped"}, arguments...)...)
	}
	for _, tc := range []struct {
		arguments []string
		want      string
	}{
		{[]string{"--processes", "2", "--max-jobs", "500"}, "is created"},
		{[]string{"--processes", "2", "--max-jobs", "500"}, "is so already"},
		{[]string{"--processes", "3"}, "is changed"},
	} {
		if said := create(tc.arguments...); said.Code != 0 || said.Out != "QueueWorker emails "+tc.want+"\n" {
			t.Errorf("create %v said %+v", tc.arguments, said)
		}
	}
	if spec := l.Worker("emails").Spec; *spec.Processes != 3 || spec.MaxJobs != 0 {
		t.Errorf("created again, it is %+v", spec)
	}
	user.OK("scale", "emails", "--processes", "5")
	if said := create("--processes", "3"); said.Code != cli.CodeUsage || !strings.Contains(said.Err, "was changed since it was created") || !strings.Contains(said.Err, ".spec.processes") {
		t.Errorf("to undo a change said %+v", said)
	}
	if said := create(); said.Code != 0 || *l.Worker("emails").Spec.Processes != 5 {
		t.Errorf("to leave a change alone said %+v", said)
	}
	l.Create(builders.QueueWorker(l.Namespace, "theirs").Stopped(true).Obj())
	if said := user.Run("create", "theirs", "--queue", "emails"); said.Code != cli.CodeUsage || !strings.Contains(said.Err, "exists already") || l.Worker("theirs").Spec.Queue != "default" {
		t.Errorf("to create what somebody else did said %+v", said)
	}
}

// TestPluginTakesPoolsByTheirLabels steers and shows only the pools with a label.
func TestPluginTakesPoolsByTheirLabels(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	for name, team := range map[string]string{"emails": "shop", "reports": "shop", "audit": "legal"} {
		worker := builders.QueueWorker(l.Namespace, name).Queue(name).Stopped(true).Obj()
		worker.Labels = map[string]string{"team": team}
		l.Create(worker)
	}
	user := l.Plugin()
	user.OK("pause", "-l", "team=shop")
	for name, want := range map[string]bool{"emails": true, "reports": true, "audit": false} {
		if got := l.Worker(name).Spec.Paused; got != want {
			t.Errorf("%s: paused is %t, want %t", name, got, want)
		}
	}
	if got, want := user.OK("list", "-l", "team=legal", "-o", "name"), "queueworker.queueworker.dev/audit\n"; got != want {
		t.Errorf("list -l printed %q, want %q", got, want)
	}
	if tree := user.OK("status", "-l", "team=shop"); !strings.Contains(tree, "QueueWorker emails") || !strings.Contains(tree, "QueueWorker reports") || strings.Contains(tree, "audit") {
		t.Errorf("status -l printed\n%s", tree)
	}
	if said := user.Run("resume", "-l", "team=none"); said.Code != cli.CodeNotFound {
		t.Errorf("to resume nobody said %+v", said)
	}
	if said := user.Run("resume", "emails", "-l", "team=shop"); said.Code != cli.CodeUsage || !l.Worker("emails").Spec.Paused {
		t.Errorf("a name and a label said %+v", said)
	}
}

// TestPluginWaitsInVain: a wait that times out ends with its own exit code, and the
// change stays.
func TestPluginWaitsInVain(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Timeout(10 * time.Minute).Obj())
	l.Ready("emails", 2*time.Minute)
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "20", Run: "long"})
	begun(l, "long", 1)
	said := l.Plugin().Run("stop", "emails", "--wait", "--timeout", "2s")
	if said.Code != cli.CodeTimedOut || !strings.Contains(said.Err, "QueueWorker emails: not within 2s; last seen: 1 pod(s) finish their jobs.") {
		t.Errorf("it said %+v", said)
	}
	if truth := l.Settled("long", time.Minute); truth.Ends != 1 || !l.Worker("emails").Spec.Stopped {
		t.Errorf("the job counted %+v", truth)
	}
}

// TestPluginQuestionsEndWithCtrlC: the user gives no answer, and Ctrl-C leaves everything
// unchanged.
func TestPluginQuestionsEndWithCtrlC(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Create(builders.QueueWorker(l.Namespace, "emails").Processes(0).Obj())
	conf := file(l, "[program:emails]\ncommand=php /srv/shop/artisan queue:work redis --queue=emails\n")
	for question, arguments := range map[string][]string{
		"Type yes to go on:":    {"stop", "emails", "--now"},
		"Which image has":       {"import", "supervisor", conf},
		"nothing brings them b": {"clear", "emails"},
	} {
		terminal := l.Plugin().Terminal(250, 10, arguments...)
		terminal.Shows(question, 20*time.Second, func(screen string) bool { return strings.Contains(screen, question) })
		terminal.Keys("C-c")
		terminal.EndsWith("130", 10*time.Second)
	}
	if l.Worker("emails").Spec.Stopped {
		t.Error("it was stopped without a yes")
	}
	terminal := l.Plugin().Terminal(250, 10, "stop", "emails", "--now")
	terminal.Shows("the question", 20*time.Second, func(screen string) bool { return strings.Contains(screen, "Type yes to go on:") })
	terminal.Keys("y", "e", "s", "Enter")
	terminal.EndsWith("0", 20*time.Second)
	if !l.Worker("emails").Spec.Stopped {
		t.Error("it was not stopped, with a yes")
	}
}

// byUs fails the test unless the plugin's field manager owns fields of the object.
func byUs(t *testing.T, object client.Object) {
	t.Helper()
	for _, entry := range object.GetManagedFields() {
		if entry.Manager == v1alpha1.CLIFieldManager {
			return
		}
	}
	t.Errorf("%s has no fields of %s: %+v", object.GetName(), v1alpha1.CLIFieldManager, object.GetManagedFields())
}

// begun waits until exactly n jobs of a run have begun.
func begun(l *lab.Lab, run string, n int64) {
	l.Helper()
	l.Eventually(fmt.Sprintf("%d jobs of %s run", n, run), time.Minute, func() (bool, string) {
		truth := l.Truth(run)
		return truth.Starts == n, fmt.Sprintf("%+v", truth)
	})
}

// names returns the names of the pool's pods, sorted.
func names(l *lab.Lab) []string {
	l.Helper()
	var out []string
	for _, pod := range l.Pods("emails") {
		out = append(out, pod.Name)
	}
	slices.Sort(out)
	return out
}

// pids returns the process id of the first worker of each pod; 0 if it does not run.
func pids(l *lab.Lab) map[string]int32 {
	l.Helper()
	out := map[string]int32{}
	each(l, func(pod *corev1.Pod, status *protocol.Status) { out[pod.Name] = status.Workers[0].PID })
	return out
}

// phases returns the phases that the agents report.
func phases(l *lab.Lab) map[string]protocol.Phase {
	l.Helper()
	out := map[string]protocol.Phase{}
	each(l, func(pod *corev1.Pod, status *protocol.Status) { out[pod.Name] = status.Phase })
	return out
}

func each(l *lab.Lab, do func(*corev1.Pod, *protocol.Status)) {
	l.Helper()
	pods := l.Pods("emails")
	for i := range pods {
		status, err := l.Agent(&pods[i])
		if err != nil {
			l.Fatal(err)
		}
		do(&pods[i], status)
	}
}

// notesOf returns the notes of the namespace's events with a reason.
func notesOf(l *lab.Lab, reason string) string {
	l.Helper()
	events := &eventsv1.EventList{}
	if err := l.Client.List(l.Ctx, events, client.InNamespace(l.Namespace)); err != nil {
		l.Fatal(err)
	}
	var notes []string
	for i := range events.Items {
		if events.Items[i].Reason == reason {
			notes = append(notes, events.Items[i].Note)
		}
	}
	return strings.Join(notes, "\n")
}
