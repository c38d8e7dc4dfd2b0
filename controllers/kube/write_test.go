// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakeapiserver"
)

func TestApplySaysWhatBecameOfAnObject(t *testing.T) {
	tests := map[string]struct {
		err, want error
		refused   string
	}{
		"applied":                     {},
		"invalid":                     {err: errInvalid, refused: `The API server refused the ConfigMap a: ConfigMap "a" is invalid: data: Required value: it is empty.`},
		"forbidden":                   {err: errForbidden, refused: `The API server refused the ConfigMap a: ConfigMap "a" is forbidden: exceeded quota.`},
		"not understood":              {err: errBadRequest, refused: "The API server refused the ConfigMap a: no such field."},
		"what no merge can express":   {err: errTyped, refused: "The API server refused the ConfigMap a: failed to create typed patch object: duplicate entries."},
		"another client came between": {err: errConflict, want: errConflict},
		"the API server is away":      {err: errAway, want: errAway},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cluster := fakeapiserver.New(t)
			cluster.Fail("apply ConfigMap a", tc.err)
			refused, err := Apply(t.Context(), cluster.Client(), "ConfigMap a", corev1ac.ConfigMap("a", "shop").WithData(map[string]string{"k": "v"}))
			if refused != tc.refused || !errors.Is(err, tc.want) {
				t.Errorf("Apply() = %q, %v; want %q, %v", refused, err, tc.refused, tc.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "apply ConfigMap a: ") {
				t.Errorf("the error does not say what was attempted: %v", err)
			}
			if there := fakeapiserver.Read[corev1.ConfigMap](cluster, "shop", "a") != nil; there != (tc.err == nil) {
				t.Errorf("the object exists: %t", there)
			}
		})
	}
}

// A user may have changed a field of the operator by hand. The operator takes it back, and
// leaves alone the fields that it does not set.
func TestApplyTakesItsFieldsBackAndNoOthers(t *testing.T) {
	cluster := fakeapiserver.New(t)
	user := client.WithFieldOwner(cluster.Client(), "kubectl")
	if _, err := Apply(t.Context(), user, "ConfigMap a", corev1ac.ConfigMap("a", "shop").WithData(map[string]string{"k": "theirs", "other": "theirs"})); err != nil {
		t.Fatal(err)
	}
	operator := client.WithFieldOwner(cluster.Client(), v1alpha1.FieldManager)
	for range 2 { // once to take it, once to keep it
		if _, err := Apply(t.Context(), operator, "ConfigMap a", corev1ac.ConfigMap("a", "shop").WithData(map[string]string{"k": "ours"})); err != nil {
			t.Fatal(err)
		}
		got := fakeapiserver.Read[corev1.ConfigMap](cluster, "shop", "a").Data
		if diff := cmp.Diff(map[string]string{"k": "ours", "other": "theirs"}, got); diff != "" {
			t.Errorf("data (-want +got):\n%s", diff)
		}
	}
}

func TestCreateSaysWhatBecameOfAnObject(t *testing.T) {
	tests := map[string]struct {
		err, want error
		before    []client.Object
		exists    bool
		refused   string
	}{
		"created":                {},
		"a name that is taken":   {before: []client.Object{&batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a"}}}, exists: true},
		"the name elsewhere":     {before: []client.Object{&batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "blog", Name: "a"}}}},
		"forbidden":              {err: errForbidden, refused: `The API server refused the Job a: ConfigMap "a" is forbidden: exceeded quota.`},
		"invalid":                {err: errInvalid, refused: `The API server refused the Job a: ConfigMap "a" is invalid: data: Required value: it is empty.`},
		"the API server is away": {err: errAway, want: errAway},
		"the namespace is gone":  {err: errNotFound, want: errNotFound},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cluster := fakeapiserver.New(t, tc.before...)
			cluster.Fail("create Job a", tc.err)
			job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a", Labels: map[string]string{"new": "yes"}}}
			exists, refused, err := Create(t.Context(), cluster.Client(), "Job a", job)
			if exists != tc.exists || refused != tc.refused || !errors.Is(err, tc.want) {
				t.Errorf("Create() = %t, %q, %v; want %t, %q, %v", exists, refused, err, tc.exists, tc.refused, tc.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "create Job a: ") {
				t.Errorf("the error does not say what was attempted: %v", err)
			}
			live := fakeapiserver.Read[batchv1.Job](cluster, "shop", "a")
			if created := live != nil && live.Labels["new"] == "yes"; created != (tc.err == nil && !tc.exists) {
				t.Errorf("the Job is %+v", live)
			}
		})
	}
}

