// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// startKeeping starts the demo application with its queues in Redis and its failed jobs
// in PostgreSQL. A Secret holds the password of PostgreSQL.
func startKeeping(l *lab.Lab) {
	l.Helper()
	l.StartRedis()
	server := l.StartPostgreSQL()
	l.Create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "database"}, StringData: server.Env})
	app := l.DemoApp()
	setEnv(app, "QUEUE_FAILED_DRIVER", "database-uuids")
	app.Spec.Template.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{
		SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "database"}},
	}}
	l.StartDemo(app)
	l.Artisan("migrate", "--force")
}

// run creates a QueueCommand and waits until it has ended.
func run(l *lab.Lab, name string, spec v1alpha1.QueueCommandSpec) *v1alpha1.QueueCommand {
	l.Helper()
	cmd := &v1alpha1.QueueCommand{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
	l.Create(cmd)
	began := time.Now()
	l.Eventually("the command "+name+" ends", 2*time.Minute, func() (bool, string) {
		l.Get(name, cmd)
		return cmd.Status.EndedTime != nil, fmt.Sprintf("%s: %s", cmd.Status.State, cmd.Status.Message)
	})
	l.Logf("%s after %s: %s: %s", name, time.Since(began).Round(100*time.Millisecond), cmd.Status.State, cmd.Status.Message)
	return cmd
}

// succeed runs a command that must succeed.
func succeed(l *lab.Lab, name string, spec v1alpha1.QueueCommandSpec) v1alpha1.QueueCommandStatus {
	l.Helper()
	cmd := run(l, name, spec)
	if cmd.Status.State != v1alpha1.CommandSucceeded {
		l.Fatalf("the command %s ended as %s: %s\n%s", name, cmd.Status.State, cmd.Status.Message, cmd.Status.Output)
	}
	return cmd.Status
}

func idsOf(jobs []v1alpha1.FailedJob) []v1alpha1.FailedJobID {
	ids := make([]v1alpha1.FailedJobID, 0, len(jobs))
	for _, job := range jobs {
		ids = append(ids, v1alpha1.FailedJobID(job.ID))
	}
	return ids
}

// TestFailedJobsAreListedRetriedForgottenAndFlushed lets 50 jobs fail and handles them,
// without exec and without the right to read logs or Secrets.
func TestFailedJobsAreListedRetriedForgottenAndFlushed(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	startKeeping(l)
	l.Create(builders.QueueWorker(l.Namespace, "emails").Queue("emails,reports").Sleep(time.Second).Obj())
	l.Dispatch(lab.Jobs{Kind: "broken", Queue: "emails", Count: 38, Tries: 1, Run: "load"})
	l.Dispatch(lab.Jobs{Kind: "selffail", Queue: "reports", Count: 12, Tries: 1, Run: "load"})
	l.Eventually("all jobs have failed", time.Minute, func() (bool, string) {
		truth := l.Truth("load")
		return truth.Failed == 50, fmt.Sprintf("%+v", truth)
	})

	seen, pages, next := map[string]bool{}, 0, ""
	for {
		page := succeed(l, fmt.Sprintf("page-%d", pages), v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionListFailed, Limit: new(int32(20)), Continue: next})
		if page.Total == nil || *page.Total != 50 {
			t.Errorf("the total is %v, want 50", page.Total)
		}
		for _, job := range page.FailedJobs {
			seen[job.ID] = true
		}
		if pages, next = pages+1, page.Continue; next == "" {
			break
		}
	}
	if len(seen) != 50 || pages != 3 {
		t.Errorf("%d failed jobs were listed on %d pages, want 50 on 3", len(seen), pages)
	}
	found := succeed(l, "search", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionListFailed, Search: `jobs\selffail`}).FailedJobs
	if len(found) != 12 || found[0].Class != `App\Jobs\SelfFailingJob` || found[0].Queue != "reports" || found[0].FailedTime == nil || found[0].Exception == "" {
		t.Fatalf("the search found %d jobs, want the 12 that declare themselves failed: %+v", len(found), found[:min(1, len(found))])
	}
	emails := succeed(l, "emails", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionListFailed, Queue: "emails"}).FailedJobs
	if len(emails) != 38 {
		t.Fatalf("the queue has %d failed jobs, want 38", len(emails))
	}

	if err := l.Redis.Set(l.Ctx, "demo:load:mended", "yes", 0).Err(); err != nil {
		t.Fatal(err)
	}
	succeed(l, "retry", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionRetryFailed, IDs: idsOf(emails[:10])})
	l.Eventually("the 10 jobs are done", time.Minute, func() (bool, string) {
		truth := l.Truth("load")
		return truth.Starts == 60 && truth.Ends == 10 && truth.Failed == 50, fmt.Sprintf("%+v", truth)
	})
	forgotten := idsOf(found[:5])
	if status := succeed(l, "forget", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionForgetFailed, IDs: forgotten}); strings.Count(status.Output, "deleted") != 5 {
		t.Errorf("artisan said of the 5 forgotten jobs:\n%s", status.Output)
	}
	left := succeed(l, "left", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionListFailed, Limit: new(int32(100))})
	if *left.Total != 35 || slices.ContainsFunc(idsOf(left.FailedJobs), func(id v1alpha1.FailedJobID) bool { return slices.Contains(forgotten, id) }) {
		t.Errorf("%d failed jobs are left, want 35 and none of the forgotten", *left.Total)
	}
	again := run(l, "forget-again", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionForgetFailed, IDs: forgotten[:1]})
	if again.Status.State != v1alpha1.CommandFailed || !strings.Contains(again.Status.Message, "No failed job matches") {
		t.Errorf("a job that is not there was forgotten with %s: %s", again.Status.State, again.Status.Message)
	}
	succeed(l, "flush", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionFlushFailed})
	if none := succeed(l, "none", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionListFailed}); len(none.FailedJobs) != 0 || *none.Total != 0 {
		t.Errorf("after the flush there are %+v", none)
	}
	commandPodsAreRestricted(l, 4)
}

