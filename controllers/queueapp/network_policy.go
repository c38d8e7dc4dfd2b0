// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueapp

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/kube"
	"queueworker.dev/queueworker/controllers/objects"
)

// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch;delete

// reconcileNetworkPolicy makes the NetworkPolicy of a QueueApp match spec.networkPolicy. It
// returns the condition that reports it, nil if there should be none.
func (r *Reconciler) reconcileNetworkPolicy(ctx context.Context, app *v1alpha1.QueueApp) (*metav1.Condition, time.Duration, error) {
	live, cached, err := r.liveNetworkPolicy(ctx, app)
	if err != nil {
		return nil, 0, err
	}
	if !app.Spec.NetworkPolicy {
		return nil, 0, r.removeNetworkPolicy(ctx, app, live)
	}
	if r.Namespace == "" {
		return networkCondition(app, v1alpha1.ReasonRejected, fmt.Sprintf(
			"The operator does not know the namespace it runs in, so it cannot make the NetworkPolicy %s; start it with --operator-namespace.",
			objects.NetworkPolicyName(app.Name))), 0, nil
	}
	a, err := r.applyNetworkPolicy(ctx, app, live, cached)
	switch {
	case err != nil:
		return nil, 0, err
	case a.Conflict != "":
		return networkCondition(app, v1alpha1.ReasonForeignObject, a.Conflict), a.RetryAfter(), nil
	case a.Refused != "":
		return networkCondition(app, v1alpha1.ReasonRejected, a.Refused), a.RetryAfter(), nil
	}
	return networkCondition(app, v1alpha1.ReasonApplied, fmt.Sprintf(
		"The NetworkPolicy %s admits only the operator and, for metrics, namespaces labelled metrics: enabled. Whether the cluster's network enforces it is not checked.",
		objects.NetworkPolicyName(app.Name))), 0, nil
}

// networkCondition returns the condition NetworkPolicyApplied, True only for ReasonApplied.
func networkCondition(app *v1alpha1.QueueApp, reason, message string) *metav1.Condition {
	status := metav1.ConditionFalse
	if reason == v1alpha1.ReasonApplied {
		status = metav1.ConditionTrue
	}
	return &metav1.Condition{
		Type: v1alpha1.ConditionNetworkPolicyApplied, Status: status, Reason: reason, Message: message,
		ObservedGeneration: app.Generation,
	}
}

// setNetworkCondition replaces the condition NetworkPolicyApplied, or removes it for nil.
// The conditions stay in order: in another order, the next pass would write them again.
func setNetworkCondition(status *v1alpha1.QueueAppStatus, condition *metav1.Condition, now time.Time) {
	if condition == nil {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionNetworkPolicyApplied)
		return
	}
	set := *condition
	set.LastTransitionTime = metav1.NewTime(now)
	meta.SetStatusCondition(&status.Conditions, set)
	slices.SortFunc(status.Conditions, func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) })
}

// liveNetworkPolicy returns the NetworkPolicy of that name, whoever owns it, and
// reports whether the cache has it. It reads past the cache only for a QueueApp that
// wants a NetworkPolicy.
func (r *Reconciler) liveNetworkPolicy(ctx context.Context, app *v1alpha1.QueueApp) (*networkingv1.NetworkPolicy, bool, error) {
	name := objects.NetworkPolicyName(app.Name)
	live, err := kube.Get[networkingv1.NetworkPolicy](ctx, r.Client, app.Namespace, name)
	if err != nil || live != nil || !app.Spec.NetworkPolicy {
		return live, live != nil, err
	}
	live, err = kube.Get[networkingv1.NetworkPolicy](ctx, r.Live, app.Namespace, name)
	return live, false, err
}

func (r *Reconciler) applyNetworkPolicy(ctx context.Context, app *v1alpha1.QueueApp, live *networkingv1.NetworkPolicy, cached bool) (kube.Outcome, error) {
	name := objects.NetworkPolicyName(app.Name)
	wanted := objects.NetworkPolicy(app, r.Namespace)
	if live != nil {
		if !metav1.IsControlledBy(live, app) {
			return kube.Outcome{Conflict: fmt.Sprintf(
				"The NetworkPolicy %s exists already and %s. The operator does not change it, so the QueueApp %s lacks its NetworkPolicy. Delete the existing NetworkPolicy, or set spec.networkPolicy to false.",
				name, kube.OwnerOf(live), app.Name)}, nil
		}
		same, err := objects.SameNetworkPolicy(live, wanted)
		if err != nil || same && (cached || live.Labels[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy) {
			return kube.Outcome{}, err
		}
	}
	refused, err := kube.Apply(ctx, r.Client, "NetworkPolicy "+name, wanted)
	return kube.Outcome{Refused: refused}, err
}

func (r *Reconciler) removeNetworkPolicy(ctx context.Context, app *v1alpha1.QueueApp, live *networkingv1.NetworkPolicy) error {
	if live == nil || !metav1.IsControlledBy(live, app) {
		return nil
	}
	return kube.Delete(ctx, r.Client, "NetworkPolicy "+live.Name, live, metav1.DeletePropagationBackground)
}
