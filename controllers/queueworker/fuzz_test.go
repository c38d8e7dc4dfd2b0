// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cachefilter"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/queueworker/plan"
	"queueworker.dev/queueworker/controllers/status"
	"queueworker.dev/queueworker/controllers/telemetry"
)

// Handlers and map functions run in an informer's goroutine, where a panic ends the
// operator for all users, again after each restart. So no object that the API server
// could hold may make one of them panic.

// seedPods are pods as they occur, and as an attacker might make them.
var seedPods = []string{
	`{}`,
	`{"metadata":{"name":"emails-worker-1","namespace":"shop","uid":"1","labels":{"queueworker.dev/name":"emails"},"annotations":{"queueworker.dev/control":"{\"revision\":3}","queueworker.dev/restartedAt":"x"}},
	  "spec":{"containers":[{"name":"worker","ports":[{"name":"queueworker","containerPort":9797}]}]},
	  "status":{"phase":"Running","podIP":"10.1.2.3","containerStatuses":[{"name":"worker","restartCount":2,"state":{"terminated":{"message":"{\"version\":1,\"counters\":{\"processed\":5}}"}}}]}}`,
	`{"metadata":{"labels":{"queueworker.dev/name":""}},"status":{"podIP":"not an address","phase":"Running"}}`,
	`{"metadata":{"labels":{"queueworker.dev/name":"../../x"},"annotations":{"queueworker.dev/control":"["}},"spec":{"containers":[{"ports":[{"name":"queueworker"}]}]},"status":{"containerStatuses":[{},{"state":{"terminated":{"message":"{"}}}]}}`,
	`{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z","labels":{"queueworker.dev/name":"emails"}},"status":{"containerStatuses":[{"state":{"terminated":{"message":"{\"counters\":{\"processed\":-9223372036854775808,\"exits\":{\"\":1}}}"}}}]}}`,
}

// fakeQueue takes requests and forgets them.
type fakeQueue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
}

func (*fakeQueue) Add(reconcile.Request) {}

func FuzzPodHandler(f *testing.F) {
	for i, pod := range seedPods {
		f.Add([]byte(pod), []byte(seedPods[(i+1)%len(seedPods)]))
	}
	f.Fuzz(func(t *testing.T, before, after []byte) {
		var podBefore, podAfter corev1.Pod
		if json.Unmarshal(before, &podBefore) != nil || json.Unmarshal(after, &podAfter) != nil {
			return // not a pod that an API server could send
		}
		r := &Reconciler{Collector: collector.New(collector.Options{})}
		h := r.podHandler()
		queue := &fakeQueue{}
		ctx := t.Context()
		for _, pod := range []*corev1.Pod{&podBefore, &podAfter} {
			slim, err := cachefilter.Pod(pod.DeepCopy())
			if err != nil {
				t.Fatalf("cachefilter.Pod: %v", err)
			}
			h.Create(ctx, event.CreateEvent{Object: slim.(*corev1.Pod)}, queue)
			h.Update(ctx, event.UpdateEvent{ObjectOld: &podBefore, ObjectNew: slim.(*corev1.Pod)}, queue)
			h.Delete(ctx, event.DeleteEvent{Object: slim.(*corev1.Pod)}, queue)
			h.Delete(ctx, event.DeleteEvent{Object: pod, DeleteStateUnknown: true}, queue)
			h.Generic(ctx, event.GenericEvent{Object: pod}, queue)
			for _, request := range workerByLabel(ctx, pod) {
				r.Collector.Snapshot(request.NamespacedName)
			}
			trackedPods([]*plan.Pod{{Pod: pod}})
		}
	})
}

