// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakes"
)

// obstacle is a state that keeps a pool from being ready. A condition reports it, and
// disappears when the obstacle is removed.
type obstacle struct {
	app, worker client.Object
	// arrange creates the obstacle before the pool is created.
	arrange func(*testing.T, string)
	reason  string
	// phrases must be in the message.
	phrases []string
	// final means that the pool is stalled at once; otherwise it is reconciling, and
	// stalled after two minutes.
	final bool
	mend  func(*testing.T, string)
}

var obstacles = map[string]obstacle{
	"no QueueApp at all": {
		worker: builders.QueueWorker("", "emails").Obj(),
		reason: v1alpha1.ReasonAppNotFound, phrases: []string{"has no QueueApp", "create one"},
		mend: func(t *testing.T, namespace string) { create(t, builders.QueueApp(namespace, "shop").Obj()) },
	},
	"the named QueueApp is missing": {
		app: builders.QueueApp("", "shop").Obj(), worker: builders.QueueWorker("", "emails").App("mailer").Obj(),
		reason: v1alpha1.ReasonAppNotFound, phrases: []string{`"mailer"`, "spec.appName", "shop"},
		mend: func(t *testing.T, namespace string) { create(t, builders.QueueApp(namespace, "mailer").Obj()) },
	},
	"several QueueApps and none named": {
		app: builders.QueueApp("", "shop").Obj(), worker: builders.QueueWorker("", "emails").Obj(),
		arrange: func(t *testing.T, namespace string) { create(t, builders.QueueApp(namespace, "mailer").Obj()) },
		reason:  v1alpha1.ReasonAppAmbiguous, phrases: []string{"2 QueueApps", "spec.appName", "mailer, shop"}, final: true,
		mend: func(t *testing.T, namespace string) {
			changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.AppName = "shop" })
		},
	},
	"a container that is not there": {
		app: builders.QueueApp("", "shop").Container("php").Obj(), worker: builders.QueueWorker("", "emails").Obj(),
		reason: v1alpha1.ReasonContainerNotFound, phrases: []string{`"php"`, "worker"}, final: true,
		mend: changeApp(func(app *v1alpha1.QueueApp) { app.Spec.Container = "worker" }),
	},
	"args for Laravel": {
		app: builders.QueueApp("", "shop").Args("queue:work").Obj(), worker: builders.QueueWorker("", "emails").Obj(),
		reason: v1alpha1.ReasonAppInvalid, phrases: []string{"args", "Laravel"}, final: true,
		mend: changeApp(func(app *v1alpha1.QueueApp) { app.Spec.Template.Spec.Containers[0].Args = nil }),
	},
	"no command for Custom": {
		app: builders.QueueApp("", "shop").Custom().Obj(), worker: builders.QueueWorker("", "emails").Obj(),
		reason: v1alpha1.ReasonAppInvalid, phrases: []string{"command", "Custom"}, final: true,
		mend: changeApp(func(app *v1alpha1.QueueApp) { app.Spec.Template.Spec.Containers[0].Command = []string{"/worker"} }),
	},
	"an image that cannot be pulled": {
		app: builders.QueueApp("", "shop").Image("registry.example.com/gone:1").Obj(), worker: builders.QueueWorker("", "emails").Obj(),
		arrange: breakImage("registry.example.com/gone:1", fakes.ImagePullBackOff),
		reason:  v1alpha1.ReasonImagePull, phrases: []string{"registry.example.com/gone:1", "cannot be pulled", "not found"},
		mend: func(*testing.T, string) { kubelet.Mend("registry.example.com/gone:1") },
	},
	"an image that runs as root": {
		app: builders.QueueApp("", "shop").Image("registry.example.com/root:1").Obj(), worker: builders.QueueWorker("", "emails").Obj(),
		arrange: breakImage("registry.example.com/root:1", fakes.RunsAsRoot),
		reason:  v1alpha1.ReasonRunsAsRoot, phrases: []string{"registry.example.com/root:1", "runs as root"}, final: true,
		mend: func(*testing.T, string) { kubelet.Mend("registry.example.com/root:1") },
	},
	"a Secret that does not exist": {
		app: builders.QueueApp("", "shop").Template(func(template *corev1.PodTemplateSpec) {
			template.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: "shop-env"},
			}}}
		}).Obj(),
		worker: builders.QueueWorker("", "emails").Obj(),
		reason: v1alpha1.ReasonPodFailed, phrases: []string{`secret "shop-env" not found`},
		mend: func(t *testing.T, namespace string) {
			create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop-env"}})
		},
	},
	"no node for the pods": {
		app: builders.QueueApp("", "shop").Obj(),
		worker: builders.QueueWorker("", "emails").Spec(func(s *v1alpha1.QueueWorkerSpec) {
			s.NodeSelector = map[string]string{"example.com/gpu": "yes"}
		}).Obj(),
		reason: v1alpha1.ReasonUnschedulable, phrases: []string{"cannot be placed on a node", "node affinity/selector"},
		mend: func(t *testing.T, namespace string) {
			changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.NodeSelector = nil })
		},
	},
	"a template the apiserver refuses": {
		app: builders.QueueApp("", "shop").Obj(),
		worker: builders.QueueWorker("", "emails").Spec(func(s *v1alpha1.QueueWorkerSpec) {
			s.Env = []corev1.EnvVar{{Name: "A=B", Value: "x"}}
		}).Obj(),
		reason: v1alpha1.ReasonRejected, phrases: []string{"Deployment emails-worker", "A=B"}, final: true,
		mend: func(t *testing.T, namespace string) {
			changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Env = nil })
		},
	},
	"a template that uses the agent's port": {
		app: builders.QueueApp("", "shop").Template(func(template *corev1.PodTemplateSpec) {
			template.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: protocol.Port}}
		}).Obj(),
		worker: builders.QueueWorker("", "emails").Obj(),
		reason: v1alpha1.ReasonRejected, phrases: []string{"Deployment emails-worker"}, final: true,
		mend: changeApp(func(app *v1alpha1.QueueApp) { app.Spec.Template.Spec.Containers[0].Ports = nil }),
	},
	"a template that mounts where the agent does": {
		app: builders.QueueApp("", "shop").Template(func(template *corev1.PodTemplateSpec) {
			template.Spec.Volumes = []corev1.Volume{{Name: "x", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
			template.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "x", MountPath: protocol.StateDir}}
		}).Obj(),
		worker: builders.QueueWorker("", "emails").Obj(),
		reason: v1alpha1.ReasonRejected, phrases: []string{"Deployment emails-worker"}, final: true,
		mend: changeApp(func(app *v1alpha1.QueueApp) {
			app.Spec.Template.Spec.Volumes, app.Spec.Template.Spec.Containers[0].VolumeMounts = nil, nil
		}),
	},
	"a foreign Deployment": foreignObject(&appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "emails-worker"},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(0)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "registry.example.com/a:1"}}},
			},
		},
	}, "Deployment"),
	"a foreign ConfigMap": foreignObject(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "emails-control"}, Data: map[string]string{"note": "mine"},
	}, "ConfigMap"),
	"a foreign disruption budget": foreignObject(&policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "emails-worker"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: new(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}},
	}, "PodDisruptionBudget"),
	"a foreign Deployment with our label": foreignObject(&appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "emails-worker", Labels: map[string]string{v1alpha1.LabelName: "emails"}},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(0)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.LabelName: "emails"}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1alpha1.LabelName: "emails"}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "registry.example.com/a:1"}}},
			},
		},
	}, "Deployment"),
}

