// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

// kubectl runs kubectl and fails the test if it fails.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := cluster.Kubectl(t.Context(), "", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCRDsApplyTwiceWithPlainKubectl(t *testing.T) {
	// TestMain applied them first. Client-side apply keeps the whole object in an
	// annotation, which must not be longer than 262144 bytes.
	out := kubectl(t, "apply", "-f", crds)
	for _, crd := range []string{"queueapps", "queuecommands", "queueworkers"} {
		requireContains(t, out, "customresourcedefinition.apiextensions.k8s.io/"+crd+".queueworker.dev unchanged")
	}
}

func TestExplainDescribesEveryFieldOfOurs(t *testing.T) {
	for kind, fields := range map[string][]string{
		"queueworkers.spec": {
			"appName", "queue", "processes", "processesPerPod", "stopped", "paused", "timeout", "memory", "sleep",
			"rest", "tries", "backoff", "maxJobs", "maxTime", "recycle", "maxUnavailable", "pausedUntil", "force", "verbose", "priorityClassName", "cpu", "env",
			"nodeSelector", "tolerations", "gracePeriod",
		},
		"queueworkers.status": {
			"conditions", "observedGeneration", "state", "selector", "desired", "processes", "ready", "busy",
			"throughput", "totals", "restarts", "workers",
		},
		"queuecommands.spec": {"appName", "workerName", "action", "ids", "all", "queue", "search", "limit", "continue", "hours", "ttl"},
		"queuecommands.status": {
			"state", "message", "jobName", "jobUID", "startedTime", "endedTime", "exitCode", "output", "failedJobs",
			"total", "continue", "conditions",
		},
		"queueapps.spec": {"runtime", "template", "container", "connection", "patterns", "agentUpgrade", "poolsMay"},
	} {
		recursive := kubectl(t, "explain", kind, "--recursive")
		for _, field := range fields {
			requireContains(t, recursive, "\n  "+field+"\t")
			out := strings.Join(strings.Fields(kubectl(t, "explain", kind+"."+field)), " ")
			if !regexp.MustCompile(`DESCRIPTION: ` + field + ` [a-z]`).MatchString(out) {
				t.Errorf("kubectl explain %s.%s has no description that begins with the field's name:\n%s", kind, field, out)
			}
		}
	}
}

func TestFieldsNobodyKnowsAreRefusedByKubectl(t *testing.T) {
	namespace := newNamespace(t)
	for name, tc := range map[string]struct{ kind, spec, field string }{
		"a misspelt field":             {"QueueWorker", `{proceses: 3}`, `"spec.proceses"`},
		"a flag by Laravel's name":     {"QueueWorker", `{max_jobs: 100}`, `"spec.max_jobs"`},
		"a field of a template's pod":  {"QueueApp", `{template: {spec: {containers: [{name: a, imagePolicy: x}]}}}`, `"spec.template.spec.containers[0].imagePolicy"`},
		"a field below the connection": {"QueueApp", `{connection: {name: redis, password: x}}`, `"spec.connection.password"`},
	} {
		t.Run(name, func(t *testing.T) {
			object := manifest(t, tc.kind, namespace, "emails", tc.spec)
			_, err := cluster.Kubectl(t.Context(), yamlOf(t, object), "apply", "-f", "-")
			if err == nil {
				t.Fatal("kubectl accepted it")
			}
			requireContains(t, err.Error(), "unknown field "+tc.field)
		})
	}
}

func TestScaleSetsProcesses(t *testing.T) {
	namespace := newNamespace(t)
	if err := api.Create(t.Context(), builders.QueueWorker(namespace, "emails").Processes(1).Obj()); err != nil {
		t.Fatal(err)
	}
	kubectl(t, "-n", namespace, "scale", "queueworker/emails", "--replicas=7")
	worker := getWorker(t, namespace, "emails")
	if got := *worker.Spec.Processes; got != 7 {
		t.Errorf("spec.processes is %d after kubectl scale, want 7", got)
	}
	kubectl(t, "-n", namespace, "scale", "qw/emails", "--current-replicas=7", "--replicas=0")
	if got := *getWorker(t, namespace, "emails").Spec.Processes; got != 0 {
		t.Errorf("spec.processes is %d after scaling to 0", got)
	}
	_, err := cluster.Kubectl(t.Context(), "", "-n", namespace, "scale", "qw/emails", "--replicas=1001")
	if err == nil {
		t.Fatal("scaling beyond the bound was accepted")
	}
	requireContains(t, err.Error(), "spec.processes")
}

