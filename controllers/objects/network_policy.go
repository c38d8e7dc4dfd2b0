// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	// operatorComponent is the value of LabelComponent of the operator's pods.
	operatorComponent = "operator"
	// metricsLabel and metricsEnabled mark the namespaces whose Prometheus may read
	// metrics, as in the operator's own NetworkPolicy.
	metricsLabel, metricsEnabled = "metrics", "enabled"
)

// NetworkPolicyName returns the name of the NetworkPolicy of a QueueApp.
func NetworkPolicyName(app string) string { return app + "-queueworker" }

// NetworkPolicy returns the NetworkPolicy for the worker, probe and command pods of a
// QueueApp. It admits the operator, which runs in operatorNamespace, on every port, and
// the namespaces with the label metrics: enabled on the port that serves metrics. The
// kubelet needs no rule: a NetworkPolicy does not apply to the pod's own node.
func NetworkPolicy(app *v1alpha1.QueueApp, operatorNamespace string) *networkingv1ac.NetworkPolicyApplyConfiguration {
	operator := networkingv1ac.NetworkPolicyPeer().
		WithNamespaceSelector(selecting(corev1.LabelMetadataName, operatorNamespace)).
		WithPodSelector(selecting(v1alpha1.LabelComponent, operatorComponent))
	prometheus := networkingv1ac.NetworkPolicyPeer().
		WithNamespaceSelector(selecting(metricsLabel, metricsEnabled))
	metrics := networkingv1ac.NetworkPolicyPort().
		WithProtocol(corev1.ProtocolTCP).WithPort(intstr.FromInt32(protocol.Port))
	return networkingv1ac.NetworkPolicy(NetworkPolicyName(app.Name), app.Namespace).
		WithLabels(map[string]string{v1alpha1.LabelApp: app.Name, v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}).
		WithOwnerReferences(appOwner(app)).
		WithSpec(networkingv1ac.NetworkPolicySpec().
			WithPodSelector(selecting(v1alpha1.LabelApp, app.Name)).
			WithPolicyTypes(networkingv1.PolicyTypeIngress).
			WithIngress(
				networkingv1ac.NetworkPolicyIngressRule().WithFrom(operator),
				networkingv1ac.NetworkPolicyIngressRule().WithFrom(prometheus).WithPorts(metrics),
			))
}

// SameNetworkPolicy reports whether a live NetworkPolicy restricts as wanted. It
// compares the whole spec, because each rule that another client adds opens the pods.
func SameNetworkPolicy(live *networkingv1.NetworkPolicy, wanted *networkingv1ac.NetworkPolicyApplyConfiguration) (bool, error) {
	spec := &networkingv1.NetworkPolicySpec{}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(wanted.Spec)
	if err == nil {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(fields, spec)
	}
	if err != nil {
		return false, fmt.Errorf("read the spec of NetworkPolicy %s: %w", live.Name, err)
	}
	if !equality.Semantic.DeepEqual(&live.Spec, spec) {
		return false, nil
	}
	return Covers(live, wanted)
}

func selecting(label, value string) *metav1ac.LabelSelectorApplyConfiguration {
	return metav1ac.LabelSelector().WithMatchLabels(map[string]string{label: value})
}

// appOwner returns a reference that makes the QueueApp the controller of a child, so
// that the child is deleted with it.
func appOwner(app *v1alpha1.QueueApp) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(v1alpha1.SchemeGroupVersion.String()).
		WithKind("QueueApp").
		WithName(app.Name).
		WithUID(app.UID).
		WithController(true)
}
