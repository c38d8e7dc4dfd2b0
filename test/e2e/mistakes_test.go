// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// rootImage is an image that runs as root.
const rootImage = "docker.io/queueworker/rootful:dev"

// TestMistakesAreToldAndMended makes the mistakes that only the cluster can notice. A
// sentence reports each mistake, and disappears when the mistake is corrected.
func TestMistakesAreToldAndMended(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	image := func(app *v1alpha1.QueueApp, name string) { app.Spec.Template.Spec.Containers[0].Image = name }
	tests := map[string]struct {
		// make makes the mistake; nil if the mistake is that the QueueApp does not exist.
		make       func(app *v1alpha1.QueueApp)
		before     func(name string)
		mend       func(name string)
		wantReason string
		wantPhrase string
	}{
		"app-missing": {
			mend:       func(name string) { l.Create(namedApp(l, name)) },
			wantReason: v1alpha1.ReasonAppNotFound, wantPhrase: "does not exist in namespace",
		},
		"image-missing": {
			make:       func(app *v1alpha1.QueueApp) { image(app, "docker.io/queueworker/nowhere:dev") },
			wantReason: v1alpha1.ReasonImagePull, wantPhrase: "queueworker/nowhere:dev of container worker",
		},
		"image-runs-as-root": {
			make:       func(app *v1alpha1.QueueApp) { image(app, rootImage) },
			wantReason: v1alpha1.ReasonRunsAsRoot, wantPhrase: "runs as root",
		},
		"container-missing": {
			make:       func(app *v1alpha1.QueueApp) { app.Spec.Container = "php" },
			wantReason: v1alpha1.ReasonContainerNotFound, wantPhrase: "has only: worker",
		},
		"args-for-laravel": {
			make: func(app *v1alpha1.QueueApp) {
				app.Spec.Template.Spec.Containers[0].Args = []string{"queue:work"}
			},
			wantReason: v1alpha1.ReasonAppInvalid, wantPhrase: "remove args",
		},
		"command-missing": {
			make: func(app *v1alpha1.QueueApp) {
				app.Spec.Template.Spec.Containers[0].Command = []string{"/no/such/wrapper"}
			},
			wantReason: v1alpha1.ReasonCommandNotFound, wantPhrase: "/no/such/wrapper",
		},
		"connection-unknown": {
			make:       func(app *v1alpha1.QueueApp) { app.Spec.Connection.Name = "nowhere" },
			wantReason: v1alpha1.ReasonConfigError, wantPhrase: "nowhere",
		},
		"pod-refused": {
			make: func(app *v1alpha1.QueueApp) {
				app.Spec.Template.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "none", MountPath: "/data"}}
			},
			wantReason: v1alpha1.ReasonRejected, wantPhrase: "volumeMounts",
		},
		"deployment-is-theirs": {
			make:       func(*v1alpha1.QueueApp) {},
			before:     func(name string) { l.Create(theirDeployment(name + "-worker")) },
			mend:       func(name string) { l.Delete(theirDeployment(name+"-worker"), time.Minute) },
			wantReason: v1alpha1.ReasonForeignObject, wantPhrase: "exists already and has no owner",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := l.In(t)
			if tc.before != nil {
				tc.before(name)
			}
			if tc.make != nil {
				app := namedApp(l, name)
				tc.make(app)
				l.Create(app)
			}
			l.Create(builders.QueueWorker(l.Namespace, name).App(name).Queue(name).Obj())
			l.Eventually("the condition tells it", 90*time.Second, func() (bool, string) {
				ready := meta.FindStatusCondition(l.Worker(name).Status.Conditions, v1alpha1.ConditionReady)
				return ready != nil && ready.Reason == tc.wantReason && strings.Contains(ready.Message, tc.wantPhrase), fmt.Sprintf("%+v", ready)
			})
			if tc.mend == nil {
				lab.Update(l, name, &v1alpha1.QueueApp{}, func(app *v1alpha1.QueueApp) { app.Spec = namedApp(l, name).Spec })
			} else {
				tc.mend(name)
			}
			l.Ready(name, 2*time.Minute)
			if conditions := l.Worker(name).Status.Conditions; meta.FindStatusCondition(conditions, v1alpha1.ConditionStalled) != nil {
				t.Errorf("mended, and still: %+v", conditions)
			}
		})
	}
}

func namedApp(l *lab.Lab, name string) *v1alpha1.QueueApp {
	app := l.DemoApp()
	app.Name = name
	return app
}

// theirDeployment returns a Deployment of another owner, without pods.
func theirDeployment(name string) *appsv1.Deployment {
	labels := map[string]string{"theirs": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(0)),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: lab.DemoImage}}},
			},
		},
	}
}
