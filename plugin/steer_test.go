// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/test/builders"
)

// fakeCluster is a Cluster with a fake client that has these objects.
func fakeCluster(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) *Cluster {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return &Cluster{
		Client:    fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(funcs).Build(),
		Namespace: "shop",
	}
}

// retiring returns a command that removes one worker, and what it read.
func retiring(t *testing.T, cluster *Cluster) (*steering, intent.Input, intent.Plan) {
	t.Helper()
	s := &steering{worker: "emails-worker-a", decide: func(in intent.Input) (intent.Plan, error) { return intent.Stop(in, false) }}
	worker, pod, err := s.single(t.Context(), cluster, nil)
	if err != nil {
		t.Fatal(err)
	}
	in := intent.Input{Worker: worker, Pod: pod}
	plan, err := s.decide(in)
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
func stored(t *testing.T, cluster *Cluster) (processes int32, retired bool) {
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
	cluster := fakeCluster(t, interceptor.Funcs{}, poolAndPod()...)
	s, in, plan := retiring(t, cluster)
	other := in.Worker.DeepCopy()
	other.Spec.Processes = new(int32(8))
	if err := cluster.Client.Update(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	done, err := s.write(t.Context(), cluster, in, plan)
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
	cluster := fakeCluster(t, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, p client.Patch, options ...client.PatchOption) error {
			if _, ok := object.(*v1alpha1.QueueWorker); ok {
				tries++
				return apierrors.NewConflict(schema.GroupResource{Resource: "queueworkers"}, "emails", errors.New("it was changed"))
			}
			return c.Patch(ctx, object, p, options...)
		},
	}, poolAndPod()...)
	s, in, plan := retiring(t, cluster)
	_, err := s.write(t.Context(), cluster, in, plan)
	if err == nil || !strings.Contains(err.Error(), "is marked and will go, but processes is as it was") || tries != attempts+1 {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

// TestNothingIsHalfDone: a user who may not change the QueueWorker marks no pod.
func TestNothingIsHalfDone(t *testing.T) {
	cluster := fakeCluster(t, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, p client.Patch, options ...client.PatchOption) error {
			if _, ok := object.(*v1alpha1.QueueWorker); ok {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "queueworkers"}, "emails", nil)
			}
			return c.Patch(ctx, object, p, options...)
		},
	}, poolAndPod()...)
	s, in, plan := retiring(t, cluster)
	_, err := s.write(t.Context(), cluster, in, plan)
	if _, retired := stored(t, cluster); !apierrors.IsForbidden(err) || retired {
		t.Errorf("retired %t, %v", retired, err)
	}
}

// TestWhatTheClusterFindsInvalidIsAMistake: it is a mistake in the command line, and
// nothing was changed.
func TestWhatTheClusterFindsInvalidIsAMistake(t *testing.T) {
	cluster := fakeCluster(t, interceptor.Funcs{
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return apierrors.NewInvalid(schema.GroupKind{Kind: "QueueWorker"}, "emails", nil)
		},
	})
	err := patch(t.Context(), cluster, builders.QueueWorker("shop", "emails").Obj(), &intent.Patch{})
	if code, sentence := Explain(err); code != CodeUsage || !strings.HasPrefix(sentence, "the cluster refuses this: ") {
		t.Errorf("code %d: %s", code, sentence)
	}
}

