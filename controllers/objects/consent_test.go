// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"reflect"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// consentInput returns a pool without settings for its pods, of a QueueApp that permits
// nothing explicitly and whose pods have the PriorityClass usual.
func consentInput() Input {
	app := &v1alpha1.QueueApp{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "shop"}}
	app.Spec.Template.Spec = corev1.PodSpec{
		PriorityClassName: "usual", Containers: []corev1.Container{{Name: "worker", Image: "shop:1"}},
	}
	worker := &v1alpha1.QueueWorker{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "emails", UID: "uid-1", Generation: 3}}
	worker.Spec.Queue = "emails"
	return Input{App: app, Worker: worker, Most: 1, Replicas: 1}
}

func setAll(spec *v1alpha1.QueueWorkerSpec) {
	spec.Env = []corev1.EnvVar{{Name: "A", Value: "b"}}
	spec.NodeSelector = map[string]string{"disk": "fast"}
	spec.PriorityClassName = "high"
	spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
}

func fromSecret(name string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "key"}}}
}

// podsBefore returns the metadata and template of a Deployment or Job with the class high.
func podsBefore(app string, owner *v1alpha1.QueueWorker) (metav1.ObjectMeta, corev1.PodTemplateSpec) {
	return metav1.ObjectMeta{
			Name:            "emails-worker",
			OwnerReferences: []metav1.OwnerReference{{Kind: "QueueWorker", Name: owner.Name, UID: owner.UID, Controller: new(true)}},
		}, corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1alpha1.LabelApp: app}},
			Spec:       corev1.PodSpec{PriorityClassName: "high"},
		}
}

func liveBefore(app string, owner *v1alpha1.QueueWorker) *appsv1.Deployment {
	live := &appsv1.Deployment{}
	live.ObjectMeta, live.Spec.Template = podsBefore(app, owner)
	return live
}

func runBefore(app string, owner *v1alpha1.QueueWorker) *batchv1.Job {
	run := &batchv1.Job{}
	run.ObjectMeta, run.Spec.Template = podsBefore(app, owner)
	return run
}

