// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
)

func TestSelectApp(t *testing.T) {
	tests := map[string]struct {
		wants      string
		there      []string
		wantApp    string
		wantReason string
		wantPhrase string
	}{
		"the one it names":                     {wants: "shop", there: []string{"blog", "shop"}, wantApp: "shop"},
		"the one it names, though one is only": {wants: "shop", there: []string{"blog"}, wantReason: v1alpha1.ReasonAppNotFound, wantPhrase: "There is: blog."},
		"the default one":                      {there: []string{"blog", "default"}, wantApp: "default"},
		"the only one":                         {there: []string{"blog"}, wantApp: "blog"},
		"none there":                           {wantReason: v1alpha1.ReasonAppNotFound, wantPhrase: "has no QueueApp"},
		"several, none default":                {there: []string{"shop", "blog"}, wantReason: v1alpha1.ReasonAppAmbiguous, wantPhrase: "blog, shop"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			worker := &v1alpha1.QueueWorker{ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "emails"}}
			worker.Spec.AppName = tc.wants
			var apps []v1alpha1.QueueApp
			for _, name := range tc.there {
				apps = append(apps, v1alpha1.QueueApp{ObjectMeta: metav1.ObjectMeta{Name: name}})
			}
			app, problem := effective.SelectApp(worker, apps)
			switch {
			case tc.wantApp != "" && (app == nil || app.Name != tc.wantApp):
				t.Errorf("effective.SelectApp() = %v, %v, want %s", app, problem, tc.wantApp)
			case tc.wantReason != "" && (problem == nil || problem.Reason != tc.wantReason || !strings.Contains(problem.Message, tc.wantPhrase)):
				t.Errorf("effective.SelectApp() = %v, %+v, want reason %s with %q", app, problem, tc.wantReason, tc.wantPhrase)
			}
		})
	}
}

func TestBuildRefusesUnusableApps(t *testing.T) {
	tests := map[string]struct {
		change     func(*v1alpha1.QueueApp)
		wantReason string
		wantPhrase string
	}{
		"no container": {
			change:     func(app *v1alpha1.QueueApp) { app.Spec.Template.Spec.Containers = nil },
			wantReason: v1alpha1.ReasonAppInvalid, wantPhrase: "no container",
		},
		"container not there": {
			change:     func(app *v1alpha1.QueueApp) { app.Spec.Container = "php" },
			wantReason: v1alpha1.ReasonContainerNotFound, wantPhrase: "has only: worker",
		},
		"args for Laravel": {
			change:     func(app *v1alpha1.QueueApp) { app.Spec.Template.Spec.Containers[0].Args = []string{"queue:work"} },
			wantReason: v1alpha1.ReasonAppInvalid, wantPhrase: "remove args",
		},
		"custom without command": {
			change:     func(app *v1alpha1.QueueApp) { app.Spec.Runtime = v1alpha1.RuntimeCustom },
			wantReason: v1alpha1.ReasonAppInvalid, wantPhrase: "set command",
		},
		"a runtime of a newer operator": {
			change:     func(app *v1alpha1.QueueApp) { app.Spec.Runtime = "Cobol" },
			wantReason: v1alpha1.ReasonAppInvalid, wantPhrase: "the runtime Cobol, which this operator does not know",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := readInput(t, "testdata/laravel_minimal.in.yaml")
			tc.change(in.App)
			objects, problem := Build(in)
			if problem == nil || problem.Reason != tc.wantReason || !strings.Contains(problem.Message, tc.wantPhrase) {
				t.Fatalf("Build() found %+v, want %s with %q", problem, tc.wantReason, tc.wantPhrase)
			}
			if objects.Deployment != nil || objects.ConfigMap == nil {
				t.Error("an unusable app must leave the Deployment alone and keep control of the pods there are")
			}
		})
	}
}

func TestRestrictKeepsWhatTheTemplateSays(t *testing.T) {
	pod := &corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: new(false)},
		Containers: []corev1.Container{{SecurityContext: &corev1.SecurityContext{
			Privileged:   new(true),
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"NET_RAW"}},
		}}},
	}
	restrict(pod)
	container := pod.Containers[0].SecurityContext
	if *pod.SecurityContext.RunAsNonRoot || len(container.Capabilities.Drop) != 1 || container.AllowPrivilegeEscalation != nil {
		t.Errorf("restrict() overruled the template: %+v %+v", pod.SecurityContext, container)
	}
	if pod.SecurityContext.SeccompProfile == nil {
		t.Error("restrict() left the seccomp profile open")
	}
}