func FuzzWorkersOfApp(f *testing.F) {
	f.Add("shop", "shop", "", "emails", "shop", true)
	f.Add("shop", "", "other", "emails", "default", false)
	f.Add("", "a", "b", "c", "d", true)
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, app, first, second, name, namespace string, unnamed bool) {
		if name == "" || namespace == "" || !utf8.ValidString(app+first+second+name+namespace) {
			return // not an object that an API server could send
		}
		r := &Reconciler{Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(
			workerNamed(namespace, name, first), workerNamed(namespace, name+"2", second), workerNamed(namespace+"2", name, app)).Build()}
		found := r.workersOfApp(t.Context(), &v1alpha1.QueueApp{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: app}}, unnamed)
		want := 0
		for _, appName := range []string{first, second} {
			if appName == "" && unnamed || appName == app {
				want++
			}
		}
		if len(found) != want {
			t.Errorf("%d QueueWorkers, want %d: %v", len(found), want, found)
		}
		for _, request := range found {
			if request.Namespace != namespace {
				t.Errorf("woke %s of another namespace", request)
			}
		}
	})
}

func workerNamed(namespace, name, app string) *v1alpha1.QueueWorker {
	return &v1alpha1.QueueWorker{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.QueueWorkerSpec{AppName: app, Queue: "default"},
	}
}

// FuzzPass runs all pure parts of a reconcile over data that other clients may have
// written to its objects: documents, annotations, messages, counts.
func FuzzPass(f *testing.F) {
	report := `{"version":1,"podUID":"1","controlRevision":7,"phase":"Running","counters":{"processed":9},"workers":[{"slot":0,"state":"Busy","job":{"class":"A"}},{"slot":1,"state":"BackingOff","lastExit":{"reason":"Crashed"}}],"recentExits":[{"sequence":1,"reason":"OOMKilled"}]}`
	f.Add(`{"revision":7,"paused":true}`, `{"revision":8}`, "a", "Running", "ImagePullBackOff", "not found", int32(2), int32(3), int32(2), int32(1), int64(4), []byte(report),
		"2026-11-23T12:00:00Z", "-2147483648", []byte(`{"ageSeconds":1,"queues":[{"queue":"default","ready":600,"delayed":3,"reserved":2,"oldestSeconds":12.5,"nextDueSeconds":30}]}`))
	f.Add(`{"revision":-9223372036854775808}`, `[`, "", "Failed", "OOMKilled", "", int32(-1), int32(0), int32(0), int32(2147483647), int64(-1), []byte(`{"controlRevision":9223372036854775807}`),
		"2226-11-23T12:00:00Z", "-2147483649", []byte(`{"reason":"Denied","message":"no","ageSeconds":-1e300}`))
	f.Add(``, `null`, "\x00", "", "CreateContainerConfigError", "runAsNonRoot", int32(0), int32(1000), int32(64), int32(-1), int64(1)<<62, []byte(`{}`),
		"", "x", []byte(`{"queues":[{"ready":-1,"oldestSeconds":1e300},{"queue":"b","ready":9223372036854775807,"maxTimeoutSeconds":9223372036854775807,"reason":"Unreadable"}]}`))
	f.Fuzz(func(t *testing.T, pool, own, token, phase, reason, message string, replicas, processes, perPod, restarts int32, processed int64, report []byte, cordonedAt, cost string, backlog []byte) {
		var s protocol.Status
		var b protocol.Backlog
		if json.Unmarshal(report, &s) != nil || json.Unmarshal(backlog, &b) != nil {
			return // the collector refuses it
		}
		worker := workerNamed("shop", "emails", "")
		worker.UID, worker.Generation = "w", 2
		worker.Spec.Processes, worker.Spec.ProcessesPerPod = &processes, perPod
		worker.Annotations = map[string]string{v1alpha1.AnnotationRestartedAt: token}
		worker.Status.Accounted = []v1alpha1.AccountedPod{
			{UID: "1", Name: own, Processed: processed, Reported: true, ContainerRestarts: restarts}, {UID: "2", Restarts: []v1alpha1.RestartCount{{Reason: reason, Count: processed}}},
		}
		worker.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: reason, Message: message}}
		owned := metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{UID: "w", Controller: new(true)}}, Annotations: map[string]string{v1alpha1.AnnotationTemplateHash: token}}
		app := v1alpha1.QueueApp{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
		app.Spec.Template.Spec.Containers = []corev1.Container{{Name: "worker", Image: message, Command: []string{own}, Env: []corev1.EnvVar{{Name: reason, Value: pool}}}}
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "emails-worker-1", UID: "1", Annotations: map[string]string{v1alpha1.AnnotationControl: own, v1alpha1.AnnotationRestartedAt: token}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "worker", Ports: []corev1.ContainerPort{{Name: protocol.PortName}}}}},
			Status: corev1.PodStatus{Phase: corev1.PodPhase(phase), ContainerStatuses: []corev1.ContainerStatus{{
				Name: "worker", RestartCount: restarts, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
				LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason, Message: message}},
			}}},
		}
		now := time.Unix(1_800_000_000, 0)
		pod.Annotations[v1alpha1.AnnotationCordonedAt], pod.Annotations[corev1.PodDeletionCost] = cordonedAt, cost
		if len(b.Queues) > 0 {
			worker.Spec.Autoscaling = &v1alpha1.Autoscaling{MinProcesses: &perPod, MaxProcesses: replicas}
			worker.Status.Autoscaling = &v1alpha1.AutoscalingStatus{Desired: processes, ServiceTime: message, ArrivalRate: token}
			app.Spec.Connection = &v1alpha1.Connection{Driver: v1alpha1.DriverRedis}
		}
		if restarts > 0 {
			app.Spec.MaxProcesses = &restarts
		}
		passOver(t, &plan.World{
			Now: now, Worker: worker, Unnamed: true,
			Backlog: telemetry.BacklogReport{MeasuredAt: now, Queues: b.Queues, Reason: b.Reason, Message: b.Message}, App: &app, Pods: []*plan.Pod{plan.NewPod(pod, telemetry.PodReport{Status: &s}, plan.PodWrite{})},
			ConfigMap:  &corev1.ConfigMap{ObjectMeta: owned, Data: map[string]string{protocol.ControlFile: pool}},
			Deployment: &appsv1.Deployment{ObjectMeta: owned, Spec: appsv1.DeploymentSpec{Replicas: &replicas}},
			Reports: telemetry.Snapshot{
				Ended: []telemetry.Ended{{UID: "2", LastPulled: &s.Counters}, {UID: "3", Name: own, Final: &protocol.Final{Counters: s.Counters}, Started: true, Tracked: true}},
			},
		})
	})
}