func TestAPoolSetsWhatItsQueueAppPermits(t *testing.T) {
	stranger := &v1alpha1.QueueWorker{ObjectMeta: metav1.ObjectMeta{Name: "emails", UID: "uid-0"}}
	toldBefore := func(generation int64, reason, app string) func(*Input) {
		return func(in *Input) {
			in.Worker.Spec.PriorityClassName = "high"
			in.Worker.Status.AppName = app
			in.Worker.Status.Conditions = []metav1.Condition{{
				Type: v1alpha1.ConditionNotPermitted, Status: metav1.ConditionTrue, Reason: reason, ObservedGeneration: generation,
			}}
		}
	}
	none := []v1alpha1.PoolField{}
	tests := map[string]struct {
		change func(*Input)
		// refused and told are phrases; empty means that there is no refusal, or that
		// told is nil.
		refused, told string
		reason        string
	}{
		"nothing": {change: func(*Input) {}},
		"all but a PriorityClass": {change: func(in *Input) {
			setAll(&in.Worker.Spec)
			in.Worker.Spec.PriorityClassName = ""
		}},
		"the template's own PriorityClass": {change: func(in *Input) { in.Worker.Spec.PriorityClassName = "usual" }},
		"another PriorityClass": {
			change:  func(in *Input) { in.Worker.Spec.PriorityClassName = "high" },
			refused: `sets spec.priorityClassName, which the QueueApp "shop" does not permit: its spec.poolsMay is absent`,
			told:    "add PriorityClassName to spec.poolsMay", reason: v1alpha1.ReasonNotPermitted,
		},
		"a PriorityClass where the template has none": {
			change: func(in *Input) {
				in.App.Spec.Template.Spec.PriorityClassName, in.Worker.Spec.PriorityClassName = "", "usual"
			},
			refused: "spec.priorityClassName", told: "spec.priorityClassName", reason: v1alpha1.ReasonNotPermitted,
		},
		"a PriorityClass that is permitted": {change: func(in *Input) {
			in.App.Spec.PoolsMay = []v1alpha1.PoolField{v1alpha1.PoolPriorityClassName}
			in.Worker.Spec.PriorityClassName = "high"
		}},
		"everything where nothing is permitted": {
			change: func(in *Input) {
				in.App.Spec.PoolsMay = none
				setAll(&in.Worker.Spec)
			},
			refused: "sets spec.env, spec.nodeSelector, spec.priorityClassName and spec.tolerations, which the QueueApp \"shop\" does not permit: its spec.poolsMay is empty",
			told:    "add Env, NodeSelector, PriorityClassName and Tolerations", reason: v1alpha1.ReasonNotPermitted,
		},
		"the template's own PriorityClass where nothing is permitted": {change: func(in *Input) {
			in.App.Spec.PoolsMay = none
			in.Worker.Spec.PriorityClassName = "usual"
		}},
		"size, order and limits where nothing is permitted": {change: func(in *Input) {
			in.App.Spec.PoolsMay = none
			in.Worker.Spec.Processes, in.Worker.Spec.ProcessesPerPod, in.Worker.Spec.Priority = new(int32(9)), 3, 1000
			in.Worker.Spec.CPU, in.Worker.Spec.Memory = new(quantity("2")), new(quantity("1Gi"))
			in.Worker.Spec.Timeout, in.Worker.Spec.GracePeriod = duration("1h"), duration("2h")
		}},
		"tolerations where only env is permitted": {
			change: func(in *Input) {
				in.App.Spec.PoolsMay = []v1alpha1.PoolField{v1alpha1.PoolEnv}
				in.Worker.Spec.Env = []corev1.EnvVar{{Name: "A"}}
				in.Worker.Spec.Tolerations = []corev1.Toleration{{Key: "gpu"}}
			},
			refused: "sets spec.tolerations, which the QueueApp \"shop\" does not permit: its spec.poolsMay lists only Env",
			told:    "Tolerations", reason: v1alpha1.ReasonNotPermitted,
		},
		"a PriorityClass that its Deployment has": {
			change: func(in *Input) {
				in.Worker.Spec.PriorityClassName = "high"
				in.Live = liveBefore("shop", in.Worker)
			},
			told: "the pool had it before and keeps it", reason: v1alpha1.ReasonFromBefore,
		},
		"a PriorityClass that a run has": {
			change: func(in *Input) {
				in.Worker.Spec.PriorityClassName = "high"
				in.Runs = []*batchv1.Job{runBefore("shop", in.Worker)}
			},
			told: "the pool had it before and keeps it", reason: v1alpha1.ReasonFromBefore,
		},
		"a PriorityClass that its status tells of": {
			change: toldBefore(3, v1alpha1.ReasonFromBefore, "shop"),
			told:   "the pool had it before and keeps it", reason: v1alpha1.ReasonFromBefore,
		},
		"another generation of what its status tells of": {
			change:  toldBefore(2, v1alpha1.ReasonFromBefore, "shop"),
			refused: "spec.priorityClassName", told: "spec.priorityClassName", reason: v1alpha1.ReasonNotPermitted,
		},
		"another QueueApp than its status tells of": {
			change:  toldBefore(3, v1alpha1.ReasonFromBefore, "billing"),
			refused: "spec.priorityClassName", told: "spec.priorityClassName", reason: v1alpha1.ReasonNotPermitted,
		},
		"a refusal that its status tells of": {
			change:  toldBefore(3, v1alpha1.ReasonNotPermitted, "shop"),
			refused: "spec.priorityClassName", told: "spec.priorityClassName", reason: v1alpha1.ReasonNotPermitted,
		},
		"a PriorityClass that its Deployment has, withdrawn": {
			change: func(in *Input) {
				in.App.Spec.PoolsMay = []v1alpha1.PoolField{v1alpha1.PoolEnv, v1alpha1.PoolNodeSelector, v1alpha1.PoolTolerations}
				in.Worker.Spec.PriorityClassName = "high"
				in.Live = liveBefore("shop", in.Worker)
			},
			refused: "Until then the pods that the pool has stay as they are", told: "lists only Env, NodeSelector and Tolerations", reason: v1alpha1.ReasonNotPermitted,
		},
		"a PriorityClass of the QueueApp that the pool had before": {
			change: func(in *Input) {
				in.Worker.Spec.PriorityClassName = "high"
				in.Live = liveBefore("billing", in.Worker)
			},
			refused: "spec.priorityClassName", told: "spec.priorityClassName", reason: v1alpha1.ReasonNotPermitted,
		},
		"a PriorityClass of somebody else's Deployment": {
			change: func(in *Input) {
				in.Worker.Spec.PriorityClassName = "high"
				in.Live, in.Runs = liveBefore("shop", stranger), []*batchv1.Job{runBefore("shop", stranger)}
			},
			refused: "spec.priorityClassName", told: "spec.priorityClassName", reason: v1alpha1.ReasonNotPermitted,
		},
		"another PriorityClass than its Deployment has": {
			change: func(in *Input) {
				in.Worker.Spec.PriorityClassName = "system-node-critical"
				in.Live = liveBefore("shop", in.Worker)
			},
			refused: "spec.priorityClassName", told: "spec.priorityClassName", reason: v1alpha1.ReasonNotPermitted,
		},
		"env from a Secret, stored before": {
			change: func(in *Input) {
				in.Worker.Spec.Env = []corev1.EnvVar{fromSecret("KEY"), {Name: "A", Value: "b"}, {Name: "POD", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{}}}}
			},
			told: "The QueueWorker's spec.env takes KEY from a Secret", reason: v1alpha1.ReasonFromBefore,
		},
		"env from a Secret, stored before, and a refusal": {
			change: func(in *Input) {
				in.Worker.Spec.Env = []corev1.EnvVar{fromSecret("KEY")}
				in.Worker.Spec.PriorityClassName = "high"
			},
			refused: "spec.priorityClassName", told: "The QueueWorker's spec.env takes KEY from a Secret", reason: v1alpha1.ReasonNotPermitted,
		},
		"env from a Secret and no QueueApp": {
			change: func(in *Input) {
				in.App, in.Worker.Spec.Env = nil, []corev1.EnvVar{fromSecret("KEY")}
			},
			told: "The QueueWorker's spec.env takes KEY", reason: v1alpha1.ReasonFromBefore,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := consentInput()
			tc.change(&in)
			objects, problem := Build(in)
			requirePhrase(t, "the refusal", problem, tc.refused)
			requirePhrase(t, "what is told", objects.NotPermitted, tc.told)
			if objects.NotPermitted != nil && objects.NotPermitted.Reason != tc.reason {
				t.Errorf("it is told for the reason %s, want %s", objects.NotPermitted.Reason, tc.reason)
			}
			if problem != nil && (problem.Reason != v1alpha1.ReasonNotPermitted || objects.Deployment != nil) {
				t.Errorf("the refusal has the reason %s, and a Deployment is built: %t", problem.Reason, objects.Deployment != nil)
			}
			if problem == nil && in.App != nil && objects.Deployment == nil {
				t.Error("no Deployment is built, and nothing is refused")
			}
		})
	}
}

