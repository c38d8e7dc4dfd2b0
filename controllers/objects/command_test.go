// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// readCommand reads a QueueApp, a QueueCommand and, if there is one, a QueueWorker.
func readCommand(t *testing.T, path string) CommandInput {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in := CommandInput{App: &v1alpha1.QueueApp{}, Command: &v1alpha1.QueueCommand{}, AgentImage: "registry.example.com/queueworker/agent:1.0.0"}
	for i, document := range strings.Split(string(content), "\n---\n") {
		var object any = in.App
		switch i {
		case 1:
			object = in.Command
		case 2:
			in.Worker = &v1alpha1.QueueWorker{}
			object = in.Worker
		}
		if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
			t.Fatalf("decode %s: %v", path, err)
		}
	}
	return in
}

func commandJob(t *testing.T, in CommandInput) *batchv1.Job {
	t.Helper()
	job, problem := CommandJob(in)
	if problem != nil {
		t.Fatalf("CommandJob() found a problem: %+v", problem)
	}
	return job
}

func TestCommandGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/command/*.in.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("found no testdata/command/*.in.yaml (%v)", err)
	}
	for _, path := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".in.yaml"), func(t *testing.T) {
			in := readCommand(t, path)
			before := []any{in.App.DeepCopy(), in.Worker.DeepCopy()}
			compareGolden(t, strings.TrimSuffix(path, ".in.yaml")+".golden.yaml", marshal(t, commandJob(t, in)))
			if diff := cmp.Diff(before, []any{in.App, in.Worker}); diff != "" {
				t.Errorf("CommandJob() changed its input (-before +after):\n%s", diff)
			}
		})
	}
}

// commandOf returns the command for the agent in a Job's pod.
func commandOf(t *testing.T, job *batchv1.Job) protocol.Command {
	t.Helper()
	for _, variable := range job.Spec.Template.Spec.Containers[0].Env {
		if variable.Name == protocol.CommandEnv {
			var command protocol.Command
			if err := json.Unmarshal([]byte(strings.ReplaceAll(variable.Value, "$$", "$")), &command); err != nil {
				t.Fatal(err)
			}
			return command
		}
	}
	t.Fatalf("the container has no %s", protocol.CommandEnv)
	return protocol.Command{}
}

func TestOnceHasTheOptionsOfItsPool(t *testing.T) {
	in := readCommand(t, "testdata/command/once.in.yaml")
	job := commandJob(t, in)
	worker := commandOf(t, job).Worker
	if worker.Queue != "high,emails" || worker.TimeoutSeconds != 90 || worker.Tries != 3 || worker.MemoryBytes != 512<<20 {
		t.Errorf("the job runs with %+v", worker)
	}
	if got := time.Duration(*job.Spec.ActiveDeadlineSeconds) * time.Second; got != 90*time.Second+onceTime {
		t.Errorf("the Job has %s", got)
	}
	in.Command.Spec.Queue = "reports"
	if got := commandOf(t, commandJob(t, in)).Worker.Queue; got != "reports" {
		t.Errorf("the job is taken from %q, want the queue the command names", got)
	}
	in.Worker.Spec.Recycle = v1alpha1.RecyclePod
	if got := commandOf(t, commandJob(t, in)).Worker.Recycle; got != "" {
		t.Errorf("the pod counts its job as one of a pool that recycles by %q", got)
	}
	in.Worker.Spec.Timeout = &metav1.Duration{}
	if got := *commandJob(t, in).Spec.ActiveDeadlineSeconds; got != 86400 {
		t.Errorf("without a timeout the Job has %d s, want a day", got)
	}
	in.Worker, in.Command.Spec.Queue = nil, ""
	if got := commandOf(t, commandJob(t, in)).Worker; got.Queue != "" || got.TimeoutSeconds != 60 || got.Tries != 1 {
		t.Errorf("without a pool the job runs with %+v, want the defaults", got)
	}
}

func TestCommandsOfAppsThatHaveNone(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*v1alpha1.QueueApp)
		reason string
		says   string
	}{
		"runtime Custom":    {func(a *v1alpha1.QueueApp) { a.Spec.Runtime = v1alpha1.RuntimeCustom }, v1alpha1.ReasonAppInvalid, "is a command of Laravel"},
		"no such container": {func(a *v1alpha1.QueueApp) { a.Spec.Container = "web" }, v1alpha1.ReasonContainerNotFound, `names the container "web"`},
		"arguments":         {func(a *v1alpha1.QueueApp) { a.Spec.Template.Spec.Containers[1].Args = []string{"x"} }, v1alpha1.ReasonAppInvalid, "remove args"},
	} {
		t.Run(name, func(t *testing.T) {
			in := readCommand(t, "testdata/command/retry.in.yaml")
			tc.change(in.App)
			_, problem := CommandJob(in)
			if problem == nil || problem.Reason != tc.reason || !strings.Contains(problem.Message, tc.says) {
				t.Errorf("the problem is %+v, want %s: %s", problem, tc.reason, tc.says)
			}
		})
	}
}

func TestCommandJobNames(t *testing.T) {
	long := strings.Repeat("n", 50)
	first, second := CommandJobName(long, "uid-1"), CommandJobName(long, "uid-2")
	if first == second || len(first) > 63 || first != CommandJobName(long, "uid-1") || !strings.HasPrefix(first, long+"-") {
		t.Errorf("the Jobs of two commands of one name are %q and %q", first, second)
	}
}
