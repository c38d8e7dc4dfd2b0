// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakes"
)

// command returns a QueueCommand; by default it retries all failed jobs.
func command(namespace, name string, change func(*v1alpha1.QueueCommandSpec)) *v1alpha1.QueueCommand {
	cmd := &v1alpha1.QueueCommand{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionRetryFailed, All: true},
	}
	if change != nil {
		cmd.Spec = v1alpha1.QueueCommandSpec{}
		change(&cmd.Spec)
	}
	return cmd
}

// waitForCommand waits until a QueueCommand is in a state and its message contains a
// text.
func waitForCommand(t *testing.T, namespace, name string, state v1alpha1.CommandState, says string) *v1alpha1.QueueCommand {
	t.Helper()
	cmd := &v1alpha1.QueueCommand{}
	eventually(t, fmt.Sprintf("QueueCommand %s is %s", name, state), func(ctx context.Context) error {
		if err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, cmd); err != nil {
			return err
		}
		if cmd.Status.State != state || !strings.Contains(cmd.Status.Message, says) {
			return fmt.Errorf("it is %s: %s", cmd.Status.State, cmd.Status.Message)
		}
		return nil
	})
	return cmd
}

// commandObjects lists the QueueCommands of a namespace and their Jobs and pods.
func commandObjects(ctx context.Context, namespace string) ([]client.Object, error) {
	var all []client.Object
	for _, list := range []client.ObjectList{&v1alpha1.QueueCommandList{}, &batchv1.JobList{}, &corev1.PodList{}} {
		options := []client.ListOption{client.InNamespace(namespace)}
		if _, commands := list.(*v1alpha1.QueueCommandList); !commands {
			options = append(options, client.HasLabels{v1alpha1.LabelCommand})
		}
		if err := api.List(ctx, list, options...); err != nil {
			return nil, err
		}
		items, err := itemsOf(list)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
	}
	return all, nil
}

func TestAQueueCommandRunsOnceAndGoes(t *testing.T) {
	namespace := newNamespace(t)
	clock := &offsetClock{}
	o := startOperator(t, operatorOptions{namespaces: []string{namespace}, clock: clock})
	kubelet.SetCommands(namespace, fakes.CommandOutcome{Output: "one\nAll is well!"})
	create(t, builders.QueueApp(namespace, "shop").Obj(), command(namespace, "retry", nil))
	cmd := waitForCommand(t, namespace, "retry", v1alpha1.CommandSucceeded, "All is well!")
	if s := cmd.Status; s.Output != "one\nAll is well!" || s.ExitCode == nil || *s.ExitCode != 0 || s.StartedTime == nil || s.EndedTime == nil ||
		len(s.Conditions) != 1 || s.Conditions[0].Type != v1alpha1.ConditionComplete || s.JobName == "" {
		t.Errorf("the status is %+v", s)
	}
	if ran := kubelet.Commands(namespace); len(ran) != 1 || ran[0].Action != protocol.ActionRetryFailed || !ran[0].All {
		t.Errorf("what ran is %+v", ran)
	}

	t.Run("a second pass writes nothing", func(t *testing.T) {
		job := &batchv1.Job{}
		eventually(t, "the Job is complete", func(ctx context.Context) error {
			if err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: cmd.Status.JobName}, job); err != nil {
				return err
			}
			return same(1, int(job.Status.Succeeded))
		})
		from, before := mark(t), reconciles(t)
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"example.com/poke":"1"}}}`))
		if err := api.Patch(t.Context(), cmd, patch); err != nil {
			t.Fatal(err)
		}
		waitReconciledSince(t, before, 1)
		requireNoWrites(t, writesBetween(t, o, from, mark(t)))
	})
	t.Run("it goes when its time is up", func(t *testing.T) {
		clock.forward(9 * time.Minute)
		create(t, command(namespace, "other", nil)) // makes this controller reconcile
		waitForCommand(t, namespace, "other", v1alpha1.CommandSucceeded, "")
		kept := waitForCommand(t, namespace, "retry", v1alpha1.CommandSucceeded, "")
		if kept.Status.Output == "" || kept.Annotations["example.com/poke"] != "1" {
			t.Errorf("until then it lost what the cache does not keep: %+v, %v", kept.Status, kept.Annotations)
		}
		clock.forward(2 * time.Minute)
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"example.com/poke":"2"}}}`))
		if err := api.Patch(t.Context(), cmd, patch); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the command, its Job and its pod are gone", func(ctx context.Context) error {
			objects, err := commandObjects(ctx, namespace)
			for _, object := range objects {
				if strings.HasPrefix(object.GetName(), "retry") {
					err = errors.Join(err, fmt.Errorf("%T %s is there", object, object.GetName()))
				}
			}
			return err
		})
	})
}

