// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cachefilter

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/command"
	"queueworker.dev/queueworker/controllers/kube"
	"queueworker.dev/queueworker/controllers/podstate"
)

// laden gives an object much metadata of every kind.
func laden(object client.Object) {
	object.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubectl"}})
	object.SetAnnotations(map[string]string{"example.com/large": strings.Repeat("x", 250<<10), v1alpha1.AnnotationRestartedAt: "now"})
	object.SetLabels(map[string]string{"example.com/team": "shop"})
	object.SetFinalizers([]string{"example.com/stay"})
}

// ladenCommand returns a command with everything that a status may hold.
func ladenCommand(state v1alpha1.CommandState) *v1alpha1.QueueCommand {
	cmd := newCommand("list", v1alpha1.QueueCommandSpec{
		Action: v1alpha1.ActionRetryFailed, IDs: []v1alpha1.FailedJobID{"1", "2"}, TTL: &metav1.Duration{Duration: time.Hour},
	})
	laden(cmd)
	cmd.UID, cmd.ResourceVersion = "uid", "7"
	cmd.Status = v1alpha1.QueueCommandStatus{
		State: state, Message: "Well.", JobName: "list-1", JobUID: "job", StartedTime: new(metav1.NewTime(noon)), EndedTime: new(metav1.NewTime(noon)),
		ExitCode: new(int32(0)), Output: strings.Repeat("x", 8<<10), Total: new(int64(2)), Continue: "next",
		Conditions: []metav1.Condition{{
			Type: v1alpha1.ConditionComplete, Status: metav1.ConditionTrue, Reason: "Succeeded", Message: "Well.", LastTransitionTime: metav1.NewTime(noon),
		}},
	}
	for range 100 {
		cmd.Status.FailedJobs = append(cmd.Status.FailedJobs, v1alpha1.FailedJob{ID: "1", Exception: strings.Repeat("x", 900), Class: strings.Repeat("x", 255)})
	}
	return cmd
}

// slimmed returns an object as the cache has it.
func slimmed[T client.Object](t *testing.T, object T) T {
	t.Helper()
	for kind, by := range Options(nil).ByObject {
		if reflect.TypeOf(kind) == reflect.TypeOf(object) && by.Transform != nil {
			slim, err := by.Transform(object)
			if err != nil {
				t.Fatal(err)
			}
			if slim, err = by.Transform(slim); err != nil {
				t.Fatal(err)
			}
			return slim.(T)
		}
	}
	t.Fatalf("the cache has %T whole", object)
	return object
}

func TestTheCacheKeepsLittleOfAQueueCommand(t *testing.T) {
	for _, state := range []v1alpha1.CommandState{"", v1alpha1.CommandPending, v1alpha1.CommandRunning} {
		whole := ladenCommand(state)
		slim := slimmed(t, whole.DeepCopy())
		if diff := cmp.Diff(whole.Spec, slim.Spec) + cmp.Diff(whole.Status, slim.Status); diff != "" {
			t.Errorf("as %q it lacks what it is carried out by (-want +got):\n%s", state, diff)
		}
		if slim.Annotations != nil || slim.Labels != nil || slim.ManagedFields != nil || slim.Finalizers != nil {
			t.Errorf("as %q it has the metadata %+v", state, slim.ObjectMeta)
		}
	}
	for _, state := range []v1alpha1.CommandState{v1alpha1.CommandSucceeded, v1alpha1.CommandFailed} {
		whole := ladenCommand(state)
		slim := slimmed(t, whole.DeepCopy())
		content, err := json.Marshal(slim)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > 1024 {
			t.Errorf("as %s it takes %d bytes", state, len(content))
		}
		for _, after := range []time.Duration{time.Minute, 2 * time.Hour} {
			before, now := command.Expire(noon.Add(after), whole), command.Expire(noon.Add(after), slim)
			if before.Step != now.Step || before.Recheck != now.Recheck {
				t.Errorf("as %s after %s the step is %q, again in %s; without the cache %q, %s", state, after, now.Step, now.Recheck, before.Step, before.Recheck)
			}
		}
	}
	if gone := (cache.DeletedFinalStateUnknown{Key: "shop/list"}); cmp.Diff(gone, must(slimCommand(gone))) != "" {
		t.Error("what is no QueueCommand is changed")
	}
}

func must(object any, _ error) any { return object }

