// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakes"
)

// backlogIsKnown accepts a pool whose backlog is measured.
var backlogIsKnown = hasCondition(v1alpha1.ConditionBacklogKnown, metav1.ConditionTrue, v1alpha1.ReasonMeasured)

// probeOf reads the Deployment of a QueueApp's backlog probe.
func probeOf(ctx context.Context, namespace, app string) (*appsv1.Deployment, error) {
	deployment := &appsv1.Deployment{}
	return deployment, api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: app + "-backlog"}, deployment)
}

// requireProbe waits until a QueueApp has a backlog probe, or until it has none.
func requireProbe(t *testing.T, namespace, app string, want bool) {
	t.Helper()
	eventually(t, fmt.Sprintf("the probe of %s is there: %t", app, want), func(ctx context.Context) error {
		_, err := probeOf(ctx, namespace, app)
		switch {
		case err == nil && !want:
			return errors.New("it is there")
		case apierrors.IsNotFound(err) && !want:
			return nil
		}
		return err
	})
}

func TestAQueueAppHasAProbeAsLongAsSomebodyNeedsIt(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj())
	backend := kubelet.Backend(namespace, "shop")
	backend.Set(protocol.QueueDepth{Queue: "high", Ready: 2, OldestSeconds: new(30.0)}, protocol.QueueDepth{Queue: "low", Ready: 3, Delayed: 1})
	create(t, builders.QueueWorker(namespace, "emails").Queue("high,low").Obj())

	worker := waitFor(t, namespace, "emails", "knows its backlog", all(backlogIsKnown, isReady))
	if b := worker.Status.Backlog; b == nil || b.Ready != 5 || b.Delayed != 1 || len(b.Queues) != 2 || b.Queues[0].Ready != 2 || b.OldestTime == nil {
		t.Errorf("status.backlog is %+v", worker.Status.Backlog)
	}
	for _, pod := range podsOf(t, namespace, "emails") {
		if pod.Labels[v1alpha1.LabelComponent] != "" {
			t.Errorf("the probe's pod %s is one of the pool", pod.Name)
		}
	}

	t.Run("not without a driver", func(t *testing.T) {
		setDriver := func(driver v1alpha1.Driver) {
			change(t, &v1alpha1.QueueApp{}, namespace, "shop", func(app *v1alpha1.QueueApp) { app.Spec.Connection.Driver = driver })
		}
		setDriver(v1alpha1.DriverNone)
		requireProbe(t, namespace, "shop", false)
		waitFor(t, namespace, "emails", "has no backlog", all(lacksCondition(v1alpha1.ConditionBacklogKnown), func(w *v1alpha1.QueueWorker) error {
			if w.Status.Backlog != nil {
				return fmt.Errorf("status.backlog is %+v", w.Status.Backlog)
			}
			return nil
		}))
		setDriver(v1alpha1.DriverRedis)
		requireProbe(t, namespace, "shop", true)
		waitFor(t, namespace, "emails", "knows its backlog again", backlogIsKnown)
	})
	t.Run("put right", func(t *testing.T) {
		for what, how := range map[string]func(*appsv1.Deployment){
			"image": func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "registry.example.com/other:1" },
			"label": func(d *appsv1.Deployment) {
				delete(d.Labels, v1alpha1.LabelManagedBy)
				d.Spec.Replicas = new(int32(0))
			},
		} {
			change(t, &appsv1.Deployment{}, namespace, "shop-backlog", how)
			eventually(t, "the probe's "+what+" is restored", func(ctx context.Context) error {
				live, err := probeOf(ctx, namespace, "shop")
				if err != nil {
					return err
				}
				return errors.Join(same(probeImage, live.Spec.Template.Spec.Containers[0].Image),
					same(v1alpha1.ManagedBy, live.Labels[v1alpha1.LabelManagedBy]), same(1, *live.Spec.Replicas))
			})
		}
	})
	t.Run("only for the app that is used", func(t *testing.T) {
		// The pool names no QueueApp; if there are two, it uses the one named default.
		create(t, builders.QueueApp(namespace, v1alpha1.DefaultAppName).Driver(v1alpha1.DriverDatabase).Obj())
		requireProbe(t, namespace, v1alpha1.DefaultAppName, true)
		requireProbe(t, namespace, "shop", false)
		if err := api.Delete(t.Context(), builders.QueueApp(namespace, v1alpha1.DefaultAppName).Obj()); err != nil {
			t.Fatal(err)
		}
		requireProbe(t, namespace, v1alpha1.DefaultAppName, false)
		requireProbe(t, namespace, "shop", true)
	})
	t.Run("not after its last pool", func(t *testing.T) {
		create(t, builders.QueueWorker(namespace, "reports").App("shop").Obj())
		if err := api.Delete(t.Context(), getWorker(t, namespace, "emails")); err != nil {
			t.Fatal(err)
		}
		waitFor(t, namespace, "reports", "knows its backlog", backlogIsKnown)
		if err := api.Delete(t.Context(), getWorker(t, namespace, "reports")); err != nil {
			t.Fatal(err)
		}
		requireProbe(t, namespace, "shop", false)
	})
}