func changeApp(how func(*v1alpha1.QueueApp)) func(*testing.T, string) {
	return func(t *testing.T, namespace string) {
		t.Helper()
		change(t, &v1alpha1.QueueApp{}, namespace, "shop", how)
	}
}

func breakImage(image string, trouble fakes.Trouble) func(*testing.T, string) {
	return func(t *testing.T, _ string) {
		t.Helper()
		kubelet.Break(image, trouble)
		t.Cleanup(func() { kubelet.Mend(image) })
	}
}

// foreignObject returns the obstacle of a foreign object with a name that the pool needs.
// The object must stay as it is, and is in the way until it is deleted.
func foreignObject(object client.Object, kind string) obstacle {
	inNamespace := func(namespace string) client.Object {
		own := object.DeepCopyObject().(client.Object)
		own.SetNamespace(namespace)
		return own
	}
	return obstacle{
		app: builders.QueueApp("", "shop").Obj(), worker: builders.QueueWorker("", "emails").Processes(2).Obj(),
		arrange: func(t *testing.T, namespace string) { create(t, inNamespace(namespace)) },
		reason:  v1alpha1.ReasonForeignObject, final: true,
		phrases: []string{kind, object.GetName(), "does not change it", "rename the QueueWorker"},
		mend: func(t *testing.T, namespace string) {
			live := inNamespace(namespace)
			if err := api.Get(t.Context(), client.ObjectKeyFromObject(live), live); err != nil {
				t.Fatal(err)
			}
			if managers := managersOf(live); strings.Contains(managers, v1alpha1.FieldManager) {
				t.Errorf("the operator wrote an object that is not its own; its managers are %s", managers)
			}
			if diff := cmp.Diff(object.GetLabels(), live.GetLabels()); diff != "" || len(live.GetOwnerReferences()) > 0 {
				t.Errorf("labels or owners of somebody else's object changed: %s %v", diff, live.GetOwnerReferences())
			}
			if err := api.Delete(t.Context(), live); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func managersOf(object client.Object) string {
	var names []string
	for _, entry := range object.GetManagedFields() {
		names = append(names, entry.Manager)
	}
	return strings.Join(names, ", ")
}

func TestObstaclesAreToldAndCleared(t *testing.T) {
	for name, tc := range obstacles {
		t.Run(name, func(t *testing.T) {
			namespace := newNamespace(t)
			clock := &offsetClock{}
			startOperator(t, operatorOptions{namespaces: []string{namespace}, clock: clock})
			for _, object := range []client.Object{tc.app, tc.worker} {
				if object != nil {
					object = object.DeepCopyObject().(client.Object)
					object.SetNamespace(namespace)
					if tc.arrange != nil && object.GetObjectKind().GroupVersionKind().Kind == "QueueWorker" {
						tc.arrange(t, namespace)
					}
					create(t, object)
				}
			}
			requireTold(t, namespace, tc, clock)
			tc.mend(t, namespace)
			poke(t, namespace, "emails")
			waitReady(t, namespace, "emails")
			waitFor(t, namespace, "emails", "has no conflict", lacksCondition(v1alpha1.ConditionConflict))
		})
	}
}

// requireTold waits until the conditions report the obstacle. If the obstacle may pass by
// itself, they must report it as stalled after two minutes.
func requireTold(t *testing.T, namespace string, tc obstacle, clock *offsetClock) {
	t.Helper()
	present, absent := v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled
	if tc.final {
		present, absent = absent, present
	}
	told := waitFor(t, namespace, "emails", "tells", all(
		hasCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, tc.reason),
		hasCondition(present, metav1.ConditionTrue, tc.reason), lacksCondition(absent),
	))
	requireSentence(t, message(told, v1alpha1.ConditionReady), tc.phrases)
	if tc.reason == v1alpha1.ReasonForeignObject {
		waitFor(t, namespace, "emails", "has a conflict",
			hasCondition(v1alpha1.ConditionConflict, metav1.ConditionTrue, v1alpha1.ReasonForeignObject))
	}
	if tc.final {
		return
	}
	clock.forward(2*time.Minute + time.Second)
	poke(t, namespace, "emails")
	waitFor(t, namespace, "emails", "is stalled", all(
		hasCondition(v1alpha1.ConditionStalled, metav1.ConditionTrue, tc.reason),
		lacksCondition(v1alpha1.ConditionReconciling), inState(v1alpha1.StateFailing),
	))
	requireEvent(t, namespace, "emails", tc.reason)
}

// requireSentence fails the test unless the message is a sentence with the phrases.
func requireSentence(t *testing.T, message string, phrases []string) {
	t.Helper()
	for _, phrase := range phrases {
		requireContains(t, message, phrase)
	}
	if !strings.HasSuffix(message, ".") || message[:1] != strings.ToUpper(message[:1]) {
		t.Errorf("not a sentence: %q", message)
	}
	t.Logf("%s", message)
}

// poke makes the operator reconcile a QueueWorker now, as it would later by itself.
func poke(t *testing.T, namespace, name string) {
	t.Helper()
	changeWorker(t, namespace, name, func(w *v1alpha1.QueueWorker) {
		metav1.SetMetaDataAnnotation(&w.ObjectMeta, "example.com/poke", fmt.Sprint(time.Now().UnixNano()))
	})
}

func TestWorkersThatCrashAreToldAndCleared(t *testing.T) {
	for name, tc := range map[string]struct {
		exit    protocol.ExitReason
		message string
		reason  string
	}{
		"a command that does not exist": {protocol.ExitCommandNotFound, "exec: \"php\": executable file not found in $PATH", v1alpha1.ReasonCommandNotFound},
		"an unknown connection":         {protocol.ExitConfigError, "The [rabbit] queue connection has not been configured", v1alpha1.ReasonConfigError},
		"a fatal error":                 {protocol.ExitCrashed, "PHP Fatal error: Uncaught Error in artisan:3", v1alpha1.ReasonWorkersCrashing},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := newNamespace(t)
			startOperator(t, operatorOptions{namespaces: []string{namespace}})
			create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Obj())
			waitReady(t, namespace, "emails")
			agent := agentsOf(t, namespace, "emails", 1)[0]
			agent.Exit(0, tc.exit, tc.message)
			told := waitFor(t, namespace, "emails", "tells", all(
				hasCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, tc.reason), inState(v1alpha1.StateFailing),
			))
			requireSentence(t, message(told, v1alpha1.ConditionReady), []string{tc.message})
			requireContains(t, requireEvent(t, namespace, "emails", string(tc.exit)), tc.message)
			agent.Recover()
			waitReady(t, namespace, "emails")
		})
	}
}

