// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/status"
	"queueworker.dev/queueworker/controllers/workqueue"
)

// QueueAppReconciler gives each QueueApp that is used and has a driver its backlog
// probe, removes the probe of other QueueApps, and writes the status of all.
type QueueAppReconciler struct {
	// Client and Live are the same as in QueueWorkerReconciler.
	Client client.Client
	Live   client.Reader
	// Backlogs receives the places of probes.
	Backlogs *collector.Backlogs
	// Preflights holds the findings of an app's workers.
	Preflights *Preflights
	// Clock is the time.
	Clock clock.PassiveClock
	// Budget bounds the CPU that reconciles of one namespace may take.
	Budget *workqueue.Budget
	// ProbeImage is the image of backlog probes.
	ProbeImage string
	// Namespace is the namespace of the operator; empty if it is not known.
	Namespace string

	// pin is the pin by which probes know the operator.
	pin string
	// defaults knows which QueueApp is used by pools that name none.
	defaults defaultApps
}

// SetupWithManager registers what wakes a QueueApp: itself, other QueueApps and
// QueueWorkers of its namespace, its probe and the probe's pods.
func (r *QueueAppReconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("queueapp").
		For(&cached.QueueApp{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&appsv1.Deployment{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&networkingv1.NetworkPolicy{}).
		Watches(&cached.QueueApp{}, r.besideHandler()).
		Watches(&v1alpha1.QueueWorker{}, r.workerHandler(),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(appOfProbe)).
		WatchesRawSource(source.Func(r.Preflights.keepQueue)).
		WithOptions(options).
		Complete(r.Budget.Charge(r))
}

// appOfProbe returns the QueueApp whose backlog probe a pod is.
func appOfProbe(_ context.Context, pod client.Object) []reconcile.Request {
	name := pod.GetLabels()[v1alpha1.LabelApp]
	if name == "" || !objects.IsProbe(pod) {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: pod.GetNamespace(), Name: name}}}
}

// +kubebuilder:rbac:groups=queueworker.dev,resources=queueapps/status,verbs=patch

