// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestPluginLogs: `logs` shows the lines of all workers by time, or the lines of one
// worker, and finds the lines of a job.
func TestPluginLogs(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Processes(2).Obj())
	l.Ready("emails", 2*time.Minute)
	l.Dispatch(lab.Jobs{Kind: "quick", Count: 20, Run: "mails"})
	l.Settled("mails", time.Minute)
	admin := l.Plugin()

	var lines []string
	l.Eventually("the log has all jobs", 20*time.Second, func() (bool, string) {
		out := admin.OK("logs", "emails", "--timestamps", "--no-prefix")
		lines = strings.Split(strings.TrimSpace(out), "\n")
		return strings.Count(out, "Processed:") == 20, out
	})
	for i := 1; i < len(lines); i++ {
		if lines[i][:20] < lines[i-1][:20] {
			t.Errorf("line %q stands behind %q", lines[i], lines[i-1])
		}
	}
	pod := l.Pods("emails")[0].Name
	for _, worker := range []string{pod, pod + "/0"} { // the second is the name in the worker table
		for line := range strings.SplitSeq(strings.TrimSpace(admin.OK("logs", "emails", "--worker", worker)), "\n") {
			if !strings.HasPrefix(line, pod+" | ") {
				t.Errorf("the log of %s has the line %q", worker, line)
			}
		}
	}
	// Each worker has two lines of its agent, even if the other worker has done all jobs.
	if got := strings.Count(admin.OK("logs", "emails", "--tail", "2"), "\n"); got != 4 {
		t.Errorf("logs --tail 2 of two workers printed %d lines", got)
	}
	id := regexp.MustCompile(`\]\[(\w+)\] Processed:`).FindStringSubmatch(lines[len(lines)-1])
	if id == nil {
		t.Fatalf("the last line names no job: %q", lines[len(lines)-1])
	}
	got := strings.Split(strings.TrimSpace(admin.OK("logs", "emails", "--job", id[1], "--no-prefix")), "\n")
	if len(got) != 2 || !strings.Contains(got[0], id[1]+"] Processing:") || !strings.Contains(got[1], id[1]+"] Processed:") {
		t.Errorf("logs --job %s printed %q", id[1], got)
	}
	if completed := admin.Kubectl("__complete", "queueworker", "logs", "emails", "--worker", pod[:len(pod)-2]); !strings.HasPrefix(completed.Out, pod) {
		t.Errorf("kubectl completes the pod with %q", completed.Out)
	}

	for arguments, want := range map[string]int{"logs none": cli.CodeNotFound, "logs emails --job none": cli.CodeNotFound, "logs emails --worker none": cli.CodeNotFound} {
		if said := admin.Run(strings.Fields(arguments)...); said.Code != want {
			t.Errorf("%s said %+v, want code %d", arguments, said, want)
		}
	}
	if said := l.Viewer().Run("logs", "emails"); said.Code != cli.CodeForbidden || !strings.Contains(said.Err, "may not list pods in the namespace "+l.Namespace) {
		t.Errorf("logs without a right on pods said %+v", said)
	}
}

// TestPluginLogsOfAJobInJSON finds a job by its uuid in the JSON lines of a current
// Laravel.
func TestPluginLogsOfAJobInJSON(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.StartRedis()
	app := l.DemoApp()
	container := &app.Spec.Template.Spec.Containers[0]
	container.Env = append(container.Env, corev1.EnvVar{Name: "DEMO_JSON", Value: "1"})
	l.StartDemo(app)
	l.Create(builders.QueueWorker(l.Namespace, "emails").Obj())
	l.Ready("emails", 2*time.Minute)
	l.Dispatch(lab.Jobs{Kind: "quick", Count: 10, Run: "mails"})
	l.Settled("mails", time.Minute)
	admin := l.Plugin()
	var all string
	l.Eventually("the log has all jobs", 20*time.Second, func() (bool, string) {
		all = admin.OK("logs", "emails", "--no-prefix")
		return strings.Count(all, `"status":"success"`) == 10, all
	})
	uuid := regexp.MustCompile(`"uuid":"([0-9a-f-]{36})"`).FindStringSubmatch(all)
	if uuid == nil {
		t.Fatalf("no line has a uuid:\n%s", all)
	}
	var want strings.Builder
	for line := range strings.Lines(all) {
		if strings.Contains(line, uuid[1]) {
			want.WriteString(line)
		}
	}
	if got := admin.OK("logs", "emails", "--no-prefix", "--job", uuid[1]); got != want.String() || strings.Count(got, "\n") != 2 {
		t.Errorf("logs --job printed\n%swant\n%s", got, want.String())
	}
}

// TestPluginFollowsLogs: `logs -f` in a terminal shows lines as they are printed until
// Ctrl-C, also the lines of a pod that replaces another pod.
func TestPluginFollowsLogs(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Obj())
	l.Ready("emails", 2*time.Minute)
	terminal := l.User("view").Terminal(160, 40, "logs", "emails", "-f")
	terminal.Shows("the log", 20*time.Second, func(screen string) bool { return strings.Contains(screen, "queueworker-agent: found Laravel") })
	l.Dispatch(lab.Jobs{Kind: "quick", Count: 3, Run: "first"})
	terminal.Shows("three jobs", 20*time.Second, func(screen string) bool { return strings.Count(screen, "Processed:") == 3 })

	old := l.Pods("emails")[0]
	if err := l.Client.Delete(l.Ctx, &old); err != nil {
		t.Fatal(err)
	}
	l.Eventually("another pod works", time.Minute, func() (bool, string) {
		pods := l.Pods("emails")
		return len(pods) == 1 && pods[0].UID != old.UID && pods[0].Status.Phase == corev1.PodRunning, ""
	})
	next := l.Pods("emails")[0].Name
	l.Dispatch(lab.Jobs{Kind: "quick", Count: 2, Run: "second"})
	terminal.Shows("that one pod went and another came, with its jobs", 30*time.Second, func(screen string) bool {
		return strings.Contains(screen, "-- pod "+next+" has started") && strings.Contains(screen, "-- pod "+old.Name+" is gone") &&
			strings.Count(screen, "Processed:") == 5
	})
	terminal.Keys("C-c")
	terminal.EndsWith("130", 10*time.Second)

	terminal = l.Viewer().Terminal(250, 10, "logs", "emails", "--follow")
	terminal.EndsWith("4", 20*time.Second)
	terminal.Shows("why not", 5*time.Second, func(screen string) bool { return strings.Contains(screen, "may not list pods") })
}