// Parts that the cache lacks are not deleted.
func TestAStatusWrittenFromTheCacheDeletesNothing(t *testing.T) {
	whole := ladenCommand(v1alpha1.CommandRunning)
	whole.ManagedFields = nil // the fake keeps its own
	scheme := runtime.NewScheme()
	if err := cached.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	cluster := fake.NewClientBuilder().WithScheme(scheme).WithObjects(whole).WithStatusSubresource(&v1alpha1.QueueCommand{}).Build()
	stored := &v1alpha1.QueueCommand{}
	read := func() {
		if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(whole), stored); err != nil {
			t.Fatal(err)
		}
	}
	read()
	want := stored.DeepCopy()
	want.Status.Message = "Better."
	before := slimmed(t, stored.DeepCopy())
	after := before.DeepCopy()
	after.Status.Message = "Better."
	written, err := kube.PatchStatus(t.Context(), cluster, "QueueCommand list", before, after)
	if err != nil || !written {
		t.Fatalf("PatchStatus() is %t, %v", written, err)
	}
	read()
	want.ResourceVersion = stored.ResourceVersion
	if diff := cmp.Diff(want, stored); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheCacheKeepsNoMetadataOfOthers(t *testing.T) {
	app, worker := shopApp(), &v1alpha1.QueueWorker{Spec: v1alpha1.QueueWorkerSpec{Queue: "emails"}}
	wantApp, wantWorker := app.DeepCopy(), worker.DeepCopy()
	for _, object := range []client.Object{app, worker} {
		laden(object)
		object.SetOwnerReferences([]metav1.OwnerReference{ownerOf("Application", "shop")})
	}
	wantWorker.SetAnnotations(map[string]string{v1alpha1.AnnotationRestartedAt: "now"})
	equal := cmp.AllowUnexported(cached.Template{})
	if diff := cmp.Diff(wantApp, slimmed(t, app), equal) + cmp.Diff(wantWorker, slimmed(t, worker)); diff != "" {
		t.Errorf("it keeps (-want +got):\n%s", diff)
	}
	none := &cached.QueueApp{}
	none.Annotations = map[string]string{"example.com/a": "b"}
	if slimmed(t, none); none.Annotations != nil {
		t.Errorf("it keeps %v", none.Annotations)
	}
}

// ownerOf returns the owner reference of a controller, of the operator's kinds or of
// group apps.
func ownerOf(kind, name string) metav1.OwnerReference {
	version := v1alpha1.SchemeGroupVersion.String()
	switch kind {
	case "QueueWorker", "QueueApp", "QueueCommand":
	default:
		version = "apps/v1"
	}
	return metav1.OwnerReference{APIVersion: version, Kind: kind, Name: name, UID: "uid-" + types.UID(name), Controller: new(true)}
}

// TestAPodKeepsHowItIsAsked: the names of a pod's ports tell the operator whether to
// ask the agent over TLS or, if it is older, in the clear.
func TestAPodKeepsHowItIsAsked(t *testing.T) {
	for name, ports := range map[string][]string{
		"an agent":       {protocol.PortName, protocol.OperatorPortName},
		"an older agent": {protocol.PortName},
	} {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "a", Controller: new(true)}}},
			Status:     corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.1"},
		}
		container := corev1.Container{Name: "worker", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 80}}}
		for _, port := range ports {
			container.Ports = append(container.Ports, corev1.ContainerPort{Name: port})
		}
		pod.Spec.Containers = []corev1.Container{{Name: "proxy"}, container}
		address, secure := collector.AddressOf(pod.DeepCopy())
		slim := slimmed(t, pod)
		if got, stillSecure := collector.AddressOf(slim); got != address || stillSecure != secure {
			t.Errorf("%s: from the cache it is asked at %s (TLS: %v), want %s (%v)", name, got, stillSecure, address, secure)
		}
		if len(slim.Spec.Containers) != 1 || len(slim.Spec.Containers[0].Ports) != len(ports) {
			t.Errorf("%s: the cache keeps %+v, want one container and the ports %v", name, slim.Spec.Containers, ports)
		}
	}
}