// Reconcile creates, updates or removes the backlog probe of one QueueApp, and reports
// the findings of its workers in its status.
func (r *QueueAppReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	stored, err := get[cached.QueueApp](ctx, r.Client, request.Namespace, request.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	if stored == nil || stored.DeletionTimestamp != nil {
		r.Backlogs.Drop(request.NamespacedName)
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
	statusAgain, statusErr := r.report(ctx, stored, workers, network)
	if err := errors.Join(probeErr, statusErr); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: sooner(networkAgain, probeAgain, statusAgain)}, nil
}

// reconcileProbe brings the backlog probe to its wanted state. It returns the time
// after which to look again; zero means when something happens.
func (r *QueueAppReconciler) reconcileProbe(ctx context.Context, app *v1alpha1.QueueApp, used bool) (time.Duration, error) {
	name := client.ObjectKeyFromObject(app)
	live, err := get[appsv1.Deployment](ctx, r.Client, app.Namespace, objects.ProbeName(app.Name))
	if err != nil {
		return 0, err
	}
	if !used || !effective.NeedsProbe(app) {
		r.Backlogs.Drop(name)
		return 0, r.remove(ctx, app, live)
	}
	a, err := r.apply(ctx, app, live)
	if err != nil {
		return 0, err
	}
	where, err := r.find(ctx, app, live)
	if err != nil {
		return 0, err
	}
	if trouble := a.conflict + a.rejected; trouble != "" {
		// A probe that still runs belongs to an earlier spec.
		where = collector.Probe{Reason: protocol.BacklogMisconfigured, Message: trouble}
	}
	r.Backlogs.Track(name, where)
	return retryAfter(a), nil
}

// workersOf returns the names of the QueueWorkers that use an app.
func (r *QueueAppReconciler) workersOf(ctx context.Context, app types.NamespacedName) ([]string, error) {
	apps, err := listApps(ctx, r.Client, app.Namespace)
	if err != nil {
		return nil, err
	}
	workers := &v1alpha1.QueueWorkerList{}
	if err := r.Client.List(ctx, workers, client.InNamespace(app.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list QueueWorkers: %w", err)
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

// apply writes the probe's Deployment if it differs. It leaves alone a Deployment of
// another owner.
func (r *QueueAppReconciler) apply(ctx context.Context, app *v1alpha1.QueueApp, live *appsv1.Deployment) (application, error) {
	name := objects.ProbeName(app.Name)
	wanted, problem := objects.Probe(app, r.ProbeImage)
	if problem != nil {
		return application{}, nil // the QueueWorkers of the app say so
	}
	if live == nil {
		var err error
		if live, err = get[appsv1.Deployment](ctx, r.Live, app.Namespace, name); err != nil {
			return application{}, err
		}
	}
	if live != nil {
		if !metav1.IsControlledBy(live, app) {
			return application{conflict: fmt.Sprintf(
				"The Deployment %s exists already and %s, so it is left alone and the QueueApp %s cannot have its backlog probe; delete it or rename the QueueApp.",
				name, whose(live), app.Name)}, nil
		}
		// A Deployment that the cache lacks is too new for it, or has lost the label by
		// which the cache selects it.
		if settled, err := objects.Settled(live, wanted); err != nil || settled {
			return application{}, err
		}
	}
	err := r.Client.Apply(ctx, wanted, client.ForceOwnership)
	switch {
	case refused(err):
		return application{rejected: fmt.Sprintf("The API server refused the Deployment %s of the backlog probe: %s", name, refusal(err))}, nil
	case err != nil:
		return application{}, fmt.Errorf("apply Deployment %s: %w", name, err)
	}
	ctrl.LoggerFrom(ctx).Info("Applied object", "kind", "Deployment", "object", name)
	return application{}, nil
}

// remove deletes the probe of an app that needs none.
func (r *QueueAppReconciler) remove(ctx context.Context, app *v1alpha1.QueueApp, live *appsv1.Deployment) error {
	if live == nil || !metav1.IsControlledBy(live, app) {
		return nil
	}
	if err := r.Client.Delete(ctx, live, client.Preconditions{UID: &live.UID}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete Deployment %s: %w", live.Name, err)
	}
	return nil
}

// find returns where the probe can be asked: at the newest of its running pods, or, if
// none runs, why. Only pods of a ReplicaSet of the app's own Deployment count, because
// any user can set a label.
func (r *QueueAppReconciler) find(ctx context.Context, app *v1alpha1.QueueApp, live *appsv1.Deployment) (collector.Probe, error) {
	if live == nil || !metav1.IsControlledBy(live, app) {
		return collector.Probe{}, nil
	}
	ours := []client.ListOption{client.InNamespace(app.Namespace), client.MatchingLabels(objects.ProbeSelector(app.Name))}
	owners, err := replicaSetsOf(ctx, r.Client, live, ours...)
	if err != nil {
		return collector.Probe{}, err
	}
	pods := &corev1.PodList{}
	if err := r.Client.List(ctx, pods, ours...); err != nil {
		return collector.Probe{}, fmt.Errorf("list Pods: %w", err)
	}
	own := slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool {
		set := metav1.GetControllerOf(&pod)
		return set == nil || !owners[set.UID]
	})
	if err := r.announce(ctx, own); err != nil {
		return collector.Probe{}, err
	}
	return probeAmong(own), nil
}

// probeAmong returns where the newest running pod can be asked, or why none runs.
func probeAmong(pods []corev1.Pod) collector.Probe {
	slices.SortFunc(pods, func(a, b corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	all := make([]status.Pod, 0, len(pods))
	for i := range slices.Backward(pods) {
		pod := &pods[i]
		if active(pod) && isRunning(pod) && pod.Status.PodIP != "" {
			address, secure := addressOf(pod)
			return collector.Probe{UID: pod.UID, Address: address, Secure: secure}
		}
		all = append(all, status.Pod{Pod: pod})
	}
	if problem := status.ProbeProblem(all); problem != "" {
		return collector.Probe{Reason: protocol.BacklogUnreachable, Message: problem}
	}
	return collector.Probe{}
}