// TestScaleReportsStatus: an autoscaler reads the present size and the pods' selector
// from /scale.
func TestScaleReportsStatus(t *testing.T) {
	namespace := newNamespace(t)
	worker := builders.QueueWorker(namespace, "emails").Obj()
	if err := api.Create(t.Context(), worker); err != nil {
		t.Fatal(err)
	}
	worker.Status = v1alpha1.QueueWorkerStatus{Processes: 3, Selector: v1alpha1.LabelName + "=emails"}
	if err := api.Status().Update(t.Context(), worker); err != nil {
		t.Fatal(err)
	}
	out := kubectl(t, "get", "--raw",
		"/apis/queueworker.dev/v1alpha1/namespaces/"+namespace+"/queueworkers/emails/scale")
	requireContains(t, out, `"status":{"replicas":3,"selector":"queueworker.dev/name=emails"}`)
}

func getWorker(t *testing.T, namespace, name string) *v1alpha1.QueueWorker {
	t.Helper()
	worker := &v1alpha1.QueueWorker{}
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, worker); err != nil {
		t.Fatal(err)
	}
	return worker
}

func TestGetPrintsTheTable(t *testing.T) {
	namespace := newNamespace(t)
	worker := builders.QueueWorker(namespace, "emails").Queue("emails,default").Processes(4).Obj()
	if err := api.Create(t.Context(), worker); err != nil {
		t.Fatal(err)
	}
	worker.Status = v1alpha1.QueueWorkerStatus{
		State: v1alpha1.StateActive, AppName: "shop", Desired: 4, Processes: 4, Ready: 4, Busy: 3, Idle: 1,
		Throughput: &v1alpha1.Throughput{JobsPerMinute: "118.4", AverageTime: "0.92s", FailedShare: "0.2%"},
		Totals:     v1alpha1.Totals{Processed: 12345},
		Backlog:    &v1alpha1.BacklogStatus{Ready: 18, OldestTime: new(metav1.NewTime(time.Now().Add(-12*time.Minute - 20*time.Second)))},
		Conditions: []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAsWanted,
			Message: "All 4 processes run.", LastTransitionTime: metav1.Now(),
		}},
	}
	if err := api.Status().Update(t.Context(), worker); err != nil {
		t.Fatal(err)
	}
	cmd := command(namespace, "retry", nil)
	create(t, cmd)
	cmd.Status = v1alpha1.QueueCommandStatus{State: v1alpha1.CommandFailed, Message: "The QueueApp shop has no container."}
	if err := api.Status().Update(t.Context(), cmd); err != nil {
		t.Fatal(err)
	}
	app := builders.QueueApp(namespace, "shop").Connection("redis").Obj()
	if err := api.Create(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	app.Status = v1alpha1.QueueAppStatus{
		Images: []v1alpha1.CheckedImage{{Image: builders.Image, Version: "12.67.0"}},
		Conditions: []metav1.Condition{{
			Type: v1alpha1.ConditionPreflightPassed, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNotPassed,
			Message: "1 of 10 checks did not pass.", LastTransitionTime: metav1.Now(),
		}},
	}
	if err := api.Status().Update(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args []string
		want [][]string
	}{
		"queueworkers": {[]string{"queueworkers"}, [][]string{
			{"NAME", "QUEUE", "STATE", "PROCESSES", "READY", "BUSY", "BACKLOG", "WAIT", "JOBS/MIN", "AVG", "FAILED", "AGE"},
			{"emails", "emails,default", "Active", "4", "4", "3", "18", "12m", "118.4", "0.92s", "0.2%"},
		}},
		"queueworkers wide": {[]string{"qw", "-o", "wide"}, [][]string{
			{"NAME", "QUEUE", "STATE", "PROCESSES", "READY", "BUSY", "BACKLOG", "WAIT", "JOBS/MIN", "AVG", "FAILED", "PROCESSED", "APP", "REASON", "AGE"},
			{"emails", "emails,default", "Active", "4", "4", "3", "18", "12m", "118.4", "0.92s", "0.2%", "12345", "shop", "AsWanted"},
		}},
		"queueapps": {[]string{"queueapp"}, [][]string{
			{"NAME", "RUNTIME", "IMAGE", "VERSION", "PREFLIGHT", "AGE"}, {"shop", "Laravel", builders.Image, "12.67.0", "False"},
		}},
		"queueapps wide": {[]string{"qapp", "-o", "wide"}, [][]string{
			{"NAME", "RUNTIME", "IMAGE", "VERSION", "PREFLIGHT", "CONNECTION", "FINDINGS", "AGE"},
			{"shop", "Laravel", builders.Image, "12.67.0", "False", "redis", "1 of 10 checks did not pass."},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			out := kubectl(t, append([]string{"-n", namespace, "get"}, tc.args...)...)
			if diff := cmp.Diff(tc.want, cells(out, len(tc.want[0])-1)); diff != "" {
				t.Errorf("the table differs (-want +got):\n%s\n%s", diff, out)
			}
		})
	}
	commands := cells(kubectl(t, "-n", namespace, "get", "qcmd"), 5)
	commands[1] = append(commands[1][:3], commands[1][4:]...) // without the age
	want := [][]string{{"NAME", "ACTION", "STATE", "AGE", "MESSAGE"}, {"retry", "RetryFailed", "Failed", "The QueueApp shop has no container."}}
	if diff := cmp.Diff(want, commands); diff != "" {
		t.Errorf("the table of QueueCommands differs (-want +got):\n%s", diff)
	}
	// The category has its own name. If it had the name of one of the kinds, kubectl
	// would list both kinds where a user asked for one.
	out := kubectl(t, "-n", namespace, "get", "queueing", "-o", "name")
	if want := "queueapp.queueworker.dev/shop\nqueuecommand.queueworker.dev/retry\nqueueworker.queueworker.dev/emails\n"; sortedLines(out) != want {
		t.Errorf("the category queueing has %q, want %q", out, want)
	}
}

