// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/cli/queuecommand"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakecluster"
)

// onceOn is a cluster with a pool and the pod of its command once-1. The pod prints the
// log and runs as long; the operator records its end after a while.
func onceOn(t *testing.T, log fakecluster.Log, operator time.Duration) *cli.Cluster {
	t.Helper()
	began := time.Now()
	cluster := fakecluster.New(t, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			object.SetName("once-1")
			return c.Create(ctx, object, options...)
		},
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			err := c.Get(ctx, key, object, options...)
			if command, ok := object.(*v1alpha1.QueueCommand); ok {
				command.Status.State, command.Status.Message = v1alpha1.CommandRunning, "It runs."
				if time.Since(began) >= operator {
					command.Status.State = v1alpha1.CommandSucceeded
				}
			}
			return err
		},
	}, builders.QueueWorker("shop", "emails").Queue("emails,default").Obj(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "once-1-a", Labels: map[string]string{v1alpha1.LabelCommand: "once-1"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "worker"}}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	})
	core, err := corev1client.NewForConfigAndClient(&rest.Config{Host: "http://fake"}, &http.Client{Transport: log})
	if err != nil {
		t.Fatal(err)
	}
	cluster.Core = core
	return cluster
}

// TestOnceWaitsAsLongAsItWasTold: --timeout limits the job, and not the time that the
// operator needs to record the outcome.
func TestOnceWaitsAsLongAsItWasTold(t *testing.T) {
	tests := map[string]struct {
		timeout, job, operator time.Duration
		wantCode               int
		want                   string
	}{
		"a job that is done in time":       {time.Minute, 10 * time.Second, 11 * time.Second, cli.CodeOK, ""},
		"an operator that is slow to tell": {10 * time.Second, 9 * time.Second, 30 * time.Second, cli.CodeOK, ""},
		"an operator that does not tell":   {10 * time.Second, 9 * time.Second, time.Hour, cli.CodeTimedOut, "QueueCommand once-1: not within 10s; last seen: It runs."},
		"a job that is longer":             {10 * time.Second, time.Hour, time.Hour, cli.CodeTimedOut, "QueueCommand once-1: not within 10s; last seen: It runs."},
		"a job that may take for ever":     {0, time.Hour, time.Hour + time.Minute, cli.CodeOK, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cluster := onceOn(t, fakecluster.Log{Text: "Processing\n", Lasts: tc.job}, tc.operator)
				streams, _, out, _ := genericiooptions.NewTestIOStreams()
				o := &onceCommand{Command: queuecommand.Command{Deps: &cli.Deps{Streams: streams, Now: time.Now}, Timeout: tc.timeout}}
				code, said := cli.CodeOK, ""
				if err := o.runIn(t.Context(), cluster, v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionOnce}); err != nil {
					code, said = cli.Explain(err)
				}
				if code != tc.wantCode || said != tc.want || out.String() != "Processing\n" {
					t.Errorf("code %d, %q, printed %q", code, said, out)
				}
			})
		})
	}
}

// TestOnceTellsThatNothingWaited: a command that prints nothing and succeeds found no
// job.
func TestOnceTellsThatNothingWaited(t *testing.T) {
	tests := map[string]struct {
		spec v1alpha1.QueueCommandSpec
		log  string
		want string
	}{
		"of a pool":   {v1alpha1.QueueCommandSpec{WorkerName: "emails"}, "", "No job waited on emails,default; nothing was run.\n"},
		"of a queue":  {v1alpha1.QueueCommandSpec{Queue: "reports"}, "", "No job waited on reports; nothing was run.\n"},
		"of an app":   {v1alpha1.QueueCommandSpec{}, "", "No job waited; nothing was run.\n"},
		"with output": {v1alpha1.QueueCommandSpec{WorkerName: "emails"}, "Processing\n", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				streams, _, out, said := genericiooptions.NewTestIOStreams()
				o := &onceCommand{Command: queuecommand.Command{Deps: &cli.Deps{Streams: streams, Now: time.Now}}}
				if err := o.runIn(t.Context(), onceOn(t, fakecluster.Log{Text: tc.log}, 0), tc.spec); err != nil {
					t.Fatal(err)
				}
				if said.String() != tc.want || out.String() != tc.log {
					t.Errorf("said %q, printed %q, want %q", said, out, tc.want)
				}
			})
		})
	}
}
