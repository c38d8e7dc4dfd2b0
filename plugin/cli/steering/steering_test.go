// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package steering

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakecluster"
)

// retiring returns a command that removes one worker, and what it read.
func retiring(t *testing.T, cluster *cli.Cluster) (*Command, intent.Input, intent.Plan) {
	t.Helper()
	s := &Command{worker: "emails-worker-a", Decide: func(in intent.Input) (intent.Plan, error) { return intent.Stop(in, false) }}
	worker, pod, err := s.single(t.Context(), cluster, nil)
	if err != nil {
		t.Fatal(err)
	}
	in := intent.Input{Worker: worker, Pod: pod}
	plan, err := s.Decide(in)
	if err != nil {
		t.Fatal(err)
	}
	return s, in, plan
}

func poolAndPod() []client.Object {
	return []client.Object{
		builders.QueueWorker("shop", "emails").Processes(4).Obj(),
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "emails-worker-a", Labels: map[string]string{v1alpha1.LabelName: "emails"}}},
	}
}

// stored reads the stored state of the pool and the pod.
func stored(t *testing.T, cluster *cli.Cluster) (processes int32, retired bool) {
	t.Helper()
	worker, pod := &v1alpha1.QueueWorker{}, &corev1.Pod{}
	for name, object := range map[string]client.Object{"emails": worker, "emails-worker-a": pod} {
		if err := cluster.Client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: name}, object); err != nil {
			t.Fatal(err)
		}
	}
	return *worker.Spec.Processes, pod.Annotations[v1alpha1.AnnotationRetire] == v1alpha1.AnnotationTrue
}

// TestASizeIsReckonedFromTheOneThatIs: another client scales the pool after it was read,
// and the command keeps that change.
func TestASizeIsReckonedFromTheOneThatIs(t *testing.T) {
	cluster := fakecluster.New(t, interceptor.Funcs{}, poolAndPod()...)
	s, in, plan := retiring(t, cluster)
	other := in.Worker.DeepCopy()
	other.Spec.Processes = new(int32(8))
	if err := cluster.Client.Update(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	done, err := s.writer().write(t.Context(), cluster, in, plan)
	if err != nil {
		t.Fatal(err)
	}
	if processes, retired := stored(t, cluster); processes != 7 || !retired || done.Done.From != 8 || done.Done.To != 7 {
		t.Errorf("processes is %d, retired %t, said %+v", processes, retired, done.Done)
	}
}

// TestAWorkerThatIsReplacedIsTold: the pool's size cannot be lowered after its pod was
// marked.
func TestAWorkerThatIsReplacedIsTold(t *testing.T) {
	tries := 0
	cluster := fakecluster.New(t, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, p client.Patch, options ...client.PatchOption) error {
			if _, ok := object.(*v1alpha1.QueueWorker); ok {
				tries++
				return apierrors.NewConflict(schema.GroupResource{Resource: "queueworkers"}, "emails", errors.New("it was changed"))
			}
			return c.Patch(ctx, object, p, options...)
		},
	}, poolAndPod()...)
	s, in, plan := retiring(t, cluster)
	_, err := s.writer().write(t.Context(), cluster, in, plan)
	if err == nil || !strings.Contains(err.Error(), "is marked and will be removed, but spec.processes was not lowered") || tries != attempts+1 {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

// TestNothingIsHalfDone: a user who may not change the QueueWorker marks no pod.
func TestNothingIsHalfDone(t *testing.T) {
	cluster := fakecluster.New(t, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, p client.Patch, options ...client.PatchOption) error {
			if _, ok := object.(*v1alpha1.QueueWorker); ok {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "queueworkers"}, "emails", nil)
			}
			return c.Patch(ctx, object, p, options...)
		},
	}, poolAndPod()...)
	s, in, plan := retiring(t, cluster)
	_, err := s.writer().write(t.Context(), cluster, in, plan)
	if _, retired := stored(t, cluster); !apierrors.IsForbidden(err) || retired {
		t.Errorf("retired %t, %v", retired, err)
	}
}

