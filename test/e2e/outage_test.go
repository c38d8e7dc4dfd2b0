// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestOutageHoldsTheSize takes the queue's backend away from an autoscaled pool under
// load. The outage lasts longer than the window after which the pool would shrink.
func TestOutageHoldsTheSize(t *testing.T) {
	t.Parallel()
	tests := map[string]func(l *lab.Lab) (stop, resume func()){
		"Redis": func(l *lab.Lab) (stop, resume func()) {
			app := l.DemoApp()
			setEnv(app, "REDIS_QUEUE_RETRY_AFTER", "20")
			l.StartRedis()
			l.StartDemo(app)
			return l.StopRedis, l.ResumeRedis
		},
		"PostgreSQL": func(l *lab.Lab) (stop, resume func()) {
			l.StartRedis()
			server := l.StartPostgreSQL()
			l.Create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "database"}, StringData: server.Env})
			mayNotReadSecrets(l)
			app := l.DemoApp()
			app.Spec.Connection.Name, app.Spec.Connection.Driver = "database", v1alpha1.DriverDatabase
			setEnv(app, "QUEUE_CONNECTION", "database")
			setEnv(app, "DB_QUEUE_RETRY_AFTER", "20")
			app.Spec.Template.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{
				SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "database"}},
			}}
			l.StartDemo(app)
			l.Artisan("migrate", "--force")
			return server.Stop, server.Start
		},
	}
	for name, start := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			stop, resume := start(l)
			outage(l, stop, resume)
		})
	}
}

// outage lets a pool work, stops its backend and starts it again.
func outage(l *lab.Lab, stop, resume func()) {
	l.Helper()
	const size = 4
	l.Create(builders.QueueWorker(l.Namespace, "emails").Sleep(time.Second).Timeout(15*time.Second).
		Autoscaling(0, size, func(auto *v1alpha1.Autoscaling) {
			shrinkAfter(5 * time.Second)(auto)
			auto.TargetWait = &metav1.Duration{Duration: 10 * time.Second}
		}).Obj())
	// This is work for more processes than the pool may have. So the pool has its maximum
	// when the outage begins and when it ends.
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "1", Count: 180, Tries: 100, Run: "load"})
	l.Eventually("all processes work", 2*time.Minute, func() (bool, string) {
		worker, truth := l.Worker("emails"), l.Truth("load")
		return worker.Status.Desired == size && following(worker) && truth.Starts-truth.Ends == size, fmt.Sprintf("%+v, %+v", truth, worker.Status)
	})
	before := restarts(l)

	stop()
	began, length := time.Now(), lab.Either(2*time.Minute, 20*time.Second)
	sizes := map[string]bool{}
	l.Eventually("the outage is told with its cause", 30*time.Second, func() (bool, string) {
		// A database that shuts down says so first.
		known := condition(l, "emails", v1alpha1.ConditionBacklogKnown)
		return outageTold(sampled(l, sizes)) && strings.Contains(known.Message, "cannot be reached: "), fmt.Sprintf("%+v", l.Worker("emails").Status.Conditions)
	})
	told, known := time.Since(began), condition(l, "emails", v1alpha1.ConditionBacklogKnown)
	if known.Reason != v1alpha1.ReasonUnreachable || !strings.HasSuffix(known.Message, ".") {
		l.Errorf("the condition says %s: %q, want %s and a sentence with the cause", known.Reason, known.Message, v1alpha1.ReasonUnreachable)
	}
	l.Logf("told after %s: %s: %s", told.Round(100*time.Millisecond), known.Reason, known.Message)
	l.Eventually("the outage lasts long enough", length, func() (bool, string) {
		worker := sampled(l, sizes)
		if !outageTold(worker) {
			l.Errorf("in the middle of the outage the conditions are %+v", worker.Status.Conditions)
		}
		return time.Since(began) >= length, ""
	})
	resume()
	resumed := time.Now()
	l.Eventually("the size follows the backlog again", 30*time.Second, func() (bool, string) {
		worker := sampled(l, sizes)
		return following(worker), fmt.Sprintf("%+v", worker.Status.Conditions)
	})
	again := time.Since(resumed)
	if want := fmt.Sprintf("desired %d, replicas %d", size, size); len(sizes) != 1 || !sizes[want] {
		l.Errorf("the sizes seen are %v, want none but %s", sizes, want)
	}
	everyJobEnds(l, "load", 8*time.Minute)
	if after := restarts(l); !slices.Equal(before, after) {
		l.Errorf("the operator and the probe were\n%v, and are now\n%v", before, after)
	}
	l.Logf("out for %s at %d processes, known again %s after the end, all %d jobs done %s after it",
		length, size, again.Round(100*time.Millisecond), l.Truth("load").Dispatched, time.Since(resumed).Round(time.Second))
}

