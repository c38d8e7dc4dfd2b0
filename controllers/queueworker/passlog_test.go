// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/findings"
	"queueworker.dev/queueworker/controllers/passlog"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/logs"
)

// secret is text of a user, which the log must not hold.
const secret = "canary-bob@example.com"

// loggedPool is a reconciler of the pool emails in a fake cluster, and its log.
type loggedPool struct {
	*Reconciler
	clock *clocktesting.FakePassiveClock
	log   *logs.Recorder
	ctx   context.Context
}

// logPool makes a pool that is stopped, so that it needs no pods to be as wanted.
func logPool(t *testing.T, funcs interceptor.Funcs, change func(*v1alpha1.QueueWorker)) loggedPool {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{cached.AddToScheme, corev1.AddToScheme, batchv1.AddToScheme, appsv1.AddToScheme, policyv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	app := appNamed("shop")
	app.Spec.Template = cached.NewTemplate([]byte(`{"spec":{"containers":[{"name":"worker","image":"` + secret + `"}]}}`))
	worker := builders.QueueWorker("shop", "emails").Stopped(true).Annotation("example.com/note", secret).Obj()
	worker.UID, worker.Generation = "emails-uid", 1
	if change != nil {
		change(worker)
	}
	cluster := fake.NewClientBuilder().WithScheme(scheme).WithObjects(app, worker).
		WithStatusSubresource(&v1alpha1.QueueWorker{}).WithInterceptorFuncs(funcs).Build()
	now := clocktesting.NewFakePassiveClock(noon)
	recorder, log := logs.New(t)
	return loggedPool{
		Reconciler: &Reconciler{
			Client: client.WithFieldOwner(cluster, v1alpha1.FieldManager), Live: cluster, Clock: now, AgentImage: "agent:1", Findings: &findings.Exchange{}, Recorder: events.NewFakeRecorder(100),
			Collector: collector.New(collector.Options{}), Backlogs: collector.NewBacklogs(collector.BacklogOptions{Clock: now}),
		},
		clock: now, log: recorder, ctx: ctrl.LoggerInto(t.Context(), log),
	}
}

// pass reconciles the pool once, ten seconds after the last pass, and returns the lines.
func (p loggedPool) pass(t *testing.T) (ctrl.Result, []logs.Line) {
	t.Helper()
	p.clock.SetTime(p.clock.Now().Add(10 * time.Second))
	result, err := p.Reconcile(p.ctx, ctrl.Request{NamespacedName: emailsKey})
	if err != nil {
		t.Fatal(err)
	}
	lines := p.log.Take()
	if all := fmt.Sprint(lines); strings.Contains(all, secret) {
		t.Errorf("text of a user is in the log: %s", all)
	}
	return result, lines
}

// settle reconciles the pool until a pass writes nothing.
func (p loggedPool) settle(t *testing.T) (ctrl.Result, logs.Line) {
	t.Helper()
	for range 10 {
		if result, lines := p.pass(t); len(lines) == 1 {
			return result, lines[0]
		}
	}
	t.Fatal("ten passes did not settle the pool")
	return ctrl.Result{}, logs.Line{}
}

// TestAnUnchangedPoolLogsOneLine: the line has level V(1) and says why nothing was done.
func TestAnUnchangedPoolLogsOneLine(t *testing.T) {
	pool := logPool(t, interceptor.Funcs{}, nil)
	pool.settle(t)
	_, lines := pool.pass(t)
	if len(lines) != 1 {
		t.Fatalf("there are %d lines, want 1: %v", len(lines), lines)
	}
	line := lines[0]
	if line.Level != 1 || line.Message != "Pass ended" || line.Text("reason") != v1alpha1.ReasonStopped || line.Text("status") != "unchanged" || line.Text("next") == "" {
		t.Errorf("the line is %v", line)
	}
}

// TestAPoolLogsItsChanges: each written object has one line of level Info. Only the
// status is written at V(1).
func TestAPoolLogsItsChanges(t *testing.T) {
	pool := logPool(t, interceptor.Funcs{}, func(worker *v1alpha1.QueueWorker) {
		worker.Spec.Stopped, worker.Spec.Processes = false, new(int32(2))
	})
	_, lines := pool.pass(t)
	var changes []string
	for _, line := range lines {
		if line.Level == 0 {
			changes = append(changes, line.Message+" "+line.Text("object")+" "+line.Text("replicas"))
		}
	}
	const want = "Applied object ConfigMap emails-control , Applied object PodDisruptionBudget emails-worker , Applied object Deployment emails-worker 2"
	if got := strings.Join(changes, ", "); got != want {
		t.Errorf("the changes are\n%s\nwant\n%s", got, want)
	}
	if len(lines) != 5 || lines[3].Message != "Wrote status" || lines[3].Level != 1 || lines[4].Message != "Pass ended" || lines[4].Text("status") != "written" {
		t.Errorf("the lines are %v", lines)
	}
}

// TestTheLineNamesWhatAPoolWaitsFor goes through the reasons of passes without effect.
func TestTheLineNamesWhatAPoolWaitsFor(t *testing.T) {
	forbidden := interceptor.Funcs{Apply: func(context.Context, client.WithWatch, runtime.ApplyConfiguration, ...client.ApplyOption) error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "emails-control", fmt.Errorf("%s", secret))
	}}
	changed := interceptor.Funcs{SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
		return apierrors.NewConflict(schema.GroupResource{Resource: "queueworkers"}, "emails", nil)
	}}
	tests := map[string]struct {
		funcs  interceptor.Funcs
		change func(*v1alpha1.QueueWorker)
		// before happens between a pass and the pass that is looked at.
		before func(loggedPool)
		reason string
	}{
		"a QueueApp that does not exist": {change: func(w *v1alpha1.QueueWorker) { w.Spec.AppName = "other" }, reason: v1alpha1.ReasonAppNotFound},
		"a refusal of the API server":    {funcs: forbidden, reason: v1alpha1.ReasonRejected},
		"a newer object":                 {funcs: changed, reason: passlog.ObjectChanged},
		"pods that must start": {
			change: func(w *v1alpha1.QueueWorker) { w.Spec.Stopped, w.Spec.Processes = false, new(int32(2)) },
			reason: v1alpha1.ReasonProgressing,
		},
		"the cache has an old Deployment": {
			before: func(p loggedPool) {
				next := p.memory.of(emailsKey)
				next.deploymentVersion = "1000000"
				p.memory.replace(emailsKey, next)
			},
			reason: passlog.CacheBehind,
		},
		"the cache has an old status": {
			before: func(p loggedPool) {
				next := p.memory.of(emailsKey)
				next.version = "1000000"
				p.memory.replace(emailsKey, next)
			},
			reason: passlog.CacheBehind,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			pool := logPool(t, tc.funcs, tc.change)
			pool.pass(t)
			if tc.before != nil {
				tc.before(pool)
			}
			_, lines := pool.pass(t)
			last := lines[len(lines)-1]
			if last.Level != 1 || last.Message != "Pass ended" || last.Text("reason") != tc.reason || last.Text("next") == "" {
				t.Errorf("the last line is %v, want the reason %s", last, tc.reason)
			}
		})
	}
}

// emailsKey names the pool of logPool.
var emailsKey = client.ObjectKey{Namespace: "shop", Name: "emails"}

// TestAPoolThatIsGoneLogsOneLine: a deleted QueueWorker is no error.
func TestAPoolThatIsGoneLogsOneLine(t *testing.T) {
	pool := logPool(t, interceptor.Funcs{}, nil)
	if err := pool.Client.Delete(t.Context(), &v1alpha1.QueueWorker{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "emails"}}); err != nil {
		t.Fatal(err)
	}
	if _, lines := pool.pass(t); len(lines) != 1 || lines[0].Text("reason") != passlog.Gone {
		t.Errorf("the lines are %v", lines)
	}
}
