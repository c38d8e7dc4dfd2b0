// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queuecommand

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/controllers/collector"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// fakeCommands returns a reconciler of QueueCommands in a cluster of these objects, and
// the reconciler's clock, which stands at noon.
func fakeCommands(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) (*Reconciler, *clocktesting.FakePassiveClock) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{cached.AddToScheme, corev1.AddToScheme, batchv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	cluster := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(&v1alpha1.QueueCommand{}).WithInterceptorFuncs(funcs).Build()
	now := clocktesting.NewFakePassiveClock(noon)
	return &Reconciler{
		Client: cluster, Live: cluster, Clock: now, Backlogs: collector.NewBacklogs(collector.BacklogOptions{Clock: now}), AgentImage: "agent:1",
	}, now
}

func newCommand(name string, spec v1alpha1.QueueCommandSpec) *v1alpha1.QueueCommand {
	return &v1alpha1.QueueCommand{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, CreationTimestamp: metav1.NewTime(noon)}, Spec: spec,
	}
}

func shopApp() *cached.QueueApp {
	app := &cached.QueueApp{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	app.Spec.Connection = &v1alpha1.Connection{Driver: v1alpha1.DriverRedis}
	app.Spec.Template = cached.NewTemplate([]byte(`{"spec":{"containers":[{"name":"worker","image":"shop:1"}]}}`))
	return app
}

// pass reconciles a command once and reads it.
func pass(t *testing.T, r *Reconciler, name string) (ctrl.Result, *v1alpha1.QueueCommand) {
	t.Helper()
	key := client.ObjectKey{Namespace: "shop", Name: name}
	result, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: key})
	if err != nil {
		t.Fatal(err)
	}
	cmd := &v1alpha1.QueueCommand{}
	if err := r.Client.Get(t.Context(), key, cmd); err != nil {
		t.Fatal(err)
	}
	return result, cmd
}

func TestACommandWhoseJobWasInTheWayAndIsGoneIsLookedAtAgain(t *testing.T) {
	inTheWay := true
	r, _ := fakeCommands(t, interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
		if inTheWay {
			return apierrors.NewAlreadyExists(schema.GroupResource{Group: batchv1.GroupName, Resource: "jobs"}, object.GetName())
		}
		return c.Create(ctx, object, options...)
	}}, shopApp(), newCommand("retry", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionRetryFailed, All: true}))
	if result, cmd := pass(t, r, "retry"); result.RequeueAfter <= 0 || cmd.Status.State != "" {
		t.Errorf("looked at again after %s, the status is %+v", result.RequeueAfter, cmd.Status)
	}
	inTheWay = false
	if _, cmd := pass(t, r, "retry"); cmd.Status.JobName == "" {
		t.Errorf("afterwards the status is %+v", cmd.Status)
	}
}

// The time in which other probes are asked does not count as silence of a probe.
func TestAListHasPatienceWithAProbeAndNotWithOthers(t *testing.T) {
	held, released := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case held <- struct{}{}:
			<-released
		case <-released:
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	spec := v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionListFailed}
	r, now := fakeCommands(t, interceptor.Funcs{}, shopApp(), newCommand("first", spec), newCommand("second", spec))
	r.Backlogs.Track(client.ObjectKeyFromObject(shopApp()), collector.Probe{UID: "probe", Address: strings.TrimPrefix(server.URL, "http://")})
	first := make(chan struct{})
	go func() {
		defer close(first)
		_, _ = r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "shop", Name: "first"}})
	}()
	select {
	case <-held:
	case <-first:
		t.Fatal("the probe was not asked")
	}
	later := func(d time.Duration) *v1alpha1.QueueCommand {
		now.SetTime(now.Now().Add(d))
		_, cmd := pass(t, r, "second")
		return cmd
	}
	busy := later(0)
	for range 3 {
		if busy = later(time.Hour); busy.Status.State != v1alpha1.CommandPending {
			t.Fatalf("while another list is read it is %s: %s", busy.Status.State, busy.Status.Message)
		}
	}
	close(released)
	<-first
	asked := later(time.Second)
	if asked.ResourceVersion != busy.ResourceVersion {
		t.Errorf("the status says first %q and then %q", busy.Status.Message, asked.Status.Message)
	}
	if asked = later(80 * time.Second); asked.Status.State != v1alpha1.CommandPending {
		t.Errorf("asked for 80 s it is %s: %s", asked.Status.State, asked.Status.Message)
	}
	if asked = later(10 * time.Second); asked.Status.State != v1alpha1.CommandFailed {
		t.Errorf("asked for 90 s it is %s: %s", asked.Status.State, asked.Status.Message)
	}
	if pass(t, r, "second"); r.waits.of[client.ObjectKeyFromObject(asked)] != nil {
		t.Error("a command that has ended is remembered")
	}
}

// TestACommandEndsWhateverTheRefusalsLength: the API server takes no status whose
// message is longer than 32 KiB, but may refuse a Job with a megabyte of text.
func TestACommandEndsWhateverTheRefusalsLength(t *testing.T) {
	long := strings.Repeat("env[0].name: Invalid value: \x1b[2J漢 ", 1<<20/34)
	tests := map[string]error{
		"an invalid Job":    apierrors.NewInvalid(schema.GroupKind{Group: "batch", Kind: "Job"}, "retry", field.ErrorList{field.Invalid(field.NewPath("spec"), long, long)}),
		"a forbidden Job":   apierrors.NewForbidden(schema.GroupResource{Group: "batch", Resource: "jobs"}, "retry", errors.New(long)),
		"a Job nobody read": apierrors.NewBadRequest(long),
	}
	for name, refusal := range tests {
		t.Run(name, func(t *testing.T) {
			r, _ := fakeCommands(t, interceptor.Funcs{
				Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return refusal },
				SubResourcePatch: func(ctx context.Context, c client.Client, of string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
					status := object.(*v1alpha1.QueueCommand).Status
					for _, condition := range status.Conditions {
						if utf8.RuneCountInString(condition.Message) > 32<<10 {
							return apierrors.NewInvalid(schema.GroupKind{Kind: "QueueCommand"}, "retry", nil)
						}
					}
					return c.SubResource(of).Patch(ctx, object, patch, options...)
				},
			}, shopApp(), newCommand("retry", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionRetryFailed, All: true}))
			_, cmd := pass(t, r, "retry")
			message := cmd.Status.Message
			if cmd.Status.State != v1alpha1.CommandFailed || len(cmd.Status.Conditions) != 1 || cmd.Status.Conditions[0].Reason != v1alpha1.ReasonRejected {
				t.Fatalf("the status is %.500s", fmt.Sprintf("%+v", cmd.Status))
			}
			if len(message) > 700 || !strings.HasPrefix(message, "The API server refused the Job") || strings.ContainsAny(message, "\x1b\n") || !utf8.ValidString(message) {
				t.Errorf("the message has %d bytes: %.200q", len(message), message)
			}
			if result, _ := pass(t, r, "retry"); result.RequeueAfter <= 0 {
				t.Error("it is not removed when its time is up")
			}
		})
	}
}
