// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueapp

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/defaultapp"
	"queueworker.dev/queueworker/controllers/findings"
	"queueworker.dev/queueworker/controllers/kube"
	"queueworker.dev/queueworker/controllers/passlog"
	"queueworker.dev/queueworker/controllers/requeue"
	"queueworker.dev/queueworker/controllers/workqueue"
)

// Reconciler gives each QueueApp that is used and has a driver its backlog
// probe, removes the probe of other QueueApps, and writes the status of all.
type Reconciler struct {
	// Client and Live are the same as in QueueWorkerReconciler.
	Client client.Client
	Live   client.Reader
	// Backlogs receives the places of probes.
	Backlogs *collector.Backlogs
	// Findings holds the findings of an app's workers.
	Findings *findings.Exchange
	// Clock is the time.
	Clock clock.PassiveClock
	// Budget bounds the CPU that reconciles of one namespace may take.
	Budget *workqueue.Budget
	// ProbeImage is the image of backlog probes.
	ProbeImage string
	// Namespace is the namespace of the operator; empty if it is not known.
	Namespace string

	// Pin is the pin by which probes know the operator.
	Pin string

	// defaults knows which QueueApp is used by pools that name none.
	defaults defaultapp.Index
}

// +kubebuilder:rbac:groups=queueworker.dev,resources=queueapps/status,verbs=patch

// Reconcile creates, updates or removes the backlog probe of one QueueApp, and reports
// the findings of its workers in its status.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	stored, err := kube.Get[cached.QueueApp](ctx, r.Client, request.Namespace, request.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	if stored == nil || stored.DeletionTimestamp != nil {
		r.Backlogs.Drop(request.NamespacedName)
		passlog.Pass{Reason: passlog.Gone}.End(ctx)
		return ctrl.Result{}, nil
	}
	workers, err := r.workersOf(ctx, request.NamespacedName)
	if err != nil {
		return ctrl.Result{}, err
	}
	app := stored.Lean()
	if len(workers) > 0 && effective.NeedsProbe(app) {
		app, _ = stored.Whole() // the QueueWorkers of the app report what is wrong with it
	}
	probeAgain, probeErr := r.reconcileProbe(ctx, app, len(workers) > 0)
	network, networkAgain, networkErr := r.reconcileNetworkPolicy(ctx, app)
	if networkErr != nil {
		return ctrl.Result{}, errors.Join(probeErr, networkErr)
	}
	pass, statusErr := r.report(ctx, stored, workers, network)
	if err := errors.Join(probeErr, statusErr); err != nil {
		return ctrl.Result{}, err
	}
	pass.Again = requeue.Sooner(networkAgain, probeAgain, pass.Again)
	pass.End(ctx)
	return ctrl.Result{RequeueAfter: pass.Again}, nil
}

// workersOf returns the names of the QueueWorkers that use an app.
func (r *Reconciler) workersOf(ctx context.Context, app types.NamespacedName) ([]string, error) {
	apps, err := kube.QueueApps(ctx, r.Client, app.Namespace)
	if err != nil {
		return nil, err
	}
	workers := &v1alpha1.QueueWorkerList{}
	if err := kube.List(ctx, r.Client, "QueueWorkers", workers, client.InNamespace(app.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var names []string
	uses := effective.UsersOf(app.Name, apps)
	for i := range workers.Items {
		worker := &workers.Items[i]
		if uses(worker) && worker.DeletionTimestamp == nil {
			names = append(names, worker.Name)
		}
	}
	return names, nil
}
