// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cachefilter

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/test/builders"
)

// buildInput returns a small pool with its QueueApp.
func buildInput() objects.Input {
	app := &v1alpha1.QueueApp{}
	app.Namespace, app.Name = "shop", "web"
	app.Spec.Template.Spec.Containers = []corev1.Container{{Name: "worker", Image: "shop:1"}}
	worker := builders.QueueWorker("shop", "emails").Obj()
	worker.UID = "uid-emails"
	return objects.Input{App: app, Worker: worker, AgentImage: "agent:1", Most: 1, Replicas: 1}
}

// built returns the Deployment of a pool as the API server has it.
func built(t *testing.T, in objects.Input) (*appsv1.Deployment, objects.Objects) {
	t.Helper()
	made, problem := objects.Build(in)
	if problem != nil {
		t.Fatal(problem.Message)
	}
	document, err := json.Marshal(made.Deployment)
	if err != nil {
		t.Fatal(err)
	}
	live := &appsv1.Deployment{}
	if err := json.Unmarshal(document, live); err != nil {
		t.Fatal(err)
	}
	return live, made
}

func settled(t *testing.T, live *appsv1.Deployment, made objects.Objects) bool {
	t.Helper()
	ok, err := objects.Settled(live, made.Deployment)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// The template of an application with hundreds of variables is compared field by field.
func TestALargePoolSettlesFieldByField(t *testing.T) {
	in := buildInput()
	for i := range 300 {
		in.App.Spec.Template.Spec.Containers[0].Env = append(in.App.Spec.Template.Spec.Containers[0].Env, corev1.EnvVar{
			Name: fmt.Sprint("SHOP_SETTING_OF_THE_APPLICATION_", i), ValueFrom: &corev1.EnvVarSource{
				SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "shop-settings"}, Key: fmt.Sprint("SETTING_", i)}}})
	}
	live, made := built(t, in)
	slim := slimmed(t, live)
	if len(slim.Spec.Template.Spec.Containers) == 0 || !settled(t, slim, made) {
		t.Errorf("its Deployment has %d containers in the cache, and settled is %t", len(slim.Spec.Template.Spec.Containers), settled(t, slim, made))
	}
	slim.Spec.Template.Spec.Containers[0].Env[7].Name = "ANOTHER"
	if settled(t, slim, made) {
		t.Error("a foreign variable is not noticed")
	}
}

// A QueueApp and a pool that are both near their maximum size make a template that is
// larger than the cache keeps. Its hash is compared instead.
func TestTheLargestPoolSettlesByItsHash(t *testing.T) {
	in := buildInput()
	text := strings.Repeat("x", 24_000)
	for i := range 10 {
		in.App.Spec.Template.Spec.Containers = append(in.App.Spec.Template.Spec.Containers, corev1.Container{Name: fmt.Sprint("c", i), Image: "i", Args: []string{text}})
		in.Worker.Spec.Env = append(in.Worker.Spec.Env, corev1.EnvVar{Name: fmt.Sprint("V", i), Value: text})
	}
	live, made := built(t, in)
	slim := slimmed(t, live)
	if len(slim.Spec.Template.Spec.Containers) != 0 || !settled(t, slim, made) {
		t.Errorf("its Deployment has %d containers in the cache, and settled is %t", len(slim.Spec.Template.Spec.Containers), settled(t, slim, made))
	}
	in.Worker.Spec.Env[3].Value = "changed"
	if _, changed := built(t, in); settled(t, slim, changed) {
		t.Error("another template is not noticed")
	}
}

// The operator's own NetworkPolicy is kept whole, so that the operator notices a foreign
// rule.
func TestTheOperatorsOwnPolicyFits(t *testing.T) {
	app := &v1alpha1.QueueApp{}
	app.Namespace, app.Name, app.UID = "shop", strings.Repeat("a", 50), "uid-app"
	wanted := objects.NetworkPolicy(app, strings.Repeat("o", 63))
	document, err := json.Marshal(wanted)
	if err != nil {
		t.Fatal(err)
	}
	live := &networkingv1.NetworkPolicy{}
	if err := json.Unmarshal(document, live); err != nil {
		t.Fatal(err)
	}
	live.Annotations = map[string]string{v1alpha1.AnnotationAppliedHash: strings.Repeat("x", 16<<10)}
	slim := slimmed(t, live)
	if same, err := objects.SameNetworkPolicy(slim, wanted); !same || err != nil {
		t.Errorf("SameNetworkPolicy() = %t, %v", same, err)
	}
	if takesMore(slim.Spec, maxPolicy/2) {
		t.Error("it takes more than half of what the cache keeps")
	}
}