func TestAgentsThatDoNotAnswerAreTold(t *testing.T) {
	namespace := newNamespace(t)
	clock := &offsetClock{}
	startOperator(t, operatorOptions{namespaces: []string{namespace}, clock: clock})
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(2).Obj())
	waitReady(t, namespace, "emails")
	agents := agentsOf(t, namespace, "emails", 2)
	agents[0].Mute(true)
	eventually(t, "it is told", func(context.Context) error {
		clock.forward(time.Second)
		poke(t, namespace, "emails")
		worker := getWorker(t, namespace, "emails")
		return hasCondition(v1alpha1.ConditionAgentsReporting, metav1.ConditionFalse, v1alpha1.ReasonUnreachable)(worker)
	})
	worker := getWorker(t, namespace, "emails")
	requireSentence(t, message(worker, v1alpha1.ConditionAgentsReporting), []string{"1 of 2", agents[0].Pod, "gave no answer"})
	if err := hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAsWanted)(worker); err != nil {
		t.Errorf("silence of an agent is no reason not to be ready: %v", err)
	}
	agents[0].Mute(false)
	waitReady(t, namespace, "emails")
}

// TestAPoolWhoseTemplateIsRefusedObeysAllTheSame: the existing pods can be paused,
// reduced and stopped while the API server refuses the new template.
func TestAPoolWhoseTemplateIsRefusedObeysAllTheSame(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(3).Obj())
	waitReady(t, namespace, "emails")
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Env = []corev1.EnvVar{{Name: "A=B", Value: "x"}} })
	waitFor(t, namespace, "emails", "says that its template is refused", func(worker *v1alpha1.QueueWorker) error {
		if condition := meta.FindStatusCondition(worker.Status.Conditions, v1alpha1.ConditionReady); condition.Reason != v1alpha1.ReasonRejected {
			return fmt.Errorf("Ready is %s", condition.Reason)
		}
		return nil
	})

	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = true })
	eventually(t, "every agent is paused", func(context.Context) error {
		for _, agent := range agentsOf(t, namespace, "emails", 3) {
			if phase := agent.Status().Phase; phase != protocol.PhasePaused {
				return fmt.Errorf("%s is %s", agent.Pod, phase)
			}
		}
		return nil
	})
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Processes = new(int32(1)) })
	agentsOf(t, namespace, "emails", 1)
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Stopped = true })
	agentsOf(t, namespace, "emails", 0)
}