func TestSomebodyElsesDeploymentOfTheProbesNameIsKept(t *testing.T) {
	namespace := newNamespace(t)
	create(t, foreignDeployment(namespace, "shop-backlog"))
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj(), builders.QueueWorker(namespace, "emails").Obj())
	worker := waitFor(t, namespace, "emails", "says so",
		hasCondition(v1alpha1.ConditionBacklogKnown, metav1.ConditionFalse, string(protocol.BacklogMisconfigured)))
	requireContains(t, message(worker, v1alpha1.ConditionBacklogKnown), "The Deployment shop-backlog exists already and has no owner")

	change(t, &v1alpha1.QueueApp{}, namespace, "shop", func(app *v1alpha1.QueueApp) { app.Spec.Connection.Driver = v1alpha1.DriverNone })
	waitFor(t, namespace, "emails", "needs no probe", lacksCondition(v1alpha1.ConditionBacklogKnown))
	live, err := probeOf(t.Context(), namespace, "shop")
	if err != nil || live.Spec.Template.Spec.Containers[0].Image != "registry.example.com/theirs:1" {
		t.Fatalf("the other's Deployment is %+v, %v", live.Spec, err)
	}
	change(t, &v1alpha1.QueueApp{}, namespace, "shop", func(app *v1alpha1.QueueApp) { app.Spec.Connection.Driver = v1alpha1.DriverRedis })
	if err := api.Delete(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	waitFor(t, namespace, "emails", "knows its backlog", backlogIsKnown)
}

// foreignDeployment returns a Deployment that no controller owns.
func foreignDeployment(namespace, name string) *appsv1.Deployment {
	labels := map[string]string{"app": "theirs"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(0)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "theirs", Image: "registry.example.com/theirs:1"}}},
			},
		},
	}
}

func TestAProbeThatCannotStartIsExplained(t *testing.T) {
	namespace := newNamespace(t)
	clock := &offsetClock{}
	startOperator(t, operatorOptions{namespaces: []string{namespace}, clock: clock})
	app := builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Template(func(pod *corev1.PodTemplateSpec) {
		pod.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "shop-env"}}}}
	})
	create(t, app.Obj(), builders.QueueWorker(namespace, "emails").Obj())
	waitFor(t, namespace, "emails", "waits for its probe", hasCondition(v1alpha1.ConditionBacklogKnown, metav1.ConditionUnknown, v1alpha1.ReasonProgressing))
	clock.forward(v1alphaReportInterval)
	// With the clock set forward, the probe may count as failing before the kubelet has
	// reported why its pod does not start.
	waitFor(t, namespace, "emails", "says why it has no backlog", func(w *v1alpha1.QueueWorker) error {
		poke(t, namespace, "emails")
		if err := hasCondition(v1alpha1.ConditionBacklogKnown, metav1.ConditionFalse, string(protocol.BacklogUnreachable))(w); err != nil {
			return err
		}
		if said := message(w, v1alpha1.ConditionBacklogKnown); !strings.Contains(said, `secret "shop-env" not found`) {
			return fmt.Errorf("it says %q", said)
		}
		return nil
	})
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop-env"}})
	waitFor(t, namespace, "emails", "knows its backlog", backlogIsKnown)
}

func TestAnUnreadableBacklogHoldsTheSize(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	backend := kubelet.Backend(namespace, "shop")
	backend.Set(protocol.QueueDepth{Queue: "default", Ready: 500})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj(),
		builders.QueueWorker(namespace, "emails").Autoscaling(0, 4, withoutWindow).Obj())
	waitFor(t, namespace, "emails", "has grown", all(isReady, hasDesired(4)))

	backend.Fail(protocol.BacklogDenied, "The server refused the password")
	held := waitFor(t, namespace, "emails", "holds its size", all(hasDesired(4),
		hasCondition(v1alpha1.ConditionBacklogKnown, metav1.ConditionFalse, string(protocol.BacklogDenied)),
		hasCondition(v1alpha1.ConditionScalingActive, metav1.ConditionFalse, "BacklogUnknown"),
	))
	requireContains(t, message(held, v1alpha1.ConditionBacklogKnown), "The server refused the password.")
	if held.Status.Backlog == nil || held.Status.Backlog.Ready != 500 {
		t.Errorf("status.backlog is %+v, want what was measured last", held.Status.Backlog)
	}
	asked := backend.Asked()
	eventually(t, "more looks at a backlog that cannot be read", func(context.Context) error {
		if now := backend.Asked(); now < asked+5 {
			return fmt.Errorf("asked %d times since", now-asked)
		}
		return nil
	})
	if got := *deploymentOf(t, namespace, "emails").Spec.Replicas; got != 4 {
		t.Errorf("the pool has %d pods, want the 4 it had", got)
	}
	backend.Set(protocol.QueueDepth{Queue: "default"})
	backend.Fail("", "")
	waitFor(t, namespace, "emails", "goes to zero", all(hasDesired(0), backlogIsKnown,
		hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScaledToZero),
		hasCondition(v1alpha1.ConditionScalingActive, metav1.ConditionTrue, v1alpha1.ReasonFollowing)))
}