// The cache cuts a QueueWorker that is too large for the operator to read, and the
// operator still refuses it.
func TestAPoolThatIsCutIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		spec   v1alpha1.QueueWorkerSpec
		refuse string
	}{
		"many tolerations": {v1alpha1.QueueWorkerSpec{Tolerations: make([]corev1.Toleration, 100_000)}, "spec.tolerations has more than 64 entries"},
		"many variables":   {v1alpha1.QueueWorkerSpec{Env: make([]corev1.EnvVar, 100_000)}, "spec.env has more than 512 entries"},
		"long variables": {v1alpha1.QueueWorkerSpec{Env: []corev1.EnvVar{
			{Name: "A", Value: strings.Repeat("x", 300<<10)}, {Name: "B", Value: strings.Repeat("x", 300<<10)}}}, "spec has more than 262144 bytes"},
		"a long path": {v1alpha1.QueueWorkerSpec{Env: []corev1.EnvVar{{Name: "A", ValueFrom: &corev1.EnvVarSource{
			FieldRef: &corev1.ObjectFieldSelector{FieldPath: strings.Repeat("x", 600<<10)}}}}}, "spec has more than 262144 bytes"},
		"a usual pool": {v1alpha1.QueueWorkerSpec{Env: []corev1.EnvVar{{Name: "A", Value: strings.Repeat("x", 8<<10)}}}, ""},
	} {
		worker := &v1alpha1.QueueWorker{Spec: tc.spec}
		whole := worker.DeepCopy()
		slim := slimmed(t, worker)
		if takesMore(slim.Spec, maxPoolHeap) {
			t.Errorf("%s: the cache keeps all of it", name)
		}
		switch problem := effective.Oversized(slim); {
		case tc.refuse == "":
			if diff := cmp.Diff(whole.Spec, slim.Spec); diff != "" || problem != nil {
				t.Errorf("%s: it is refused (%v) or cut (-want +got):\n%s", name, problem, diff)
			}
		case problem == nil || !strings.Contains(problem.Message, tc.refuse):
			t.Errorf("%s: it is refused with %v, want %q", name, problem, tc.refuse)
		}
	}
}

// The cache keeps the states of all containers of a pod with as many containers as a
// QueueApp permits. It keeps the worker's termination message in full, wherever its
// status stands.
func TestAPodKeepsHowItsContainersAre(t *testing.T) {
	started := metav1.NewTime(noon)
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{ownerOf("ReplicaSet", "a")}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "worker", Ports: []corev1.ContainerPort{{Name: protocol.PortName}}}}},
	}
	for i := range 16 {
		name := "proxy-" + string(rune('a'+i))
		pod.Status.InitContainerStatuses = append(pod.Status.InitContainerStatuses, corev1.ContainerStatus{Name: "init-" + name, Image: "registry.example.com/shop:1", State: running})
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{Name: name, Image: "registry.example.com/shop:1", State: running})
	}
	words := strings.Repeat("w", 4<<10)
	worker := corev1.ContainerStatus{Name: "worker", ImageID: "sha256:1", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: words}}}
	second := worker
	second.ImageID, second.State = "sha256:2", corev1.ContainerState{}
	pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, make([]corev1.ContainerStatus, 100)...)
	pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, worker, second)
	slim := slimmed(t, pod)
	if got := len(slim.Status.InitContainerStatuses); got != 16 {
		t.Errorf("the cache keeps %d init containers, want 16", got)
	}
	if got := len(slim.Status.ContainerStatuses); got < 17 || got > maxContainers+1 || slim.Status.ContainerStatuses[15].Name != "proxy-p" {
		t.Errorf("the cache keeps %d containers: %v", got, slim.Status.ContainerStatuses)
	}
	container := podstate.WorkerContainer(slim)
	if container == nil || container.ImageID != "sha256:1" || container.State.Terminated == nil || container.State.Terminated.Message != words {
		t.Errorf("the cache keeps of the worker %+v", container)
	}
}

func newCommand(name string, spec v1alpha1.QueueCommandSpec) *v1alpha1.QueueCommand {
	return &v1alpha1.QueueCommand{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, CreationTimestamp: metav1.NewTime(noon)}, Spec: spec,
	}
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func shopApp() *cached.QueueApp {
	app := &cached.QueueApp{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	app.Spec.Connection = &v1alpha1.Connection{Driver: v1alpha1.DriverRedis}
	app.Spec.Template = cached.NewTemplate([]byte(`{"spec":{"containers":[{"name":"worker","image":"shop:1"}]}}`))
	return app
}
