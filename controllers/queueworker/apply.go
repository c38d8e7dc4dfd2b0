// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"context"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/kube"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/queueworker/plan"
)

// child is an object of the pool: the live object and the wanted one.
type child struct {
	kind   schema.GroupVersionKind
	name   string
	live   client.Object
	wanted runtime.ApplyConfiguration
}

// deploymentKind is the kind of the object that runs the pods of a pool.
var deploymentKind = appsv1.SchemeGroupVersion.WithKind("Deployment")

// String names the child in messages.
func (c child) String() string { return c.kind.Kind + " " + c.name }

// children returns the objects of the pool in the order in which they are written: the
// ConfigMap first, because pods wait for it.
func children(w *plan.World, d plan.Decision) []child {
	var out []child
	add := func(kind schema.GroupVersionKind, name string, exists bool, live client.Object, wanted runtime.ApplyConfiguration) {
		if !exists {
			live = nil
		}
		out = append(out, child{kind, name, live, wanted})
	}
	add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), objects.ControlName(w.Worker.Name),
		w.ConfigMap != nil, w.ConfigMap, d.Objects.ConfigMap)
	if d.Objects.PodDisruptionBudget != nil {
		add(policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"), objects.WorkloadName(w.Worker.Name),
			w.Budget != nil, w.Budget, d.Objects.PodDisruptionBudget)
	}
	if d.Objects.Deployment != nil {
		add(deploymentKind, objects.WorkloadName(w.Worker.Name),
			w.Deployment != nil, w.Deployment, d.Objects.Deployment)
	}
	return out
}

// apply writes the objects that differ from the wanted ones. An object of another owner
// stops it before anything is created for the pool, because half a pool is of no use. A
// pool that has its Deployment is stopped, scaled and controlled all the same, even
// while the API server refuses its other objects.
func (r *Reconciler) apply(ctx context.Context, w *plan.World, d plan.Decision, next *poolMemory) (kube.Outcome, error) {
	if err := r.endRuns(ctx, w, d); err != nil {
		return kube.Outcome{}, err
	}
	pending, conflict, err := r.pending(ctx, w, d)
	if err != nil {
		return kube.Outcome{}, err
	}
	a := kube.Outcome{Conflict: conflict}
	if conflict == "" {
		if a, err = r.applyAll(ctx, w, d, pending, next); err != nil {
			return kube.Outcome{}, err
		}
	}
	if a == (kube.Outcome{}) {
		if a, err = r.startRun(ctx, w, d, next); err != nil {
			return kube.Outcome{}, err
		}
	}
	if a != (kube.Outcome{}) {
		return a, r.applyLittle(ctx, w, d, next)
	}
	if d.Objects.Deployment == nil && !effective.IsBatch(&w.Worker.Spec) {
		err = r.scaleOnly(ctx, w, d, next)
	}
	return a, errors.Join(err, r.prune(ctx, w, d), r.control(ctx, w, d, next))
}

// applyLittle does what is possible for a pool while some of its objects cannot be written.
func (r *Reconciler) applyLittle(ctx context.Context, w *plan.World, d plan.Decision, next *poolMemory) error {
	if len(w.OpenRuns()) > 0 {
		return r.control(ctx, w, d, next)
	}
	if w.Deployment == nil || !objects.OwnedBy(w.Deployment, w.Worker) {
		return nil
	}
	return errors.Join(r.scaleOnly(ctx, w, d, next), r.control(ctx, w, d, next))
}

// applyAll writes objects in order, up to the first refused one.
func (r *Reconciler) applyAll(ctx context.Context, w *plan.World, d plan.Decision, pending []child, next *poolMemory) (kube.Outcome, error) {
	for _, c := range pending {
		ctx := ctx
		if c.kind.Kind == deploymentKind.Kind {
			ctx = resizing(ctx, w, d)
		}
		if refused, err := kube.Apply(ctx, r.Client, c.String(), c.wanted); refused != "" || err != nil {
			return kube.Outcome{Refused: refused}, err
		}
	}
	if applied := d.Objects.Deployment; applied != nil && applied.ResourceVersion != nil {
		// The answer of the API server was read into it.
		next.deploymentVersion = *applied.ResourceVersion
	}
	return kube.Outcome{}, nil
}

// pending returns the children that must be written, or a sentence that names a child
// with another owner.
func (r *Reconciler) pending(ctx context.Context, w *plan.World, d plan.Decision) ([]child, string, error) {
	var out []child
	for _, c := range children(w, d) {
		cached := c.live != nil
		if !cached {
			if err := r.readPastCache(ctx, w, &c); err != nil {
				return nil, "", err
			}
		}
		if c.live != nil && !objects.OwnedBy(c.live, w.Worker) {
			return nil, conflictWith(c, w.Worker), nil
		}
		settled, err := c.settled(cached)
		if err != nil {
			return nil, "", err
		}
		if !settled {
			out = append(out, c)
		}
	}
	return out, "", nil
}

// settled reports whether an owned child needs no write.
func (c child) settled(cached bool) (bool, error) {
	switch {
	case c.live == nil:
		return false, nil
	case !cached:
		// Either the cache has not yet received a recent write, or the object has lost
		// the label by which the cache selects it.
		return c.live.GetLabels()[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy, nil
	}
	return objects.Settled(c.live, c.wanted)
}

// readPastCache looks for an object that the cache does not have.
func (r *Reconciler) readPastCache(ctx context.Context, w *plan.World, c *child) error {
	object, err := kube.GetMetadata(ctx, r.Live, c.kind, w.Worker.Namespace, c.name)
	if object != nil {
		c.live = object
	}
	return err
}

// conflictWith says that a child of that name has another owner, and what to do.
func conflictWith(c child, worker *v1alpha1.QueueWorker) string {
	return fmt.Sprintf("The %s %s exists already and %s. The operator does not change it, so the QueueWorker %s lacks this object. Delete the existing object, or rename the QueueWorker.",
		c.kind.Kind, c.name, kube.OwnerOf(c.live), worker.Name)
}

// scaleOnly scales a pool whose template must stay as it is, because the QueueApp cannot be
// used or the API server refuses an object. So such a pool can still be stopped.
func (r *Reconciler) scaleOnly(ctx context.Context, w *plan.World, d plan.Decision, next *poolMemory) error {
	pods := d.Removal.Replicas
	live := w.Deployment
	if live == nil || !objects.OwnedBy(live, w.Worker) || live.Spec.Replicas != nil && *live.Spec.Replicas == pods {
		return nil
	}
	scaled := live.DeepCopy()
	scaled.Spec.Replicas = &pods
	version, err := kube.Scale(resizing(ctx, w, d), r.Client, "Deployment "+live.Name, live, scaled)
	if err != nil {
		return err
	}
	next.deploymentVersion = version
	return nil
}

// prune deletes the PodDisruptionBudget of a pool that no longer needs one.
func (r *Reconciler) prune(ctx context.Context, w *plan.World, d plan.Decision) error {
	if d.Objects.Deployment == nil || d.Objects.PodDisruptionBudget != nil || w.Budget == nil || !objects.OwnedBy(w.Budget, w.Worker) {
		return nil
	}
	return kube.Delete(ctx, r.Client, "PodDisruptionBudget "+w.Budget.Name, w.Budget, metav1.DeletePropagationBackground)
}
