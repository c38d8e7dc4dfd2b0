// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

func TestANetworkPolicyComesAndGoesWithTheField(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	app := builders.QueueApp(namespace, "shop").Obj()
	app.Spec.NetworkPolicy = true
	create(t, app)
	waitApp(t, namespace, "shop", v1alpha1.ConditionNetworkPolicyApplied, metav1.ConditionTrue)

	key := client.ObjectKey{Namespace: namespace, Name: "shop-queueworker"}
	policy := &networkingv1.NetworkPolicy{}
	if err := api.Get(t.Context(), key, policy); err != nil {
		t.Fatal(err)
	}
	if !metav1.IsControlledBy(policy, app) {
		t.Errorf("the NetworkPolicy is owned by %+v; want the QueueApp as controller", policy.OwnerReferences)
	}

	change(t, &networkingv1.NetworkPolicy{}, namespace, key.Name, func(p *networkingv1.NetworkPolicy) { p.Spec.Ingress[0].From = nil })
	eventually(t, "the operator closes what somebody opened", func(ctx context.Context) error {
		if err := api.Get(ctx, key, policy); err != nil {
			return err
		}
		if len(policy.Spec.Ingress[0].From) != 1 {
			return errors.New("the first rule admits everybody")
		}
		return nil
	})

	change(t, &v1alpha1.QueueApp{}, namespace, "shop", func(a *v1alpha1.QueueApp) { a.Spec.NetworkPolicy = false })
	eventually(t, "the NetworkPolicy and its condition are gone", func(ctx context.Context) error {
		if err := api.Get(ctx, key, policy); !apierrors.IsNotFound(err) {
			return errors.Join(errors.New("the NetworkPolicy is still there"), err)
		}
		if err := api.Get(ctx, client.ObjectKeyFromObject(app), app); err != nil {
			return err
		}
		if meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionNetworkPolicyApplied) != nil {
			return errors.New("the condition NetworkPolicyApplied is still there")
		}
		return nil
	})
}

func TestANetworkPolicyOfAnotherOwnerIsLeftAlone(t *testing.T) {
	namespace := newNamespace(t)
	foreign := &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop-queueworker"},
		Spec:       networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}},
	}
	create(t, foreign)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	app := builders.QueueApp(namespace, "shop").Obj()
	app.Spec.NetworkPolicy = true
	create(t, app)
	got := waitApp(t, namespace, "shop", v1alpha1.ConditionNetworkPolicyApplied, metav1.ConditionFalse)
	condition := meta.FindStatusCondition(got.Status.Conditions, v1alpha1.ConditionNetworkPolicyApplied)
	if condition.Reason != v1alpha1.ReasonForeignObject || !strings.Contains(condition.Message, "shop-queueworker exists already") {
		t.Errorf("the condition is %+v; want it to name the object that stands in the way", condition)
	}
	if err := api.Delete(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	waitApp(t, namespace, "shop", v1alpha1.ConditionNetworkPolicyApplied, metav1.ConditionTrue)
}