func TestDeleteDeletesTheObjectThatWasRead(t *testing.T) {
	read := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a", UID: "one"}}
	successor := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a", UID: "two"}}
	tests := map[string]struct {
		live      *batchv1.Job
		err, want error
		remains   bool
	}{
		"the one that was read":  {live: read},
		"one that is gone":       {},
		"its successor":          {live: successor, want: errAnyConflict, remains: true},
		"one that it may not":    {live: read, err: errForbidden, want: errForbidden, remains: true},
		"the API server is away": {live: read, err: errAway, want: errAway, remains: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cluster := fakeapiserver.New(t)
			if tc.live != nil {
				cluster.Put(tc.live)
			}
			cluster.Fail("delete Job a in the foreground", tc.err)
			err := Delete(t.Context(), cluster.Client(), "Job a", read, metav1.DeletePropagationForeground)
			if !is(err, tc.want) {
				t.Errorf("Delete() = %v, want %v", err, tc.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "delete Job a: ") {
				t.Errorf("the error does not say what was attempted: %v", err)
			}
			if remains := fakeapiserver.Read[batchv1.Job](cluster, "shop", "a") != nil; remains != tc.remains {
				t.Errorf("it remains: %t", remains)
			}
			if done := len(cluster.Writes()) == 1; done != (tc.want == nil && tc.live != nil) {
				t.Errorf("it was deleted in the foreground: %t", done)
			}
		})
	}
}

func TestScaleWritesTheReplicasAlone(t *testing.T) {
	read := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a"}, Spec: appsv1.DeploymentSpec{Replicas: new(int32(3))}}
	scaled := func() *appsv1.Deployment {
		out := read.DeepCopy()
		out.Spec.Replicas = new(int32(1))
		return out
	}
	cluster := fakeapiserver.New(t, read)
	fakeapiserver.Change(cluster, "shop", "a", func(d *appsv1.Deployment) { d.Spec.Paused, d.Labels = true, map[string]string{"by": "a user"} })
	version, err := Scale(t.Context(), cluster.Client(), "Deployment a", read, scaled())
	live := fakeapiserver.Read[appsv1.Deployment](cluster, "shop", "a")
	if err != nil || version != live.ResourceVersion {
		t.Errorf("Scale() = %q, %v; the version is %q", version, err, live.ResourceVersion)
	}
	if *live.Spec.Replicas != 1 || !live.Spec.Paused || live.Labels["by"] != "a user" {
		t.Errorf("the Deployment is %+v", live)
	}
	for name, err := range map[string]error{"gone": errNotFound, "forbidden": errForbidden, "away": errAway} {
		cluster.Fail("patch Deployment a", err)
		version, got := Scale(t.Context(), cluster.Client(), "Deployment a", read, scaled())
		if version != "" || !errors.Is(got, err) || !strings.HasPrefix(got.Error(), "scale Deployment a: ") {
			t.Errorf("%s: Scale() = %q, %v", name, version, got)
		}
	}
}

var podKind = corev1.SchemeGroupVersion.WithKind("Pod")

// annotated returns a pod with the annotations a and b.
func annotated() *corev1.Pod {
	pod := builders.Pod("emails-1", noon)
	pod.Namespace, pod.Annotations = "shop", map[string]string{"a": "1", "b": "2"}
	return pod
}

func TestAnnotateChangesAnnotationsOfOneUIDInOneWrite(t *testing.T) {
	other := annotated()
	other.UID = "another"
	change := map[string]*string{"a": nil, "c": new("3")}
	tests := map[string]struct {
		live      *corev1.Pod
		err, want error
		after     map[string]string
		none      bool
	}{
		"sets and removes":       {live: annotated(), after: map[string]string{"b": "2", "c": "3"}},
		"a pod that is gone":     {none: true},
		"its successor":          {live: other, want: errAnyConflict, after: other.Annotations, none: true},
		"a pod that it may not":  {live: annotated(), err: errForbidden, want: errForbidden, after: other.Annotations, none: true},
		"the API server is away": {live: annotated(), err: errAway, want: errAway, after: other.Annotations, none: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cluster := fakeapiserver.New(t)
			if tc.live != nil {
				cluster.Put(tc.live)
			}
			cluster.Fail("patch Pod emails-1", tc.err)
			version, err := Annotate(t.Context(), cluster.Client(), podKind, annotated(), change)
			if !is(err, tc.want) || (version == "") != tc.none {
				t.Errorf("Annotate() = %q, %v; want %v", version, err, tc.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "write annotations of Pod emails-1: ") {
				t.Errorf("the error does not say what was attempted: %v", err)
			}
			if writes := cluster.Writes(); len(writes) > 1 || (len(writes) == 0) != tc.none {
				t.Errorf("the writes are %q", writes)
			}
			if tc.live == nil {
				return
			}
			live := fakeapiserver.Read[corev1.Pod](cluster, "shop", "emails-1")
			if diff := cmp.Diff(tc.after, live.Annotations); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
			if live.UID != tc.live.UID || version != "" && version != live.ResourceVersion {
				t.Errorf("the pod is %s at %s, the version %s", live.UID, live.ResourceVersion, version)
			}
		})
	}
}