// TestAQueueCommandRunsOnceWhereverTheOperatorIsKilled: wherever the operator is killed,
// the command runs once and its end is reported.
func TestAQueueCommandRunsOnceWhereverTheOperatorIsKilled(t *testing.T) {
	for write := 1; write <= 5; write++ {
		for _, after := range []bool{false, true} {
			c := crash{write, after}
			t.Run(c.String(), func(t *testing.T) {
				t.Parallel()
				namespace := newNamespace(t)
				kubelet.SetCommands(namespace, fakes.CommandOutcome{Output: "done"})
				l := liveThrough(t, namespace, c)
				create(t, builders.QueueApp(namespace, "shop").Obj(), command(namespace, "retry", nil))
				waitForCommand(t, namespace, "retry", v1alpha1.CommandSucceeded, "done")
				if ran := kubelet.Commands(namespace); len(ran) != 1 {
					t.Errorf("the command ran %d times", len(ran))
				}
				if write <= 3 && !l.fuse.isBlown() {
					t.Errorf("there were %d writes only", l.fuse.count())
				}
			})
		}
	}
}

func TestWhatOthersDoToAQueueCommandsJob(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	kubelet.SetCommands(namespace, fakes.CommandOutcome{Hold: true, Output: "stopped"})
	create(t, builders.QueueApp(namespace, "shop").Obj())
	running := func(name string) *v1alpha1.QueueCommand {
		create(t, command(namespace, name, nil))
		return waitForCommand(t, namespace, name, v1alpha1.CommandRunning, "runs in pod "+name+"-")
	}
	jobOf := func(cmd *v1alpha1.QueueCommand) *batchv1.Job {
		return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: cmd.Status.JobName}}
	}
	t.Run("deleted", func(t *testing.T) {
		cmd := running("deleted")
		if err := api.Delete(t.Context(), jobOf(cmd), client.PropagationPolicy(metav1.DeletePropagationForeground)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the command has ended", func(ctx context.Context) error {
			if err := api.Get(ctx, client.ObjectKeyFromObject(cmd), cmd); err != nil {
				return err
			}
			if cmd.Status.EndedTime == nil {
				return fmt.Errorf("it is %s: %s", cmd.Status.State, cmd.Status.Message)
			}
			return nil
		})
	})
	t.Run("suspended", func(t *testing.T) {
		cmd := running("suspended")
		if err := api.Patch(t.Context(), jobOf(cmd), client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspend":true}}`))); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the command has ended", func(ctx context.Context) error {
			if err := api.Get(ctx, client.ObjectKeyFromObject(cmd), cmd); err != nil {
				return err
			}
			if cmd.Status.EndedTime == nil {
				return fmt.Errorf("it is %s: %s", cmd.Status.State, cmd.Status.Message)
			}
			return nil
		})
	})
	if ran := kubelet.Commands(namespace); len(ran) != 2 {
		t.Errorf("two commands ran %d times", len(ran))
	}
	t.Run("the command itself deleted", func(t *testing.T) {
		if err := api.Delete(t.Context(), running("removed")); err != nil {
			t.Fatal(err)
		}
		eventually(t, "its Job and pod are gone", func(ctx context.Context) error {
			objects, err := commandObjects(ctx, namespace)
			for _, object := range objects {
				if strings.HasPrefix(object.GetName(), "removed") {
					err = errors.Join(err, fmt.Errorf("%T %s is there", object, object.GetName()))
				}
			}
			return err
		})
	})
}