// passOver is a pass without its reads and writes.
func passOver(t *testing.T, o *plan.World) {
	next := &poolMemory{}
	next.Memory = next.Observed(o)
	o.Memory = next.Memory
	s, _ := capsOf(workerNamed("shop", "rival", "")).size(o)
	if s.Processes < 0 || s.Grant != nil && int64(s.Processes) > int64(*o.App.Spec.MaxProcesses) {
		t.Errorf("%d processes, the cap is %v", s.Processes, o.App.Spec.MaxProcesses)
	}
	d := plan.Decide(o, s, "agent:1")
	next.Memory = next.Decided(d)
	if d.Removal.Replicas < 0 {
		t.Errorf("%d pods", d.Removal.Replicas)
	}
	for _, document := range d.Controls.Pods {
		if !json.Valid([]byte(document)) {
			t.Errorf("a control document is no JSON: %q", document)
		}
	}
	in := plan.StatusInput(o, d)
	in.Expected = next.expect(o)
	tooEarly(in, next)
	out := status.Compute(in)
	status.Due(&o.Worker.Status, &out.Status, o.Now, next.writes)
	status.Changes(in, &out.Status)
	status.Exits(in.Pods, nil)
	status.JobsKilled(in, nil)
	if len(out.Status.Workers) > 100 || len(out.Status.Conditions) > 20 {
		t.Errorf("%d rows and %d conditions are more than the API admits", len(out.Status.Workers), len(out.Status.Conditions))
	}
	if _, err := json.Marshal(client.Object(&v1alpha1.QueueWorker{Status: out.Status})); err != nil {
		t.Errorf("the status cannot be written: %v", err)
	}
}
