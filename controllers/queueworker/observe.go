// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"context"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/alerts"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/kube"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/queueworker/plan"
	"queueworker.dev/queueworker/controllers/telemetry"
)

// observe reads everything the reconciler needs to know about a QueueWorker, except what
// agents and probes report. It returns nil if the QueueWorker is deleted or being deleted.
func (r *Reconciler) observe(ctx context.Context, name types.NamespacedName, next *poolMemory) (*plan.World, error) {
	worker, err := kube.Get[v1alpha1.QueueWorker](ctx, r.Client, name.Namespace, name.Name)
	if err != nil || worker == nil || worker.DeletionTimestamp != nil {
		return nil, err
	}
	w := &plan.World{Now: r.Clock.Now(), Worker: worker}
	if err := r.observeChildren(ctx, w); err != nil {
		return nil, err
	}
	if err := r.observeApp(ctx, w); err != nil {
		return nil, err
	}
	w.Pin, w.PinAgain = r.pins.of(r.Pin, name, objects.PoolPin(w.ConfigMap), w.Now)
	if err := r.observeRuns(ctx, w, next); err != nil {
		return nil, err
	}
	return w, r.observePods(ctx, w, next)
}

// observeApp reads the QueueApp that the pool uses, and what is wrong with it or the pool.
func (r *Reconciler) observeApp(ctx context.Context, w *plan.World) error {
	apps, err := kube.QueueApps(ctx, r.Client, w.Worker.Namespace)
	if err != nil {
		return err
	}
	used, problem := effective.SelectApp(w.Worker, apps)
	if w.Problem = problem; used != nil {
		w.App, w.Problem = used.Usable()
	}
	if app, _ := effective.AppNamed(w.Worker.Namespace, "", apps); app != nil && w.App != nil {
		w.Unnamed = app.Name == w.App.Name
	}
	if w.Problem == nil {
		w.Problem = effective.Oversized(w.Worker)
	}
	return nil
}

// subscribe has the collector ask the pool's agents, and the QueueApp's probe ask about
// the pool's queues, and takes what they have reported so far.
func (r *Reconciler) subscribe(w *plan.World, next *poolMemory) {
	name := client.ObjectKeyFromObject(w.Worker)
	r.Collector.Track(name, trackedPods(w.Pods))
	r.Collector.Watch(name, watchLimits(&w.Worker.Spec))
	w.Reports = r.Collector.Snapshot(name)
	for _, pod := range w.Pods {
		pod.Report = w.Reports.Pods[pod.UID]
	}
	w.Reports.Pods = nil
	if w.App == nil || !effective.NeedsProbe(w.App) {
		r.Backlogs.Forget(name)
		return
	}
	w.Backlog, _ = r.Backlogs.Use(name, collector.BacklogUse{
		App:    client.ObjectKeyFromObject(w.App),
		Queues: plan.QueuesOf(w),
		Soon:   plan.Soon(next.StartLatency),
		Eager:  w.Worker.Spec.Autoscaling != nil || w.OpenRun() != nil,
	})
}

func (r *Reconciler) observeChildren(ctx context.Context, w *plan.World) (err error) {
	if w.Deployment, err = kube.Get[appsv1.Deployment](ctx, r.Client, w.Worker.Namespace, objects.WorkloadName(w.Worker.Name)); err != nil {
		return err
	}
	if w.ConfigMap, err = kube.Get[corev1.ConfigMap](ctx, r.Client, w.Worker.Namespace, objects.ControlName(w.Worker.Name)); err != nil {
		return err
	}
	w.Budget, err = kube.Get[policyv1.PodDisruptionBudget](ctx, r.Client, w.Worker.Namespace, objects.WorkloadName(w.Worker.Name))
	return err
}

// observePods reads the pods of the pool: pods with its label whose ReplicaSet is
// controlled by its Deployment, or that belong to an open run. A label alone is no
// proof, because any user may set it.
func (r *Reconciler) observePods(ctx context.Context, w *plan.World, next *poolMemory) error {
	owners := w.OpenRuns()
	ours := []client.ListOption{client.InNamespace(w.Worker.Namespace), client.MatchingLabels(objects.Selector(w.Worker.Name))}
	if w.Deployment != nil {
		sets, err := kube.ReplicaSetsOf(ctx, r.Client, w.Deployment, ours...)
		if err != nil {
			return err
		}
		maps.Copy(owners, sets)
	}
	if len(owners) == 0 {
		return nil
	}
	pods, err := kube.PodsOf(ctx, r.Client, owners, ours...)
	if err != nil {
		return err
	}
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	for _, pod := range pods {
		w.Pods = append(w.Pods, plan.NewPod(pod, telemetry.PodReport{}, next.written[pod.UID]))
	}
	return nil
}

// trackedPods returns the pods whose agents are asked.
func trackedPods(pods []*plan.Pod) []collector.Pod {
	out := make([]collector.Pod, 0, len(pods))
	for _, pod := range pods {
		tracked := collector.Pod{UID: pod.UID, Name: pod.Name, Created: pod.CreationTimestamp.Time}
		if pod.Status.Phase == corev1.PodRunning && pod.Status.PodIP != "" {
			tracked.Address, tracked.Secure = collector.AddressOf(pod.Pod)
		}
		out = append(out, tracked)
	}
	return out
}

// watchLimits returns the limits above which an agent's report wakes the pool, even if
// the report changes no condition by itself.
func watchLimits(spec *v1alpha1.QueueWorkerSpec) collector.Limits {
	rules := alerts.RulesOf(spec)
	return collector.Limits{Memory: rules.MemoryLimit(), Job: rules.SlowAfter(), Failures: rules.FailedPercent > 0}
}
