// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/kube"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/scaling"
)

// observation is everything that one reconcile decides from.
type observation struct {
	now    time.Time
	worker *v1alpha1.QueueWorker
	// app is the QueueApp in use; nil if there is none, and problem says why.
	app     *v1alpha1.QueueApp
	problem *effective.Problem

	// The children by name, whoever owns them; nil if there is none in the cache.
	deployment *appsv1.Deployment
	configMap  *corev1.ConfigMap
	budget     *policyv1.PodDisruptionBudget
	// runs are the pool's own Jobs, by name.
	runs []*batchv1.Job

	// pods are the pods of the pool's own ReplicaSets and of its open runs, by name.
	pods    []*corev1.Pod
	reports collector.Snapshot
	// backlog is the known state of the pool's queues.
	backlog collector.BacklogReport

	// unnamed reports whether pools that name no QueueApp use this one too.
	unnamed bool
	// pin is the pin by which the pool's agents must know the operator now, and
	// pinAgain the time until it changes; 0 if it does not.
	pin      string
	pinAgain time.Duration
	// written are the last writes to the pool's pods.
	written map[types.UID]podWrite
	// past and foreign are the operator's memory of the pool.
	past    past
	foreign foreignScaler
}

// observe reads everything the reconciler needs to know about a QueueWorker. It returns
// nil if the QueueWorker is deleted or being deleted.
func (r *Reconciler) observe(ctx context.Context, name types.NamespacedName) (*observation, error) {
	worker, err := kube.Get[v1alpha1.QueueWorker](ctx, r.Client, name.Namespace, name.Name)
	if err != nil || worker == nil || worker.DeletionTimestamp != nil {
		return nil, err
	}
	o := &observation{now: r.Clock.Now(), worker: worker}
	if err := r.observeChildren(ctx, o); err != nil {
		return nil, err
	}
	apps, err := kube.QueueApps(ctx, r.Client, name.Namespace)
	if err != nil {
		return nil, err
	}
	used, problem := effective.SelectApp(worker, apps)
	if o.problem = problem; used != nil {
		o.app, o.problem = used.Usable()
	}
	if app, _ := effective.AppNamed(name.Namespace, "", apps); app != nil && o.app != nil {
		o.unnamed = app.Name == o.app.Name
	}
	if o.problem == nil {
		o.problem = effective.Oversized(worker)
	}
	o.pin, o.pinAgain = r.pins.of(r.Pin, name, objects.PoolPin(o.configMap), o.now)
	if err := r.observeRuns(ctx, o); err != nil {
		return nil, err
	}
	if err := r.observePods(ctx, o); err != nil {
		return nil, err
	}
	r.Collector.Track(name, trackedPods(o.pods))
	r.Collector.Watch(name, watchLimits(&worker.Spec))
	o.reports = r.Collector.Snapshot(name)
	r.observeBacklog(o)
	r.memory.of(name).recall(o)
	return o, nil
}

// soon returns the span of time in which delayed jobs count as due soon: the time that a
// pod takes to start, in steps, so that the pools of an kube.Outcome ask for the same span.
func soon(startLatency time.Duration) time.Duration {
	span := scaling.DefaultStartLatency
	for span < startLatency && span < 2*time.Minute {
		span *= 2
	}
	return span
}

// observeBacklog reads the backlog of the pool's queues, if a probe measures it.
func (r *Reconciler) observeBacklog(o *observation) {
	name := client.ObjectKeyFromObject(o.worker)
	if o.app == nil || !effective.NeedsProbe(o.app) {
		r.Backlogs.Forget(name)
		return
	}
	o.backlog, _ = r.Backlogs.Use(name, collector.BacklogUse{
		App:    client.ObjectKeyFromObject(o.app),
		Queues: queues(o),
		Soon:   soon(r.memory.of(name).past.startLatency),
		Eager:  o.worker.Spec.Autoscaling != nil || o.openRun() != nil,
	})
}

// queues returns the queues that the pool's workers process, each once. The workers of
// a run keep the queues that it began with.
func queues(o *observation) []string {
	list := o.worker.Spec.Queue
	if config := o.runConfig(); config != nil {
		list = config.Queue
	}
	var out []string
	for queue := range strings.SplitSeq(list, ",") {
		if queue != "" && !slices.Contains(out, queue) {
			out = append(out, queue)
		}
	}
	return out
}

func (r *Reconciler) observeChildren(ctx context.Context, o *observation) (err error) {
	if o.deployment, err = kube.Get[appsv1.Deployment](ctx, r.Client, o.worker.Namespace, objects.WorkloadName(o.worker.Name)); err != nil {
		return err
	}
	if o.configMap, err = kube.Get[corev1.ConfigMap](ctx, r.Client, o.worker.Namespace, objects.ControlName(o.worker.Name)); err != nil {
		return err
	}
	o.budget, err = kube.Get[policyv1.PodDisruptionBudget](ctx, r.Client, o.worker.Namespace, objects.WorkloadName(o.worker.Name))
	return err
}

// observePods reads the pods of the pool: pods with its label whose ReplicaSet is
// controlled by its Deployment, or that belong to an open run. A label alone is no
// proof, because any user may set it.
func (r *Reconciler) observePods(ctx context.Context, o *observation) error {
	owners := o.openRuns()
	ours := []client.ListOption{client.InNamespace(o.worker.Namespace), client.MatchingLabels(objects.Selector(o.worker.Name))}
	if o.deployment != nil {
		sets, err := kube.ReplicaSetsOf(ctx, r.Client, o.deployment, ours...)
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
	o.pods = pods
	slices.SortFunc(o.pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// trackedPods returns the pods whose agents are asked.
func trackedPods(pods []*corev1.Pod) []collector.Pod {
	out := make([]collector.Pod, 0, len(pods))
	for _, pod := range pods {
		tracked := collector.Pod{UID: pod.UID, Name: pod.Name, Created: pod.CreationTimestamp.Time}
		if pod.Status.Phase == corev1.PodRunning && pod.Status.PodIP != "" {
			tracked.Address, tracked.Secure = collector.AddressOf(pod)
		}
		out = append(out, tracked)
	}
	return out
}