// commandPodsAreRestricted checks the pods that ran commands: no pod has a token, a
// second container, or the label of a pool.
func commandPodsAreRestricted(l *lab.Lab, want int) {
	l.Helper()
	pods := &corev1.PodList{}
	if err := l.Client.List(l.Ctx, pods, client.InNamespace(l.Namespace), client.HasLabels{v1alpha1.LabelCommand}); err != nil {
		l.Fatal(err)
	}
	if len(pods.Items) != want {
		l.Errorf("%d pods ran commands, want %d", len(pods.Items), want)
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if pod.Labels[v1alpha1.LabelName] != "" || len(pod.Spec.Containers) != 1 || pod.Spec.RestartPolicy != corev1.RestartPolicyNever {
			l.Errorf("the pod %s has the labels %v, %d containers and the restart policy %s", pod.Name, pod.Labels, len(pod.Spec.Containers), pod.Spec.RestartPolicy)
		}
		for _, volume := range pod.Spec.Volumes {
			if volume.Projected != nil {
				l.Errorf("the pod %s has a projected volume, as a token is: %s", pod.Name, volume.Name)
			}
		}
	}
}

// TestClearQueueEmptiesOneQueue clears one queue; the other queue keeps its jobs. After its
// ttl, the QueueCommand is gone with its Job and pod.
func TestClearQueueEmptiesOneQueue(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Dispatch(lab.Jobs{Kind: "quick", Queue: "emails", Count: 20, Run: "load"})
	l.Dispatch(lab.Jobs{Kind: "quick", Queue: "emails", Count: 5, Delay: time.Hour, Run: "load"})
	l.Dispatch(lab.Jobs{Kind: "quick", Queue: "reports", Count: 3, Run: "load"})
	status := succeed(l, "clear", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionClearQueue, Queue: "emails", TTL: &metav1.Duration{Duration: 10 * time.Second}})
	if !strings.Contains(status.Output, "Cleared 25 jobs from the [emails] queue") {
		t.Errorf("artisan said:\n%s", status.Output)
	}
	for key, want := range map[string]int64{"emails": 0, "reports": 3} {
		if n, err := l.Redis.LLen(l.Ctx, "laravel_database_queues:"+key).Result(); err != nil || n != want {
			t.Errorf("the queue %s has %d jobs, want %d: %v", key, n, want, err)
		}
	}
	if n := l.Redis.ZCard(l.Ctx, "laravel_database_queues:emails:delayed").Val(); n != 0 {
		t.Errorf("the queue emails has %d delayed jobs, want none", n)
	}
	l.Eventually("the QueueCommand is gone with its Job and pod", time.Minute, func() (bool, string) {
		mine := []client.ListOption{client.InNamespace(l.Namespace), client.MatchingLabels{v1alpha1.LabelCommand: "clear"}}
		jobs, pods := &batchv1.JobList{}, &corev1.PodList{}
		err := errors.Join(l.Client.List(l.Ctx, jobs, mine...), l.Client.List(l.Ctx, pods, mine...))
		gone := apierrors.IsNotFound(l.Client.Get(l.Ctx, client.ObjectKey{Namespace: l.Namespace, Name: "clear"}, &v1alpha1.QueueCommand{}))
		return err == nil && gone && len(jobs.Items)+len(pods.Items) == 0, fmt.Sprintf("gone: %t, %d Jobs, %d pods, %v", gone, len(jobs.Items), len(pods.Items), err)
	})
}

