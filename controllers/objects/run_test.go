// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

func TestAPoolOfRunsHasNothingElse(t *testing.T) {
	in := readInput(t, "testdata/batch.in.yaml")
	in.Run = ""
	objects, problem := Build(in)
	if problem != nil || objects.Run != nil || objects.Deployment != nil || objects.PodDisruptionBudget != nil || objects.ConfigMap == nil || objects.Grace == 0 {
		t.Errorf("Build() = %+v, %+v, want only the ConfigMap and what is found", objects, problem)
	}
}

func TestOnlyWithoutADriverAWorkerStopsWhenEmpty(t *testing.T) {
	for driver, want := range map[v1alpha1.Driver]bool{
		v1alpha1.DriverNone: true, v1alpha1.DriverRedis: false, v1alpha1.DriverDatabase: false, v1alpha1.DriverHTTP: false,
	} {
		in := readInput(t, "testdata/batch.in.yaml")
		in.App.Spec.Connection.Driver = driver
		objects, problem := Build(in)
		if problem != nil {
			t.Fatal(problem.Message)
		}
		config := objects.Run.Spec.Template.Spec.Containers[0].Env[1].Value
		if got := strings.Contains(config, `"stopWhenEmpty":true`); got != want || !strings.Contains(config, `"run":"nightly-run-29540880"`) {
			t.Errorf("driver %s: the configuration is %s", driver, config)
		}
	}
}

func TestAContainerThatDoesNotEndIsTold(t *testing.T) {
	in := readInput(t, "testdata/batch.in.yaml")
	in.App.Spec.Template.Spec.Containers = append(in.App.Spec.Template.Spec.Containers, corev1.Container{Name: "proxy"})
	_, problem := Build(in)
	if problem == nil || problem.Reason != v1alpha1.ReasonAppInvalid || !strings.Contains(problem.Message, `"proxy"`) {
		t.Errorf("the problem is %+v", problem)
	}
}

func TestRunProcesses(t *testing.T) {
	for config, want := range map[string]int32{"": 1, `{"processes":3}`: 3, `{"processes":-2}`: 1, `{"processes":2147483647}`: 64, `{"processes":"many"}`: 1} {
		job := &batchv1.Job{}
		job.Spec.Template.Spec.Containers = []corev1.Container{{}, {Env: []corev1.EnvVar{{Name: protocol.ConfigEnv, Value: config}}}}
		if got := RunProcesses(job); got != want {
			t.Errorf("RunProcesses(%s) = %d, want %d", config, got, want)
		}
	}
}