// A user may add to a Deployment until the cache drops its template. The operator does
// not write the Deployment again in each pass, and still notices changes of the parts
// that it uses.
func TestADeploymentWithoutItsTemplateSettles(t *testing.T) {
	in := buildInput()
	in.Worker.Annotations = map[string]string{v1alpha1.AnnotationRecreatedAt: "token"}
	live, made := built(t, in)
	for i := range 10_000 {
		live.Spec.Template.Spec.Volumes = append(live.Spec.Template.Spec.Volumes, corev1.Volume{Name: fmt.Sprint("v", i)})
	}
	slim := slimmed(t, live.DeepCopy())
	if len(slim.Spec.Template.Spec.Volumes) != 0 || !settled(t, slim, made) {
		t.Fatalf("the cache has %d volumes, and settled is %t", len(slim.Spec.Template.Spec.Volumes), settled(t, slim, made))
	}

	next := in
	next.Live, next.AgentImage = slim, "agent:2"
	next.Worker = in.Worker.DeepCopy()
	next.Worker.Annotations = nil
	if _, again := built(t, next); !settled(t, slim, again) {
		t.Error("a newer operator replaces its pods")
	}
	next.Replicas = 2
	if _, scaled := built(t, next); settled(t, slim, scaled) {
		t.Error("another size is not noticed")
	}
	next = in
	next.App = in.App.DeepCopy()
	next.App.Spec.Template.Spec.Containers[0].Image = "shop:2"
	if _, changed := built(t, next); settled(t, slim, changed) {
		t.Error("another template is not noticed")
	}
	slim.Spec.Replicas = new(int32(7))
	if settled(t, slim, made) {
		t.Error("a foreign size is not noticed")
	}
}

// A pool keeps the PriorityClass that its pods had before, as the cache has them.
func TestConsentReadsWhatTheCacheKeeps(t *testing.T) {
	in := buildInput()
	in.Worker.Spec.PriorityClassName = "high"
	in.App.Spec.PoolsMay = []v1alpha1.PoolField{v1alpha1.PoolPriorityClassName}
	live, _ := built(t, in)
	fat := live.DeepCopy()
	fat.Spec.Template.Spec.Volumes = make([]corev1.Volume, 10_000)

	batch := in
	batch.Worker = in.Worker.DeepCopy()
	batch.Worker.Spec.Mode, batch.Run = v1alpha1.ModeBatch, "emails-run-1"
	made, problem := objects.Build(batch)
	if problem != nil {
		t.Fatal(problem.Message)
	}
	for name, had := range map[string]func(*objects.Input){
		"a Deployment":         func(in *objects.Input) { in.Live = slimmed(t, live) },
		"a Deployment too fat": func(in *objects.Input) { in.Live = slimmed(t, fat) },
		"a run":                func(in *objects.Input) { in.Runs = []*batchv1.Job{slimmed(t, made.Run)} },
	} {
		in := buildInput()
		in.Worker.Spec.PriorityClassName = "high"
		if _, problem := objects.Build(in); problem == nil {
			t.Fatal("without pods from before it is permitted")
		}
		had(&in)
		made, problem := objects.Build(in)
		if problem != nil || made.NotPermitted == nil || made.NotPermitted.Reason != v1alpha1.ReasonFromBefore {
			t.Errorf("with %s it is refused: %v, and told: %v", name, problem, made.NotPermitted)
		}
	}
}

func TestTheCacheKeepsWhatARunBeganWith(t *testing.T) {
	grace := int64(75)
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{ownerOf("QueueWorker", "emails")}}}
	job.Spec = batchv1.JobSpec{Parallelism: new(int32(2)), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		TerminationGracePeriodSeconds: &grace,
		InitContainers:                []corev1.Container{{Name: "agent"}},
		Containers: []corev1.Container{{Name: "proxy", Env: []corev1.EnvVar{{Name: protocol.ConfigEnv, Value: strings.Repeat("x", maxConfig+1)}}}, {
			Name: "worker", Image: "shop", Env: []corev1.EnvVar{{Name: "APP_KEY", Value: "secret"}, {Name: protocol.ConfigEnv, Value: `{"queue":"a"}`}},
		}},
	}}}
	if _, err := slimJob(job); err != nil {
		t.Fatal(err)
	}
	want := batchv1.JobSpec{Parallelism: new(int32(2)), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		TerminationGracePeriodSeconds: &grace,
		Containers:                    []corev1.Container{{Env: []corev1.EnvVar{{Name: protocol.ConfigEnv, Value: `{"queue":"a"}`}}}},
	}}}
	if diff := cmp.Diff(want, job.Spec); diff != "" {
		t.Errorf("it keeps (-want +got):\n%s", diff)
	}
	if config := objects.RunConfig(job); config == nil || config.Queue != "a" || effective.PodGrace(&job.Spec.Template) != 75*time.Second {
		t.Errorf("the run began with %+v", config)
	}
}