// withoutWindow lets a pool shrink at once.
func withoutWindow(auto *v1alpha1.Autoscaling) {
	auto.ScaleDown = &v1alpha1.ScaleDown{Window: &metav1.Duration{}}
}

// hasDesired checks how many processes are desired.
func hasDesired(n int32) func(*v1alpha1.QueueWorker) error {
	return func(w *v1alpha1.QueueWorker) error { return same(n, w.Status.Desired) }
}

func TestAPoolGrowsFromZeroInOneStep(t *testing.T) {
	namespace := newNamespace(t)
	o := startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj(),
		builders.QueueWorker(namespace, "emails").Autoscaling(0, 50, func(auto *v1alpha1.Autoscaling) {
			auto.ExpectedJobTime = seconds(1)
		}).Obj())
	waitFor(t, namespace, "emails", "waits at zero", all(backlogIsKnown,
		hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScaledToZero), inState(v1alpha1.StateIdle)))
	from := mark(t)
	kubelet.Backend(namespace, "shop").Set(protocol.QueueDepth{Queue: "default", Ready: 600, OldestSeconds: new(0.0)})
	grown := waitFor(t, namespace, "emails", "grows", func(w *v1alpha1.QueueWorker) error {
		if w.Status.Desired < 10 {
			return fmt.Errorf("%d processes are wanted for 600 jobs of a second within a minute", w.Status.Desired)
		}
		return nil
	})
	first := grown.Status.Autoscaling.Decisions[len(grown.Status.Autoscaling.Decisions)-1]
	if first.From != 0 || first.To < 10 || grown.Status.Autoscaling.Desired != grown.Status.Desired {
		t.Errorf("the first decision is %+v", first)
	}
	var sizes []int32
	for _, write := range writesBetween(t, o, from, mark(t)) {
		if write.Resource() == "deployments" {
			sizes = append(sizes, replicasIn(t, write.RequestObject))
		}
	}
	if len(sizes) == 0 || sizes[0] != first.To {
		t.Errorf("the Deployment went from 0 by %v, want %d first", sizes, first.To)
	}
	requireContains(t, requireEvent(t, namespace, "emails", v1alpha1.EventScaled), fmt.Sprintf("Scaled from 0 to %d processes", first.To))
}

func TestAStuckWorkerIsRestartedOnce(t *testing.T) {
	namespace := newNamespace(t)
	clock := &offsetClock{}
	startOperator(t, operatorOptions{namespaces: []string{namespace}, clock: clock})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj(), builders.QueueWorker(namespace, "emails").Processes(2).Obj())
	waitFor(t, namespace, "emails", "knows its backlog", all(isReady, backlogIsKnown))
	agents := agentsOf(t, namespace, "emails", 2)
	// One agent works, so only the other one waits while there is work.
	if !agents[0].Start(0, `App\Jobs\SendMail`) {
		t.Fatal("the agent has no idle process")
	}
	waitFor(t, namespace, "emails", "has a busy worker", func(w *v1alpha1.QueueWorker) error {
		clock.forward(v1alphaReportInterval / 4)
		poke(t, namespace, "emails")
		return same(1, w.Status.Busy)
	})
	// Only now: with the clock set forward, both agents would have been idle for long
	// before the operator learned that one works.
	kubelet.Backend(namespace, "shop").Set(protocol.QueueDepth{Queue: "default", Ready: 5, OldestSeconds: new(600.0)})
	waitFor(t, namespace, "emails", "has a stuck worker", func(w *v1alpha1.QueueWorker) error {
		clock.forward(v1alphaReportInterval / 4)
		poke(t, namespace, "emails")
		return hasCondition(v1alpha1.ConditionWorkersStuck, metav1.ConditionTrue, v1alpha1.ReasonIdleWithWork)(w)
	})
	requireRestarts(t, agents, 0, 1)
	requireContains(t, requireEvent(t, namespace, "emails", v1alpha1.EventStuck), agents[1].Pod)
	if !agents[1].Start(0, `App\Jobs\SendMail`) {
		t.Fatal("the agent has no idle process after its restart")
	}
	agents[1].Finish(0, fakes.Processed)
	kubelet.Backend(namespace, "shop").Set(protocol.QueueDepth{Queue: "default"})
	worker := waitFor(t, namespace, "emails", "is well again", lacksCondition(v1alpha1.ConditionWorkersStuck))
	if condition := meta.FindStatusCondition(worker.Status.Conditions, v1alpha1.ConditionReady); condition.Status != metav1.ConditionTrue {
		t.Errorf("Ready is %+v", condition)
	}
}