// sampled returns the pool as it is now, and notes its sizes.
func sampled(l *lab.Lab, sizes map[string]bool) *v1alpha1.QueueWorker {
	l.Helper()
	worker, deployment := l.Worker("emails"), &appsv1.Deployment{}
	l.Get("emails-worker", deployment)
	sizes[fmt.Sprintf("desired %d, replicas %d", worker.Status.Desired, *deployment.Spec.Replicas)] = true
	return worker
}

// outageTold reports whether a pool says that it does not know its backlog and therefore
// keeps its size.
func outageTold(worker *v1alpha1.QueueWorker) bool {
	return meta.IsStatusConditionFalse(worker.Status.Conditions, v1alpha1.ConditionBacklogKnown) &&
		meta.IsStatusConditionFalse(worker.Status.Conditions, v1alpha1.ConditionScalingActive)
}

// following reports whether a pool says that it knows its backlog and that its size
// follows.
func following(worker *v1alpha1.QueueWorker) bool {
	return meta.IsStatusConditionTrue(worker.Status.Conditions, v1alpha1.ConditionBacklogKnown) &&
		meta.IsStatusConditionTrue(worker.Status.Conditions, v1alpha1.ConditionScalingActive)
}

// everyJobEnds waits until each job of a run has succeeded at least once, and fails the
// test if a job has failed. A job whose end fell into an outage is done again.
func everyJobEnds(l *lab.Lab, run string, within time.Duration) {
	l.Helper()
	l.Eventually("every job has succeeded", within, func() (bool, string) {
		return int64(len(l.PerJob(run, "ends"))) == l.Truth(run).Dispatched, fmt.Sprintf("%+v", l.Truth(run))
	})
	if truth := l.Truth(run); truth.Failed > 0 {
		l.Errorf("the jobs counted %+v, want none failed", truth)
	}
}

// restarts lists the pods of the operator and of the probes with their restarts, sorted.
func restarts(l *lab.Lab) []string {
	l.Helper()
	probes := &corev1.PodList{}
	if err := l.Client.List(l.Ctx, probes, client.InNamespace(l.Namespace), client.HasLabels{v1alpha1.LabelComponent}); err != nil {
		l.Fatalf("list the pods of the probe: %v", err)
	}
	var out []string
	for _, pod := range append(probes.Items, operatorPods(l)...) {
		for _, container := range pod.Status.ContainerStatuses {
			out = append(out, fmt.Sprintf("%s/%s: %d restarts", pod.Name, container.Name, container.RestartCount))
		}
	}
	slices.Sort(out)
	return out
}

// mayNotReadSecrets asks the API server whether the operator may read Secrets.
func mayNotReadSecrets(l *lab.Lab) {
	l.Helper()
	for _, verb := range []string{"get", "list", "watch"} {
		deployment := operator(l)
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               "system:serviceaccount:" + deployment.Namespace + ":" + deployment.Spec.Template.Spec.ServiceAccountName,
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: l.Namespace, Verb: verb, Resource: "secrets"},
		}}
		if err := l.Client.Create(l.Ctx, review); err != nil {
			l.Fatalf("ask what the operator may do: %v", err)
		}
		if review.Status.Allowed {
			l.Errorf("the operator may %s Secrets, want it to have no such right", verb)
		}
	}
}

// condition returns a condition of a QueueWorker, or the zero value if it has none.
func condition(l *lab.Lab, name, conditionType string) metav1.Condition {
	l.Helper()
	if found := meta.FindStatusCondition(l.Worker(name).Status.Conditions, conditionType); found != nil {
		return *found
	}
	return metav1.Condition{}
}

// setEnv sets a variable of the worker container.
func setEnv(app *v1alpha1.QueueApp, name, value string) {
	container := &app.Spec.Template.Spec.Containers[0]
	container.Env = slices.DeleteFunc(container.Env, func(e corev1.EnvVar) bool { return e.Name == name })
	container.Env = append(container.Env, corev1.EnvVar{Name: name, Value: value})
}