func TestWhoIsMeant(t *testing.T) {
	cluster := fakeCluster(t, interceptor.Funcs{}, append(poolAndPod(),
		builders.QueueWorker("shop", "reports").PerPod(4).Obj(),
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "reports-worker-b", Labels: map[string]string{v1alpha1.LabelName: "reports"}}},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}},
	)...)
	tests := map[string]struct {
		steering steering
		names    []string
		want     []string
		wantCode int
	}{
		"one":                           {names: []string{"emails"}, want: []string{"emails"}},
		"two":                           {names: []string{"reports", "emails"}, want: []string{"reports", "emails"}},
		"all":                           {steering: steering{all: true}, want: []string{"emails", "reports"}},
		"by pod":                        {steering: steering{worker: "emails-worker-a"}, want: []string{"emails"}},
		"by row":                        {steering: steering{worker: "emails-worker-a/0"}, want: []string{"emails"}},
		"none":                          {wantCode: CodeUsage},
		"all and one":                   {steering: steering{all: true}, names: []string{"emails"}, wantCode: CodeUsage},
		"nobody has the label":          {steering: steering{selector: "team=none"}, wantCode: CodeNotFound},
		"no selector":                   {steering: steering{selector: "=,="}, wantCode: CodeUsage},
		"not there":                     {names: []string{"nowhere"}, wantCode: CodeNotFound},
		"one of a pod's processes":      {steering: steering{worker: "reports-worker-b/0"}, wantCode: CodeUsage},
		"no row":                        {steering: steering{worker: "emails-worker-a/x"}, wantCode: CodeUsage},
		"a pod of nobody's":             {steering: steering{worker: "web"}, wantCode: CodeUsage},
		"a pod that is not there":       {steering: steering{worker: "nowhere"}, wantCode: CodeNotFound},
		"a worker and all":              {steering: steering{worker: "emails-worker-a", all: true}, wantCode: CodeUsage},
		"a worker and two QueueWorkers": {steering: steering{worker: "emails-worker-a"}, names: []string{"a", "b"}, wantCode: CodeUsage},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tc.steering.deps = &Deps{Now: time.Now}
			inputs, err := tc.steering.inputs(t.Context(), cluster, tc.names)
			code := CodeOK
			if err != nil {
				code, _ = Explain(err)
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

func TestNobodyAtATerminalIsAsked(t *testing.T) {
	streams, _, _, said := genericiooptions.NewTestIOStreams()
	err := (&confirmation{}).ask(t.Context(), &Deps{Streams: streams}, []string{"Jobs are lost."})
	if code, sentence := Explain(err); code != CodeUsage || !strings.Contains(sentence, "--yes") || !strings.Contains(said.String(), "Jobs are lost.") {
		t.Errorf("code %d: %s; %s", code, sentence, said)
	}
	if err := (&confirmation{yes: true}).ask(t.Context(), &Deps{Streams: streams}, []string{"Jobs are lost."}); err != nil {
		t.Errorf("with --yes: %v", err)
	}
}

// TestAQuestionEndsWithCtrlC: no answer is typed, and the program does not wait for one.
func TestAQuestionEndsWithCtrlC(t *testing.T) {
	in, never := io.Pipe()
	defer never.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	if _, err := typed(ctx, bufio.NewReader(in)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	lines := bufio.NewReader(strings.NewReader("shop:1 \nlast"))
	for _, want := range []string{"shop:1", "last"} {
		if got, _ := typed(t.Context(), lines); got != want {
			t.Errorf("read %q, want %q", got, want)
		}
	}
}

func TestARunIsOver(t *testing.T) {
	ended := metav1.Now()
	batch := func(requested string, runs ...v1alpha1.Run) *v1alpha1.QueueWorker {
		worker := builders.QueueWorker("shop", "nightly").Obj()
		worker.Status.Batch = &v1alpha1.BatchStatus{RequestedRun: requested, Runs: runs}
		return worker
	}
	tests := map[string]struct {
		worker   *v1alpha1.QueueWorker
		wantDone bool
		wantErr  string
	}{
		"not taken up":        {worker: batch("old")},
		"no status":           {worker: builders.QueueWorker("shop", "nightly").Obj()},
		"running":             {worker: batch("new", v1alpha1.Run{Name: "new"})},
		"complete":            {worker: batch("new", v1alpha1.Run{Name: "new", Ended: &ended, Outcome: v1alpha1.RunComplete}), wantDone: true},
		"failed":              {worker: batch("new", v1alpha1.Run{Name: "new", Ended: &ended, Outcome: v1alpha1.RunFailed, Failed: 3}), wantErr: "ended as Failed"},
		"another was running": {worker: batch("new", v1alpha1.Run{Name: "old"}), wantErr: "was not started"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			before := "old"
			if tc.worker.Status.Batch == nil {
				before = ""
			}
			done, _, err := isOver(tc.worker, before)
			if done != tc.wantDone || (err == nil) != (tc.wantErr == "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("done %t, %v; want %t, %q", done, err, tc.wantDone, tc.wantErr)
			}
		})
	}
}

// TestAPatchKeepsItsLock: a patch can have both annotations and the version that was
// read.
func TestAPatchKeepsItsLock(t *testing.T) {
	var sent map[string]any
	cluster := fakeCluster(t, interceptor.Funcs{
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