func TestAnnotateOnceWritesAValueOnce(t *testing.T) {
	other := annotated()
	other.UID = "another"
	tests := map[string]struct {
		live      *corev1.Pod
		value     string
		err, want error
		writes    []string
	}{
		"a new value":             {live: annotated(), value: "2", writes: []string{"patch Pod emails-1"}},
		"the present value":       {live: annotated(), value: "1"},
		"a pod that is gone":      {value: "2"},
		"a pod that was replaced": {live: other, value: "2"},
		"a pod that it may not":   {live: annotated(), value: "2", err: errForbidden, want: errForbidden},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cluster := fakeapiserver.New(t)
			if tc.live != nil {
				cluster.Put(tc.live)
			}
			cluster.Fail("patch Pod emails-1", tc.err)
			if err := AnnotateOnce(t.Context(), cluster.Client(), podKind, annotated(), "a", tc.value); !is(err, tc.want) {
				t.Errorf("AnnotateOnce() = %v, want %v", err, tc.want)
			}
			if writes := cluster.Writes(); !slices.Equal(writes, tc.writes) {
				t.Errorf("the writes are %q, want %q", writes, tc.writes)
			}
		})
	}
}

func TestPatchVersionWritesOnlyToTheVersionThatWasRead(t *testing.T) {
	resume := func() map[string]any {
		return map[string]any{"metadata": map[string]any{"annotations": map[string]any{"begun": "true"}}, "spec": map[string]any{"suspend": false}}
	}
	tests := map[string]struct {
		meanwhile func(*fakeapiserver.Cluster)
		err, want error
		changed   bool
	}{
		"the version that was read": {},
		"a later version": {
			meanwhile: func(c *fakeapiserver.Cluster) {
				fakeapiserver.Change(c, "shop", "a", func(job *batchv1.Job) { job.Labels = map[string]string{"by": "a user"} })
			},
			changed: true,
		},
		"a Job that is gone": {
			meanwhile: func(c *fakeapiserver.Cluster) { c.Remove(fakeapiserver.Read[batchv1.Job](c, "shop", "a")) },
			changed:   true,
		},
		"a Job that it may not":  {err: errForbidden, want: errForbidden},
		"the API server is away": {err: errAway, want: errAway},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cluster := fakeapiserver.New(t, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a", UID: "one"}, Spec: batchv1.JobSpec{Suspend: new(true)}})
			read := fakeapiserver.Read[batchv1.Job](cluster, "shop", "a")
			if tc.meanwhile != nil {
				tc.meanwhile(cluster)
			}
			cluster.Fail("patch Job a", tc.err)
			changed, err := PatchVersion(t.Context(), cluster.Client(), "Job a", read, resume())
			if changed != tc.changed || !errors.Is(err, tc.want) {
				t.Errorf("PatchVersion() = %t, %v; want %t, %v", changed, err, tc.changed, tc.want)
			}
			live := fakeapiserver.Read[batchv1.Job](cluster, "shop", "a")
			if resumed := live != nil && !*live.Spec.Suspend && live.Annotations["begun"] == "true"; resumed != (tc.meanwhile == nil && tc.err == nil) {
				t.Errorf("it was resumed: %t", resumed)
			}
		})
	}
}

func TestPatchStatusWritesOnlyToTheVersionThatWasRead(t *testing.T) {
	tests := map[string]struct {
		meanwhile func(*fakeapiserver.Cluster)
		err, want error
		written   bool
	}{
		"the version that was read": {written: true},
		"a later version": {meanwhile: func(c *fakeapiserver.Cluster) {
			fakeapiserver.Change(c, "shop", "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Queue = "high" })
		}},
		"a QueueWorker that is gone": {meanwhile: func(c *fakeapiserver.Cluster) {
			c.Remove(fakeapiserver.Read[v1alpha1.QueueWorker](c, "shop", "emails"))
		}},
		"a status that is refused": {err: errInvalid, want: errInvalid},
		"the API server is away":   {err: errAway, want: errAway},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cluster := fakeapiserver.New(t, builders.QueueWorker("shop", "emails").Obj())
			before := fakeapiserver.Read[v1alpha1.QueueWorker](cluster, "shop", "emails")
			after := before.DeepCopy()
			after.Status.Desired, after.Spec.Queue = 7, "not written"
			if tc.meanwhile != nil {
				tc.meanwhile(cluster)
			}
			cluster.Fail("patch status QueueWorker emails", tc.err)
			written, err := PatchStatus(t.Context(), cluster.Client(), "QueueWorker emails", before, after)
			if written != tc.written || !errors.Is(err, tc.want) {
				t.Errorf("PatchStatus() = %t, %v; want %t, %v", written, err, tc.written, tc.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "write status of QueueWorker emails: ") {
				t.Errorf("the error does not say what was attempted: %v", err)
			}
			live := fakeapiserver.Read[v1alpha1.QueueWorker](cluster, "shop", "emails")
			if live != nil && (live.Status.Desired == 7 != tc.written || live.Spec.Queue == "not written") {
				t.Errorf("the QueueWorker is %+v", live)
			}
			if tc.written && after.ResourceVersion != live.ResourceVersion {
				t.Errorf("the version is %s, want %s", after.ResourceVersion, live.ResourceVersion)
			}
		})
	}
}
