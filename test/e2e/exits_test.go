// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestEveryExitIsNamed makes real workers end for every reason that exists, and looks for
// the reason in the status and in an event.
func TestEveryExitIsNamed(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(
		connectionApp(l, "unknown-connection", "nowhere"),
		commandApp(l, "missing-binary", "/no/such/program"),
		customApp(l, "custom", "sh", "-c", "echo start 1; sleep 600"),
	)
	tests := map[string]struct {
		pool   *builders.Worker
		app    string
		jobs   []lab.Jobs
		reason protocol.ExitReason
	}{
		"max-jobs":           {pool: pool().MaxJobs(3), jobs: []lab.Jobs{{Kind: "quick", Count: 4}}, reason: protocol.ExitMaxJobs},
		"max-time":           {pool: pool().MaxTime(4 * time.Second).Sleep(time.Second), reason: protocol.ExitMaxTime},
		"memory":             {pool: pool().Memory("64Mi"), jobs: []lab.Jobs{{Kind: "memory", Arg: "80"}}, reason: protocol.ExitMemory},
		"memory-limit":       {pool: pool(), jobs: []lab.Jobs{{Kind: "memory-limit"}}, reason: protocol.ExitCrashed},
		"fatal":              {pool: pool(), jobs: []lab.Jobs{{Kind: "fatal"}}, reason: protocol.ExitCrashed},
		"timeout":            {pool: pool().Timeout(3 * time.Second).Sleep(time.Second), jobs: []lab.Jobs{{Kind: "hanging"}}, reason: protocol.ExitJobTimeout},
		"selfkill":           {pool: pool(), jobs: []lab.Jobs{{Kind: "selfkill"}}, reason: protocol.ExitKilled},
		"oom":                {pool: pool().Memory("64Mi"), jobs: []lab.Jobs{{Kind: "oom"}}, reason: protocol.ExitOOMKilled},
		"custom-timeout":     {app: "custom", pool: pool().Timeout(3 * time.Second).Sleep(time.Second), reason: protocol.ExitJobTimeout},
		"unknown-connection": {app: "unknown-connection", pool: pool(), reason: protocol.ExitConfigError},
		"missing-binary":     {app: "missing-binary", pool: pool(), reason: protocol.ExitCommandNotFound},
	}
	// All pools start at once and then wait for their jobs side by side.
	for name, tc := range tests {
		worker := tc.pool.Obj()
		worker.Name, worker.Spec.Queue = name, name
		if worker.Spec.AppName = tc.app; tc.app == "" {
			worker.Spec.AppName = "demo"
		}
		l.Create(worker)
	}
	for name, tc := range tests {
		for _, jobs := range tc.jobs {
			jobs.Queue = name
			l.Dispatch(jobs)
		}
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := l.In(t)
			l.Eventually("the status names the reason", 2*time.Minute, func() (bool, string) {
				restarts := l.Worker(name).Status.Restarts
				return restartsFor(restarts, tc.reason) > 0, fmt.Sprintf("%+v", restarts)
			})
			l.Eventually("an event names the reason", 30*time.Second, func() (bool, string) {
				reasons := eventReasons(l, name)
				return slices.Contains(reasons, string(tc.reason)), fmt.Sprint(reasons)
			})
			for _, pod := range l.Pods(name) {
				for _, container := range pod.Status.ContainerStatuses {
					if container.RestartCount > 0 && tc.reason != protocol.ExitOOMKilled {
						t.Errorf("the container of %s was restarted", pod.Name)
					}
				}
			}
		})
	}
}

func pool() *builders.Worker { return builders.QueueWorker("", "") }

func restartsFor(restarts []v1alpha1.RestartCount, reason protocol.ExitReason) int64 {
	for _, restart := range restarts {
		if restart.Reason == string(reason) {
			return restart.Count
		}
	}
	return 0
}

func eventReasons(l *lab.Lab, worker string) []string {
	l.Helper()
	events := &eventsv1.EventList{}
	if err := l.Client.List(l.Ctx, events, client.InNamespace(l.Namespace)); err != nil {
		l.Fatalf("list events: %v", err)
	}
	var out []string
	for i := range events.Items {
		if events.Items[i].Regarding.Kind == "QueueWorker" && events.Items[i].Regarding.Name == worker {
			out = append(out, events.Items[i].Reason)
		}
	}
	return out
}

// connectionApp returns the demo application with another connection.
func connectionApp(l *lab.Lab, name, connection string) *v1alpha1.QueueApp {
	app := l.DemoApp()
	app.Name, app.Spec.Connection.Name = name, connection
	return app
}

// commandApp returns the demo application behind a wrapper command.
func commandApp(l *lab.Lab, name string, command ...string) *v1alpha1.QueueApp {
	app := l.DemoApp()
	app.Name, app.Spec.Template.Spec.Containers[0].Command = name, command
	return app
}

// customApp returns an application whose worker is not Laravel.
func customApp(l *lab.Lab, name string, command ...string) *v1alpha1.QueueApp {
	app := commandApp(l, name, command...)
	app.Spec.Runtime, app.Spec.Connection = v1alpha1.RuntimeCustom, nil
	app.Spec.Patterns = &v1alpha1.Patterns{Started: "start (?P<id>.+)", Done: "done (?P<id>.+)"}
	app.Spec.Template.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")}
	return app
}