// TestOnceRunsExactlyOneJob runs one job of a stopped pool, then a job that fails, and
// then a job whose QueueCommand is deleted in its middle: that job still finishes.
func TestOnceRunsExactlyOneJob(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Queue("emails").Timeout(60 * time.Second).Spec(func(s *v1alpha1.QueueWorkerSpec) { s.Stopped = true }).Obj())
	l.Dispatch(lab.Jobs{Kind: "quick", Queue: "emails", Count: 3, Run: "load"})
	status := succeed(l, "once", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionOnce, WorkerName: "emails"})
	if truth := l.Truth("load"); truth.Starts != 1 || truth.Ends != 1 {
		t.Errorf("%d jobs were begun and %d ended, want one", truth.Starts, truth.Ends)
	}
	if !strings.Contains(status.Output, `Processed:  App\Jobs\QuickJob`) || status.ExitCode == nil || *status.ExitCode != 0 {
		t.Errorf("the status is %+v", status)
	}

	l.Dispatch(lab.Jobs{Kind: "failing", Queue: "bad", Run: "bad"})
	cmd := &v1alpha1.QueueCommand{ObjectMeta: metav1.ObjectMeta{Name: "bad"}, Spec: v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionOnce, Queue: "bad"}}
	l.Create(cmd)
	l.Eventually("the command says that its job failed", time.Minute, func() (bool, string) {
		l.Get("bad", cmd)
		return cmd.Status.State == v1alpha1.CommandFailed && strings.Contains(cmd.Status.Message, `App\Jobs\FailingJob`), fmt.Sprintf("%+v", cmd.Status)
	})

	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "8", Queue: "slow", Run: "slow"})
	cmd = &v1alpha1.QueueCommand{ObjectMeta: metav1.ObjectMeta{Name: "stopped"}, Spec: v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionOnce, Queue: "slow"}}
	l.Create(cmd)
	l.Eventually("the job has begun", time.Minute, func() (bool, string) {
		l.Get("stopped", cmd)
		return l.Truth("slow").Starts == 1 && cmd.Status.State == v1alpha1.CommandRunning, cmd.Status.Message
	})
	l.Delete(cmd, 30*time.Second)
	l.Eventually("the job is finished and the pod gone", time.Minute, func() (bool, string) {
		pods := &corev1.PodList{}
		if err := l.Client.List(l.Ctx, pods, client.InNamespace(l.Namespace), client.MatchingLabels{v1alpha1.LabelCommand: "stopped"}); err != nil {
			return false, err.Error()
		}
		return len(pods.Items) == 0 && l.Truth("slow").Ends == 1, fmt.Sprintf("%d pods, %+v", len(pods.Items), l.Truth("slow"))
	})
	if truth := l.Truth("slow"); truth.Starts != 1 {
		t.Errorf("the job was begun %d times", truth.Starts)
	}
}

