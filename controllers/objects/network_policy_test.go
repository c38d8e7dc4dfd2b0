// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"queueworker.dev/queueworker/api/v1alpha1"
)

func TestNetworkPolicyAdmitsTheOperatorAndPrometheusAlone(t *testing.T) {
	app := &v1alpha1.QueueApp{ObjectMeta: metav1.ObjectMeta{Namespace: "shops", Name: "shop", UID: "1"}}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(NetworkPolicy(app, "operators"))
	if err != nil {
		t.Fatal(err)
	}
	got := &networkingv1.NetworkPolicy{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, got); err != nil {
		t.Fatal(err)
	}
	labelled := func(key, value string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
	}
	want := networkingv1.NetworkPolicySpec{
		PodSelector: *labelled("queueworker.dev/app", "shop"),
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		Ingress: []networkingv1.NetworkPolicyIngressRule{
			{From: []networkingv1.NetworkPolicyPeer{{
				NamespaceSelector: labelled("kubernetes.io/metadata.name", "operators"),
				PodSelector:       labelled("queueworker.dev/component", "operator"),
			}}},
			{
				From:  []networkingv1.NetworkPolicyPeer{{NamespaceSelector: labelled("metrics", "enabled")}},
				Ports: []networkingv1.NetworkPolicyPort{{Protocol: new(corev1.ProtocolTCP), Port: new(intstr.FromInt32(9797))}},
			},
		},
	}
	if diff := cmp.Diff(want, got.Spec); diff != "" {
		t.Errorf("the spec differs (-want +got):\n%s", diff)
	}
	if !metav1.IsControlledBy(got, app) {
		t.Errorf("the owner references are %+v; want the QueueApp as controller, so that the policy is deleted with it", got.OwnerReferences)
	}
	if same, err := SameNetworkPolicy(got, NetworkPolicy(app, "operators")); err != nil || !same {
		t.Errorf("SameNetworkPolicy() = %v, %v for the policy itself; want true, or it would be written at every pass", same, err)
	}
	for name, open := range map[string]func(*networkingv1.NetworkPolicySpec){
		"a rule for everybody": func(s *networkingv1.NetworkPolicySpec) {
			s.Ingress = append(s.Ingress, networkingv1.NetworkPolicyIngressRule{})
		},
		"another peer": func(s *networkingv1.NetworkPolicySpec) {
			s.Ingress[0].From = append(s.Ingress[0].From, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0"}})
		},
		"a narrower podSelector": func(s *networkingv1.NetworkPolicySpec) { s.PodSelector.MatchLabels["x"] = "y" },
	} {
		changed := got.DeepCopy()
		open(&changed.Spec)
		if same, err := SameNetworkPolicy(changed, NetworkPolicy(app, "operators")); err != nil || same {
			t.Errorf("%s: SameNetworkPolicy() = %v, %v; want false, so that the operator restores it", name, same, err)
		}
	}
}