// TestWhatTheClusterFindsInvalidIsAMistake: it is a mistake in the command line, and
// nothing was changed.
func TestWhatTheClusterFindsInvalidIsAMistake(t *testing.T) {
	cluster := fakecluster.New(t, interceptor.Funcs{
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return apierrors.NewInvalid(schema.GroupKind{Kind: "QueueWorker"}, "emails", nil)
		},
	})
	err := patch(t.Context(), cluster, builders.QueueWorker("shop", "emails").Obj(), &intent.Patch{})
	if code, sentence := cli.Explain(err); code != cli.CodeUsage || !strings.HasPrefix(sentence, "the cluster refuses this: ") {
		t.Errorf("code %d: %s", code, sentence)
	}
}

func TestWhoIsMeant(t *testing.T) {
	cluster := fakecluster.New(t, interceptor.Funcs{}, append(poolAndPod(),
		builders.QueueWorker("shop", "reports").PerPod(4).Obj(),
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "reports-worker-b", Labels: map[string]string{v1alpha1.LabelName: "reports"}}},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}},
	)...)
	tests := map[string]struct {
		steering Command
		names    []string
		want     []string
		wantCode int
	}{
		"one":                           {names: []string{"emails"}, want: []string{"emails"}},
		"two":                           {names: []string{"reports", "emails"}, want: []string{"reports", "emails"}},
		"all":                           {steering: Command{all: true}, want: []string{"emails", "reports"}},
		"by pod":                        {steering: Command{worker: "emails-worker-a"}, want: []string{"emails"}},
		"by row":                        {steering: Command{worker: "emails-worker-a/0"}, want: []string{"emails"}},
		"none":                          {wantCode: cli.CodeUsage},
		"all and one":                   {steering: Command{all: true}, names: []string{"emails"}, wantCode: cli.CodeUsage},
		"nobody has the label":          {steering: Command{selector: "team=none"}, wantCode: cli.CodeNotFound},
		"no selector":                   {steering: Command{selector: "=,="}, wantCode: cli.CodeUsage},
		"not there":                     {names: []string{"nowhere"}, wantCode: cli.CodeNotFound},
		"one of a pod's processes":      {steering: Command{worker: "reports-worker-b/0"}, wantCode: cli.CodeUsage},
		"no row":                        {steering: Command{worker: "emails-worker-a/x"}, wantCode: cli.CodeUsage},
		"a pod of nobody's":             {steering: Command{worker: "web"}, wantCode: cli.CodeUsage},
		"a pod that is not there":       {steering: Command{worker: "nowhere"}, wantCode: cli.CodeNotFound},
		"a worker and all":              {steering: Command{worker: "emails-worker-a", all: true}, wantCode: cli.CodeUsage},
		"a worker and two QueueWorkers": {steering: Command{worker: "emails-worker-a"}, names: []string{"a", "b"}, wantCode: cli.CodeUsage},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tc.steering.Deps = &cli.Deps{Now: time.Now}
			inputs, err := tc.steering.inputs(t.Context(), cluster, tc.names)
			code := cli.CodeOK
			if err != nil {
				code, _ = cli.Explain(err)
			}
			var got []string
			for _, in := range inputs {
				got = append(got, in.Worker.Name)
			}
			if code != tc.wantCode || strings.Join(got, " ") != strings.Join(tc.want, " ") {
				t.Errorf("got %v and code %d (%v), want %v and %d", got, code, err, tc.want, tc.wantCode)
			}
		})
	}
}

// TestAPatchKeepsItsLock: a patch can have both annotations and the version that was
// read.
func TestAPatchKeepsItsLock(t *testing.T) {
	var sent map[string]any
	cluster := fakecluster.New(t, interceptor.Funcs{
		Patch: func(_ context.Context, _ client.WithWatch, object client.Object, p client.Patch, _ ...client.PatchOption) error {
			raw, err := p.Data(object)
			if err != nil {
				return err
			}
			return json.NewDecoder(bytes.NewReader(raw)).Decode(&sent)
		},
	})
	worker := builders.QueueWorker("shop", "emails").Obj()
	worker.ResourceVersion = "7"
	body := map[string]any{"metadata": map[string]any{"annotations": map[string]any{"a": "b"}}}
	if err := patch(t.Context(), cluster, worker, &intent.Patch{Body: body, Locked: true}); err != nil {
		t.Fatal(err)
	}
	metadata, _ := sent["metadata"].(map[string]any)
	if metadata["resourceVersion"] != "7" || metadata["annotations"] == nil {
		t.Errorf("sent %v", sent)
	}
}
