// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/controllers/preflight"
	"queueworker.dev/queueworker/controllers/status"
)

// Preflights passes the findings of pools about their QueueApp from the controller of
// QueueWorkers to the controller of QueueApps.
type Preflights struct {
	mu    sync.Mutex
	pools map[types.NamespacedName]toldPreflight
	queue requests
}

type toldPreflight struct {
	app  types.NamespacedName
	pool preflight.Pool
}

// tell records the findings of a pool, and wakes its app if they are news. A pool without
// findings, for example with pods that have just begun, keeps its earlier findings.
func (p *Preflights) tell(name, app types.NamespacedName, pool preflight.Pool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before, known := p.pools[name]
	if known && before.app == app && (len(pool.Findings) == 0 || before.pool.Same(pool)) {
		return
	}
	if p.pools == nil {
		p.pools = map[types.NamespacedName]toldPreflight{}
	}
	p.pools[name] = toldPreflight{app: app, pool: pool}
	if known && before.app != app {
		p.wake(before.app)
	}
	p.wake(app)
}

// forget drops a pool that is gone.
func (p *Preflights) forget(name types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if before, known := p.pools[name]; known {
		delete(p.pools, name)
		p.wake(before.app)
	}
}

func (p *Preflights) wake(app types.NamespacedName) {
	if p.queue != nil {
		p.queue.Add(ctrl.Request{NamespacedName: app})
	}
}

// keepQueue is a source that only keeps the queue, with which a pool wakes its app.
func (p *Preflights) keepQueue(_ context.Context, queue requests) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = queue
	return nil
}

// of returns the findings of pools. It returns false as long as any of them has not
// reported, because the status must not lose findings.
func (p *Preflights) of(app types.NamespacedName, workers []string) ([]preflight.Pool, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []preflight.Pool
	for _, worker := range workers {
		told, known := p.pools[types.NamespacedName{Namespace: app.Namespace, Name: worker}]
		if !known || told.app != app {
			return nil, false
		}
		out = append(out, told.pool)
	}
	return out, true
}

// tellPreflight passes the findings of the pool's workers to its app.
func (r *QueueWorkerReconciler) tellPreflight(o *observation) {
	name := client.ObjectKeyFromObject(o.worker)
	if o.app == nil {
		r.Preflights.forget(name)
		return
	}
	r.Preflights.tell(name, client.ObjectKeyFromObject(o.app), preflightOf(o))
}

// preflightOf returns the findings of a pool's workers. The newest pod speaks for all,
// because older pods will be replaced by pods like it.
func preflightOf(o *observation) preflight.Pool {
	pool := preflight.Pool{Name: o.worker.Name}
	var newest *corev1.Pod
	images := map[v1alpha1.CheckedImage]bool{}
	for _, pod := range o.pods {
		report := o.reports.Pods[pod.UID]
		if !active(pod) || report.Status == nil || report.Status.Runtime == nil || len(report.Status.Runtime.Findings) == 0 {
			continue
		}
		if newest == nil || later(pod, newest) {
			newest = pod
			pool.Findings = report.Status.Runtime.Findings
		}
		if container := status.WorkerStatus(pod); container != nil {
			images[v1alpha1.CheckedImage{Image: container.Image, ImageID: container.ImageID, Version: report.Status.Runtime.Version}] = true
		}
	}
	pool.Images = slices.SortedFunc(maps.Keys(images), func(a, b v1alpha1.CheckedImage) int {
		return cmp.Or(strings.Compare(a.ImageID, b.ImageID), strings.Compare(a.Image, b.Image), strings.Compare(a.Version, b.Version))
	})
	return pool
}

func later(a, b *corev1.Pod) bool {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name)) > 0
}

// report writes the status of a QueueApp if it has changed: the findings of its
// workers, once all of them have reported, and the state of its NetworkPolicy. It
// returns the time after which to look again; zero means when something happens.
func (r *QueueAppReconciler) report(ctx context.Context, app *cached.QueueApp, workers []string, network *metav1.Condition) (time.Duration, error) {
	// The patch does not contain the template.
	refusal := app.Spec.Template.Refusal()
	app = app.DeepCopy()
	app.Spec.Template = cached.Template{}
	changed := app.DeepCopy()
	pools, heard := r.Preflights.of(client.ObjectKeyFromObject(app), workers)
	changed.Status = preflight.Status(preflight.Input{Now: r.Clock.Now(), App: app.Lean(), Pools: pools, Heard: heard, Refusal: refusal})
	setNetworkCondition(&changed.Status, network, r.Clock.Now())
	status.Fit(&changed.Status)
	if equality.Semantic.DeepEqual(app.Status, changed.Status) {
		return 0, nil
	}
	err := r.Client.Status().Patch(ctx, changed, client.MergeFromWithOptions(app, client.MergeFromWithOptimisticLock{}))
	switch {
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		// The cache is behind.
		return time.Second, nil
	case err != nil:
		return 0, fmt.Errorf("write status of QueueApp %s: %w", app.Name, err)
	}
	return 0, nil
}