// TestWithoutRightsOnQueueCommandsNothingCanBeDone acts as a user with the role view, who
// may read QueueWorkers, and as a user with the role edit.
func TestWithoutRightsOnQueueCommandsNothingCanBeDone(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Processes(0).Obj())
	viewer, editor := userWith(l, "viewer", "view"), userWith(l, "editor", "edit")
	if err := viewer.List(l.Ctx, &v1alpha1.QueueWorkerList{}, client.InNamespace(l.Namespace)); err != nil {
		t.Errorf("the viewer cannot list QueueWorkers: %v", err)
	}
	command := func(name string) *v1alpha1.QueueCommand {
		return &v1alpha1.QueueCommand{
			ObjectMeta: metav1.ObjectMeta{Namespace: l.Namespace, Name: name},
			Spec:       v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionClearQueue, Queue: "nothing"},
		}
	}
	for what, err := range map[string]error{
		"create":             viewer.Create(l.Ctx, command("theirs")),
		"list":               viewer.List(l.Ctx, &v1alpha1.QueueCommandList{}, client.InNamespace(l.Namespace)),
		"get":                viewer.Get(l.Ctx, client.ObjectKey{Namespace: l.Namespace, Name: "ours"}, &v1alpha1.QueueCommand{}),
		"delete":             viewer.Delete(l.Ctx, command("ours")),
		"mark as succeeded":  viewer.Status().Patch(l.Ctx, command("ours"), client.RawPatch("application/merge-patch+json", []byte(`{"status":{"state":"Succeeded"}}`))),
		"create a Job":       viewer.Create(l.Ctx, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: l.Namespace, Name: "job"}}),
		"annotate the probe": viewer.Patch(l.Ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: l.Namespace, Name: "producer"}}, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"queueworker.dev/failed-key":"0"}}}`))),
	} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("to %s the viewer is answered %v, want Forbidden", what, err)
		}
	}
	if err := editor.Create(l.Ctx, command("ours")); err != nil {
		t.Errorf("the editor cannot create a QueueCommand: %v", err)
	}
	if err := editor.Status().Patch(l.Ctx, command("ours"), client.RawPatch("application/merge-patch+json", []byte(`{"status":{"state":"Succeeded"}}`))); !apierrors.IsForbidden(err) {
		t.Errorf("the editor writes a status: %v", err)
	}
	// Every pod can reach the probe, but the probe answers no caller without the key.
	l.Eventually("the probe answers", time.Minute, func() (bool, string) {
		output, _ := l.Exec("producer", "php", "-r", probeQuestion(l))
		return strings.Contains(output, "401 Unauthorized"), output
	})
}

// probeQuestion returns PHP code that asks the probe for failed jobs, without the key.
func probeQuestion(l *lab.Lab) string {
	pods := &corev1.PodList{}
	if err := l.Client.List(l.Ctx, pods, client.InNamespace(l.Namespace), client.MatchingLabels{v1alpha1.LabelComponent: "backlog"}); err != nil || len(pods.Items) == 0 {
		return "echo 'no probe yet';"
	}
	return fmt.Sprintf(`@file_get_contents("http://%s:9797/failed", false, stream_context_create(["http" => ["method" => "POST", "content" => '{"limit":1}']])); echo $http_response_header[0] ?? "nothing";`, pods.Items[0].Status.PodIP)
}

// userWith returns a client that acts as a ServiceAccount bound to one of Kubernetes'
// roles.
func userWith(l *lab.Lab, name, role string) client.Client {
	l.Helper()
	l.Create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Name: name, Namespace: l.Namespace}},
	})
	config := rest.CopyConfig(l.Config)
	config.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + l.Namespace + ":" + name,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + l.Namespace, "system:authenticated"},
	}
	user, err := client.New(config, client.Options{Scheme: l.Client.Scheme()})
	if err != nil {
		l.Fatal(err)
	}
	return user
}