func sortedLines(text string) string {
	return strings.Join(slices.Sorted(strings.Lines(text)), "")
}

// cells splits a table of kubectl at runs of two or more spaces. It keeps at most keep
// cells of each row after the first, so that no age is compared.
func cells(table string, keep int) [][]string {
	var rows [][]string
	for i, line := range strings.Split(strings.TrimSpace(table), "\n") {
		row := regexp.MustCompile(`\s{2,}`).Split(strings.TrimSpace(line), -1)
		if i > 0 && len(row) > keep {
			row = row[:keep]
		}
		rows = append(rows, row)
	}
	return rows
}

func TestStatusRoundTrips(t *testing.T) {
	namespace := newNamespace(t)
	worker := builders.QueueWorker(namespace, "emails").Obj()
	if err := api.Create(t.Context(), worker); err != nil {
		t.Fatal(err)
	}
	started := metav1.Now().Rfc3339Copy()
	want := v1alpha1.QueueWorkerStatus{
		ObservedGeneration: 1, State: v1alpha1.StateIdle, AppName: "shop", Selector: "a=b", Desired: 1, Processes: 1,
		Totals:   v1alpha1.Totals{Processed: 1, Failed: 2, Released: 3, UnaccountedWorkers: 4},
		Restarts: []v1alpha1.RestartCount{{Reason: "MaxJobs", Count: 40}},
		Workers: []v1alpha1.Worker{{
			Name: "emails-worker-abc-xyz/0", PID: 7, State: v1alpha1.WorkerBusy, Queue: "default", StartedTime: &started,
			Memory: new(resource.MustParse("31Mi")), CPU: new(resource.MustParse("250m")),
			CurrentJob: &v1alpha1.CurrentJob{Class: `App\Jobs\SendMail`, ID: "1", StartedTime: &started},
			LastExit:   &v1alpha1.Exit{Reason: "MaxJobs"},
		}},
	}
	worker.Status = *want.DeepCopy()
	if err := api.Status().Update(t.Context(), worker); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, getWorker(t, namespace, "emails").Status); diff != "" {
		t.Errorf("status read back differs (-want +got):\n%s", diff)
	}
	// The spec cannot be changed through the status, nor the status through the spec.
	worker.Spec.Queue = "other"
	if err := api.Status().Update(t.Context(), worker); err != nil {
		t.Fatal(err)
	}
	worker = getWorker(t, namespace, "emails")
	worker.Status.State = v1alpha1.StateFailing
	if err := api.Update(t.Context(), worker); err != nil {
		t.Fatal(err)
	}
	if got := getWorker(t, namespace, "emails"); got.Spec.Queue != "default" || got.Status.State != v1alpha1.StateIdle {
		t.Errorf("queue is %q and state %q, want default and Idle", got.Spec.Queue, got.Status.State)
	}
}
