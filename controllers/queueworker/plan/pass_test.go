// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/status"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/test/builders"
)

// crowd returns a pool of so many pods, each with a control document of its own and a
// report, and the pods as the cache has them.
func crowd(pods int) (w *World, live []*corev1.Pod) {
	w = poolOf("emails", int32(pods))
	w.App.Spec.Template.Spec.Containers = []corev1.Container{{Name: "worker", Image: "shop:1"}}
	w.Deployment = &appsv1.Deployment{}
	w.Deployment.Spec.Replicas = new(int32(pods))
	w.Deployment.Status = appsv1.DeploymentStatus{Replicas: int32(pods), UpdatedReplicas: int32(pods)}
	for i := range pods {
		pod := builders.Pod(fmt.Sprint("emails-", i), noon.Add(-time.Hour))
		pod.Annotations = map[string]string{v1alpha1.AnnotationControl: `{"revision":3,"cordoned":true}`}
		pod.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", UID: "set", Controller: new(true)}}
		live = append(live, pod)
	}
	return w, live
}

func report() telemetry.PodReport {
	return telemetry.PodReport{PulledAt: noon, Status: &protocol.Status{
		ControlRevision: 3, Phase: protocol.PhaseRunning, Workers: []protocol.Worker{{State: protocol.WorkerBusy, Job: &protocol.Job{AgeSeconds: 1}}},
	}}
}

// TestEachControlDocumentIsDecodedOnce: NewPod decodes a pod's document, and a decision
// that decoded it again would see that it is no document any more.
func TestEachControlDocumentIsDecodedOnce(t *testing.T) {
	w, live := crowd(10)
	for _, pod := range live {
		w.add(pod, report())
	}
	want := Decide(w, SizeOf(w), "agent:1")
	if len(want.Removal.Uncordon) != 10 {
		t.Fatalf("the pool's cordoned pods are not called back: %+v", want.Removal)
	}
	for _, pod := range live {
		pod.Annotations[v1alpha1.AnnotationControl] = "no document"
	}
	if got := Decide(w, SizeOf(w), "agent:1"); !reflect.DeepEqual(got, want) {
		t.Errorf("it decides %+v, want %+v", got, want)
	}
}

// BenchmarkPass measures the pure part of a reconcile of an unchanged pool of 100 pods.
func BenchmarkPass(b *testing.B) {
	w, live := crowd(100)
	b.ReportAllocs()
	for b.Loop() {
		w.Pods = w.Pods[:0]
		for _, pod := range live {
			w.add(pod, report())
		}
		w.Memory = w.Memory.Observed(w)
		d := Decide(w, SizeOf(w), "agent:1")
		w.Memory = w.Memory.Decided(d)
		status.Compute(StatusInput(w, d))
	}
}
