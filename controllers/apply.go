// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/objects"
)

// application is the result of applying a decision.
type application struct {
	// conflict says which object belongs to another owner; empty if none does.
	conflict string
	// rejected is the API server's refusal of an object; empty if there was none.
	rejected string
}

// child is an object of the pool: the live object and the wanted one.
type child struct {
	kind   schema.GroupVersionKind
	name   string
	live   client.Object
	wanted runtime.ApplyConfiguration
}

// children returns the objects of the pool in the order in which they are written: the
// ConfigMap first, because pods wait for it.
func children(o *observation, d decision) []child {
	var out []child
	add := func(kind schema.GroupVersionKind, name string, exists bool, live client.Object, wanted runtime.ApplyConfiguration) {
		if !exists {
			live = nil
		}
		out = append(out, child{kind, name, live, wanted})
	}
	add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), objects.ControlName(o.worker.Name),
		o.configMap != nil, o.configMap, d.objects.ConfigMap)
	if d.objects.PodDisruptionBudget != nil {
		add(policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"), objects.WorkloadName(o.worker.Name),
			o.budget != nil, o.budget, d.objects.PodDisruptionBudget)
	}
	if d.objects.Deployment != nil {
		add(appsv1.SchemeGroupVersion.WithKind("Deployment"), objects.WorkloadName(o.worker.Name),
			o.deployment != nil, o.deployment, d.objects.Deployment)
	}
	return out
}

// apply writes the objects that differ from the wanted ones. An object of another owner
// stops it before anything is created for the pool, because half a pool is of no use. A
// pool that has its Deployment is stopped, scaled and controlled all the same, even
// while the API server refuses its other objects.
func (r *QueueWorkerReconciler) apply(ctx context.Context, o *observation, d decision) (application, error) {
	if err := r.endRuns(ctx, o, d); err != nil {
		return application{}, err
	}
	pending, conflict, err := r.pending(ctx, o, d)
	if err != nil {
		return application{}, err
	}
	a := application{conflict: conflict}
	if conflict == "" {
		if a, err = r.applyAll(ctx, o, d, pending); err != nil {
			return application{}, err
		}
	}
	if a == (application{}) {
		if a, err = r.startRun(ctx, o, d); err != nil {
			return application{}, err
		}
	}
	if a != (application{}) {
		return a, r.applyLittle(ctx, o, d)
	}
	if d.objects.Deployment == nil && !effective.IsBatch(&o.worker.Spec) {
		err = r.scaleOnly(ctx, o, d)
	}
	return a, errors.Join(err, r.prune(ctx, o, d), r.control(ctx, o, d))
}

// applyLittle does what is possible for a pool while some of its objects cannot be written.
func (r *QueueWorkerReconciler) applyLittle(ctx context.Context, o *observation, d decision) error {
	if len(o.openRuns()) > 0 {
		return r.control(ctx, o, d)
	}
	if o.deployment == nil || !objects.OwnedBy(o.deployment, o.worker) {
		return nil
	}
	return errors.Join(r.scaleOnly(ctx, o, d), r.control(ctx, o, d))
}

// applyAll writes objects in order, up to the first refused one.
func (r *QueueWorkerReconciler) applyAll(ctx context.Context, o *observation, d decision, pending []child) (application, error) {
	for _, c := range pending {
		err := r.Client.Apply(ctx, c.wanted, client.ForceOwnership)
		switch {
		case refused(err):
			return application{rejected: fmt.Sprintf("The API server refused the %s %s: %s", c.kind.Kind, c.name, refusal(err))}, nil
		case err != nil:
			return application{}, fmt.Errorf("apply %s %s: %w", c.kind.Kind, c.name, err)
		}
		ctrl.LoggerFrom(ctx).Info("Applied object", "kind", c.kind.Kind, "object", c.name)
	}
	if applied := d.objects.Deployment; applied != nil && applied.ResourceVersion != nil {
		// The answer of the API server was read into it.
		r.memory.of(client.ObjectKeyFromObject(o.worker)).deploymentVersion = *applied.ResourceVersion
	}
	return application{}, nil
}

// pending returns the children that must be written, or a sentence that names a child
// with another owner.
func (r *QueueWorkerReconciler) pending(ctx context.Context, o *observation, d decision) ([]child, string, error) {
	var out []child
	for _, c := range children(o, d) {
		cached := c.live != nil
		if !cached {
			if err := r.readPastCache(ctx, o, &c); err != nil {
				return nil, "", err
			}
		}
		if c.live != nil && !objects.OwnedBy(c.live, o.worker) {
			return nil, foreign(c, o.worker), nil
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
func (r *QueueWorkerReconciler) readPastCache(ctx context.Context, o *observation, c *child) error {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(c.kind)
	err := r.Live.Get(ctx, types.NamespacedName{Namespace: o.worker.Namespace, Name: c.name}, object)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("look for %s %s: %w", c.kind.Kind, c.name, err)
	}
	c.live = object
	return nil
}

func foreign(c child, worker *v1alpha1.QueueWorker) string {
	return fmt.Sprintf("The %s %s exists already and %s, so it is left alone and the QueueWorker %s cannot have its own; delete it or rename the QueueWorker.",
		c.kind.Kind, c.name, whose(c.live), worker.Name)
}

// whose says which controller an object belongs to.
func whose(object metav1.Object) string {
	if controller := metav1.GetControllerOf(object); controller != nil {
		return fmt.Sprintf("belongs to the %s %s", controller.Kind, controller.Name)
	}
	return "belongs to nobody"
}

// refused reports whether the API server does not take an object as it is. For objects
// that server-side apply cannot merge, such as a mount path that both the template and
// the agent use, its error has no reason.
func refused(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) ||
		err != nil && strings.Contains(err.Error(), "failed to create typed patch object")
}

// refusal returns the API server's reason without its preamble, as a sentence.
func refusal(err error) string {
	message := err.Error()
	if status, ok := errors.AsType[*apierrors.StatusError](err); ok {
		message = status.ErrStatus.Message
	}
	return strings.TrimRight(strings.TrimSpace(message), ".") + "."
}

// scaleOnly scales a pool whose template must stay as it is, because the QueueApp cannot be
// used or the API server refuses an object. So such a pool can still be stopped.
func (r *QueueWorkerReconciler) scaleOnly(ctx context.Context, o *observation, d decision) error {
	pods := d.removal.Replicas
	live := o.deployment
	if live == nil || !objects.OwnedBy(live, o.worker) || live.Spec.Replicas != nil && *live.Spec.Replicas == pods {
		return nil
	}
	scaled := live.DeepCopy()
	scaled.Spec.Replicas = &pods
	if err := r.Client.Patch(ctx, scaled, client.MergeFrom(live)); err != nil {
		return fmt.Errorf("scale Deployment %s: %w", live.Name, err)
	}
	r.memory.of(client.ObjectKeyFromObject(o.worker)).deploymentVersion = scaled.ResourceVersion
	return nil
}

// prune deletes the PodDisruptionBudget of a pool that no longer needs one.
func (r *QueueWorkerReconciler) prune(ctx context.Context, o *observation, d decision) error {
	if d.objects.Deployment == nil || d.objects.PodDisruptionBudget != nil || o.budget == nil || !objects.OwnedBy(o.budget, o.worker) {
		return nil
	}
	err := r.Client.Delete(ctx, o.budget, client.Preconditions{UID: &o.budget.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete PodDisruptionBudget %s: %w", o.budget.Name, err)
	}
	return nil
}