// requirePhrase looks for a phrase in a sentence; an empty phrase means that there must
// be no sentence.
func requirePhrase(t *testing.T, what string, got *effective.Problem, want string) {
	t.Helper()
	switch {
	case got == nil && want != "":
		t.Errorf("%s is missing, want %q", what, want)
	case got != nil && (want == "" || !strings.Contains(got.Message, want)):
		t.Errorf("%s is %q, want %q in it", what, got.Message, want)
	case got != nil && (len(got.Message) > 1500 || !strings.HasSuffix(got.Message, ".")):
		t.Errorf("%s is no sentence of a fair length: %q", what, got.Message)
	}
}

// TestARefusedRunIsNotStarted: a pool of mode Batch has no Deployment that could stay
// as it is.
func TestARefusedRunIsNotStarted(t *testing.T) {
	in := consentInput()
	in.Worker.Spec.Mode, in.Run = v1alpha1.ModeBatch, "emails-run-1"
	in.Worker.Spec.PriorityClassName = "high"
	if objects, problem := Build(in); problem == nil || objects.Run != nil {
		t.Errorf("Build() makes the run %v and refuses %v", objects.Run, problem)
	}
	in.Worker.Spec.PriorityClassName = ""
	if objects, problem := Build(in); problem != nil || objects.Run == nil {
		t.Errorf("Build() without the class makes the run %v and refuses %v", objects.Run, problem)
	}
}

// TestOnceAsksForConsent: Once runs a job in a pod with a QueueWorker's env and placement.
func TestOnceAsksForConsent(t *testing.T) {
	in := readCommand(t, "testdata/command/once.in.yaml")
	in.App.Spec.PoolsMay = []v1alpha1.PoolField{v1alpha1.PoolEnv}
	if _, problem := CommandJob(in); problem == nil || problem.Reason != v1alpha1.ReasonNotPermitted || !strings.Contains(problem.Message, "spec.nodeSelector") {
		t.Errorf("CommandJob() found %+v, want the refusal of spec.nodeSelector", problem)
	}
	in.App.Spec.PoolsMay = append(in.App.Spec.PoolsMay, v1alpha1.PoolNodeSelector)
	commandJob(t, in)
}

func TestALongListIsCutShort(t *testing.T) {
	in := consentInput()
	for range 100 {
		in.Worker.Spec.Env = append(in.Worker.Spec.Env, fromSecret(strings.Repeat("K", 5000)))
	}
	objects, _ := Build(in)
	requirePhrase(t, "what is told", objects.NotPermitted, "... and 96 more from a Secret")
}

// TestEveryOtherSourceOfEnvIsForeign: a source that Kubernetes adds must be reported
// until the project decides otherwise.
func TestEveryOtherSourceOfEnvIsForeign(t *testing.T) {
	own := map[string]bool{"FieldRef": true, "ResourceFieldRef": true}
	sources := reflect.TypeFor[corev1.EnvVarSource]()
	for i := range sources.NumField() {
		source := corev1.EnvVarSource{}
		reflect.ValueOf(&source).Elem().Field(i).Set(reflect.New(sources.Field(i).Type.Elem()))
		in := consentInput()
		in.Worker.Spec.Env = []corev1.EnvVar{{Name: "A", ValueFrom: &source}}
		objects, _ := Build(in)
		if name := sources.Field(i).Name; (objects.NotPermitted == nil) != own[name] {
			t.Errorf("env from %s: told is %v", name, objects.NotPermitted)
		}
	}
}