func TestWhatKeepsAQueueCommandFromRunningIsSaid(t *testing.T) {
	namespace := newNamespace(t)
	clock := &offsetClock{}
	startOperator(t, operatorOptions{namespaces: []string{namespace}, clock: clock})
	kubelet.SetCommands(namespace, fakes.CommandOutcome{Code: 1, Output: "SQLSTATE[08006] connection refused"})
	t.Run("the QueueApp comes later", func(t *testing.T) {
		create(t, command(namespace, "early", nil))
		waitForCommand(t, namespace, "early", v1alpha1.CommandPending, "has no QueueApp")
		create(t, builders.QueueApp(namespace, "shop").Obj())
		cmd := waitForCommand(t, namespace, "early", v1alpha1.CommandFailed, "exit code 1: SQLSTATE[08006] connection refused.")
		if cmd.Status.ExitCode == nil || *cmd.Status.ExitCode != 1 || cmd.Status.Conditions[0].Reason != v1alpha1.ReasonCommandFailed {
			t.Errorf("the status is %+v", cmd.Status)
		}
	})
	t.Run("an image that cannot be pulled", func(t *testing.T) {
		kubelet.Break("registry.example.com/broken:1", fakes.ImagePullBackOff)
		create(t, builders.QueueApp(namespace, "broken").Image("registry.example.com/broken:1").Obj(),
			command(namespace, "pull", func(s *v1alpha1.QueueCommandSpec) {
				s.AppName, s.Action = "broken", v1alpha1.ActionFlushFailed
			}))
		waitForCommand(t, namespace, "pull", v1alpha1.CommandPending, "The image registry.example.com/broken:1")
	})
	t.Run("a Job that is refused", func(t *testing.T) {
		create(t, builders.QueueApp(namespace, "twice").Template(func(template *corev1.PodTemplateSpec) {
			template.Spec.Volumes = []corev1.Volume{{Name: "bin", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
			template.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "bin", MountPath: protocol.BinaryDir}}
		}).Obj())
		create(t, command(namespace, "refused", func(s *v1alpha1.QueueCommandSpec) {
			s.AppName, s.Action, s.Queue = "twice", v1alpha1.ActionClearQueue, "emails"
		}))
		waitForCommand(t, namespace, "refused", v1alpha1.CommandFailed, "must be unique")
	})
	t.Run("a Job that is refused in more than a status can hold", func(t *testing.T) {
		create(t, builders.QueueApp(namespace, "wordy").Template(func(template *corev1.PodTemplateSpec) {
			for i := range 100 { // the refusal says for each name what is wrong with it, 43 KiB in total
				name := fmt.Sprintf("=%d%s", i, strings.Repeat("=", 240))
				template.Spec.Containers[0].Env = append(template.Spec.Containers[0].Env, corev1.EnvVar{Name: name, Value: "x"})
			}
		}).Obj(), command(namespace, "wordy", func(s *v1alpha1.QueueCommandSpec) {
			s.AppName, s.Action, s.TTL = "wordy", v1alpha1.ActionFlushFailed, &metav1.Duration{Duration: 10 * time.Second}
		}))
		cmd := waitForCommand(t, namespace, "wordy", v1alpha1.CommandFailed, "The API server refused the Job")
		if length := len(cmd.Status.Message); length > 1024 || cmd.Status.Conditions[0].Reason != v1alpha1.ReasonRejected {
			t.Errorf("the message has %d bytes: %+v", length, cmd.Status.Conditions[0])
		}
		clock.forward(time.Minute)
		if err := api.Patch(t.Context(), cmd, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"looked":"at"}}}`))); client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
		eventually(t, "it is removed when its time is up", func(ctx context.Context) error {
			if err := api.Get(ctx, client.ObjectKeyFromObject(cmd), cmd); !apierrors.IsNotFound(err) {
				return fmt.Errorf("it is there: %w", err)
			}
			return nil
		})
	})
	t.Run("a QueueWorker that never comes", func(t *testing.T) {
		clock.forward(3 * time.Minute)
		create(t, command(namespace, "once", func(s *v1alpha1.QueueCommandSpec) { s.Action, s.WorkerName = v1alpha1.ActionOnce, "nobody" }))
		waitForCommand(t, namespace, "once", v1alpha1.CommandFailed, `The QueueWorker "nobody"`)
	})
}

func TestFailedJobsAreListedByTheProbe(t *testing.T) {
	namespace := newNamespace(t)
	first := startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj())
	kubelet.Backend(namespace, "shop").SetFailed(
		protocol.FailedJob{ID: "2", Class: "App\\Jobs\\Mail\x1b[31m", Queue: "emails", FailedAt: "2026-03-01T12:00:00Z", Exception: "Ex: no\nline"},
		protocol.FailedJob{ID: "1", Exception: strings.Repeat("x", 5000)},
	)
	list := func(s *v1alpha1.QueueCommandSpec) { s.Action = v1alpha1.ActionListFailed }
	create(t, command(namespace, "early", list))
	waitForCommand(t, namespace, "early", v1alpha1.CommandPending, "no QueueWorker uses it")
	create(t, builders.QueueWorker(namespace, "emails").Obj())
	cmd := waitForCommand(t, namespace, "early", v1alpha1.CommandSucceeded, "2 failed jobs of 2.")
	jobs := cmd.Status.FailedJobs
	if len(jobs) != 2 || jobs[0].Class != `App\Jobs\Mail[31m` || jobs[0].Exception != "Ex: no line" || jobs[0].FailedTime == nil || len(jobs[1].Exception) > 900 {
		t.Errorf("the failed jobs are %+.300v", jobs)
	}
	if cmd.Status.JobName != "" || cmd.Status.ExitCode != nil {
		t.Errorf("a list has a Job: %+v", cmd.Status)
	}

	t.Run("a second list writes no second key", func(t *testing.T) {
		from := mark(t)
		create(t, command(namespace, "again", list))
		waitForCommand(t, namespace, "again", v1alpha1.CommandSucceeded, "")
		for _, write := range writesBetween(t, first, from, mark(t)) {
			if write.ObjectRef.Resource == "pods" {
				t.Errorf("the operator wrote %s", write)
			}
		}
	})
	first.stop()
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	t.Run("the next operator has a key of its own", func(t *testing.T) {
		create(t, command(namespace, "next", list))
		waitForCommand(t, namespace, "next", v1alpha1.CommandSucceeded, "2 failed jobs of 2.")
	})
	t.Run("what the probe cannot read is said", func(t *testing.T) {
		kubelet.Backend(namespace, "shop").Fail(protocol.BacklogDenied, "Correct DB_PASSWORD.")
		create(t, command(namespace, "denied", list))
		failed := waitForCommand(t, namespace, "denied", v1alpha1.CommandFailed, "Correct DB_PASSWORD.")
		if failed.Status.Conditions[0].Reason != string(protocol.BacklogDenied) {
			t.Errorf("the condition is %+v", failed.Status.Conditions)
		}
	})
	t.Run("without a driver nobody can list", func(t *testing.T) {
		create(t, builders.QueueApp(namespace, "plain").Obj(), command(namespace, "plain", func(s *v1alpha1.QueueCommandSpec) {
			s.Action, s.AppName = v1alpha1.ActionListFailed, "plain"
		}))
		waitForCommand(t, namespace, "plain", v1alpha1.CommandFailed, "spec.connection.driver is None or not set")
	})
}
