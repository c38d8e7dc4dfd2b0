// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

// producer is the pod from which jobs are dispatched.
const producer = "producer"

// DemoEnv returns the environment of the demo application.
func DemoEnv() []corev1.EnvVar {
	return []corev1.EnvVar{
		{Name: "REDIS_HOST", Value: "redis"},
		{Name: "REDIS_PORT", Value: "6379"},
		{Name: "QUEUE_CONNECTION", Value: "redis"},
		{Name: "CACHE_DRIVER", Value: "redis"},
		{Name: "LOG_CHANNEL", Value: "null"},
		{Name: "QUEUE_FAILED_DRIVER", Value: "null"},
	}
}

// DemoApp returns a QueueApp of the demo application.
func (l *Lab) DemoApp() *v1alpha1.QueueApp {
	return builders.QueueApp(l.Namespace, "demo").Connection("redis").Driver(v1alpha1.DriverRedis).Template(func(template *corev1.PodTemplateSpec) {
		container := &template.Spec.Containers[0]
		container.Image, container.ImagePullPolicy, container.Env = DemoImage, corev1.PullNever, DemoEnv()
	}).Obj()
}

// Demo starts Redis, the QueueApp of the demo application, and the producer.
func (l *Lab) Demo() {
	l.Helper()
	l.StartRedis()
	l.StartDemo(l.DemoApp())
}

// StartDemo creates a QueueApp of the demo application, and a producer with the same
// environment.
func (l *Lab) StartDemo(app *v1alpha1.QueueApp) {
	l.Helper()
	pod := l.DemoPod(producer, nil, []string{"sleep", "86400"})
	from := app.Spec.Template.Spec.Containers[0]
	pod.Spec.Containers[0].Env, pod.Spec.Containers[0].EnvFrom = from.Env, from.EnvFrom
	l.Create(app, pod)
	l.PodIP(producer)
}

// Artisan runs a command of the demo application in the producer.
func (l *Lab) Artisan(arguments ...string) {
	l.Helper()
	if output, err := l.Exec(producer, append([]string{"php", "artisan"}, arguments...)...); err != nil {
		l.Fatalf("artisan %v: %v: %s", arguments, err, output)
	}
}

// Jobs describes jobs to dispatch.
type Jobs struct {
	// Kind is what the jobs do; see test/laravel/README.md.
	Kind string
	// Count is the number of jobs; 0 means 1.
	Count int
	// Queue is the queue; empty means default.
	Queue string
	// Run is the name under which the jobs count themselves; empty means they do not.
	Run string
	// Arg is the number that the kind expects, or a comma list from which jobs take in
	// turn; empty means the kind's default.
	Arg string
	// Tries is the number of allowed attempts; 0 leaves it to the worker.
	Tries int
	// Delay is the time until the jobs are due.
	Delay time.Duration
	// Timeout is the jobs' own timeout; 0 leaves it to the worker.
	Timeout time.Duration
}

// Dispatch pushes jobs onto a queue.
func (l *Lab) Dispatch(jobs Jobs) {
	l.Helper()
	command := []string{"demo:dispatch", jobs.Kind, "--count=" + strconv.Itoa(max(jobs.Count, 1))}
	option := func(name, value string) {
		if value != "" && value != "0" {
			command = append(command, "--"+name+"="+value)
		}
	}
	option("queue", jobs.Queue)
	option("arg", jobs.Arg)
	option("tries", strconv.Itoa(jobs.Tries))
	option("delay", strconv.Itoa(int(jobs.Delay/time.Second)))
	option("timeout", strconv.Itoa(int(jobs.Timeout/time.Second)))
	option("run", jobs.Run)
	if jobs.Run == "" {
		command = append(command, "--uncounted")
	}
	l.Artisan(command...)
}

// Exec runs a command in the first container of a pod and returns its output.
func (l *Lab) Exec(pod string, command ...string) (string, error) {
	clients, err := kubernetes.NewForConfig(l.Config)
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	request := clients.CoreV1().RESTClient().Post().Namespace(l.Namespace).Resource("pods").Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: command, Stdout: true, Stderr: true}, clientgoscheme.ParameterCodec)
	executor, err := remotecommand.NewSPDYExecutor(l.Config, "POST", request.URL())
	if err != nil {
		return "", fmt.Errorf("exec in %s: %w", pod, err)
	}
	var output bytes.Buffer
	ctx, cancel := context.WithTimeout(l.Ctx, 5*time.Minute)
	defer cancel()
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &output, Stderr: &output})
	return strings.TrimSpace(output.String()), err
}

// Truth holds the counts that the jobs of a run made of themselves.
type Truth struct {
	Dispatched, Starts, Ends, Released, Failed int64
}

// Truth reads the counts of the jobs of a run.
func (l *Lab) Truth(run string) Truth {
	l.Helper()
	fields, err := l.Redis.HGetAll(l.Ctx, "demo:"+run+":total").Result()
	if err != nil {
		l.Fatalf("read the counts of run %s: %v", run, err)
	}
	number := func(field string) int64 {
		n, _ := strconv.ParseInt(fields[field], 10, 64) // an absent field is zero
		return n
	}
	return Truth{number("dispatched"), number("starts"), number("ends"), number("released"), number("failed")}
}

// Times holds when a job was due, first began and succeeded; a time is zero if it never
// came.
type Times struct {
	Due, Began, Done time.Time
}

// Times reads when the jobs of a run were due, began and were done, by job uid.
func (l *Lab) Times(run string) map[string]Times {
	l.Helper()
	out := map[string]Times{}
	for what, set := range map[string]func(*Times, time.Time){
		"due":   func(t *Times, at time.Time) { t.Due = at },
		"began": func(t *Times, at time.Time) { t.Began = at },
		"done":  func(t *Times, at time.Time) { t.Done = at },
	} {
		for uid, text := range l.PerJob(run, what) {
			seconds, err := strconv.ParseFloat(text, 64)
			if err != nil {
				l.Fatalf("read when job %s was %s: %v", uid, what, err)
			}
			times := out[uid]
			set(&times, time.UnixMilli(int64(seconds*1000)))
			out[uid] = times
		}
	}
	return out
}

// PerJob reads one of the hashes of a run: jobs, starts, ends, released or failed, by job
// uid.
func (l *Lab) PerJob(run, what string) map[string]string {
	l.Helper()
	fields, err := l.Redis.HGetAll(l.Ctx, "demo:"+run+":"+what).Result()
	if err != nil {
		l.Fatalf("read %s of run %s: %v", what, run, err)
	}
	return fields
}

// Settled waits until every job of a run has succeeded or failed for good.
func (l *Lab) Settled(run string, within time.Duration) Truth {
	l.Helper()
	var truth Truth
	l.Eventually("all jobs of run "+run+" are done", within, func() (bool, string) {
		truth = l.Truth(run)
		return truth.Ends+truth.Failed >= truth.Dispatched, fmt.Sprintf("%+v", truth)
	})
	return truth
}
