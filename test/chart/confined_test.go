// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// policies returns the specs of the admission policies among objects, by name, and the
// actions of the bound policies.
func policies(objects []client.Object) (map[string]admissionregistrationv1.ValidatingAdmissionPolicySpec, map[string][]admissionregistrationv1.ValidationAction) {
	specs, bound := map[string]admissionregistrationv1.ValidatingAdmissionPolicySpec{}, map[string][]admissionregistrationv1.ValidationAction{}
	for _, object := range objects {
		switch object := object.(type) {
		case *admissionregistrationv1.ValidatingAdmissionPolicy:
			specs[object.Name] = object.Spec
		case *admissionregistrationv1.ValidatingAdmissionPolicyBinding:
			bound[object.Spec.PolicyName] = object.Spec.ValidationActions
		}
	}
	return specs, bound
}

func TestPoliciesAreThoseOfTheKustomizeTree(t *testing.T) {
	want, wantBound := policies(kustomize(t, "admission"))
	if len(want) != 4 {
		t.Fatalf("config/admission has %d policies, want 4", len(want))
	}
	for name, spec := range want {
		// The chart knows the operator's namespace.
		spec.MatchConditions[0].Expression = "request.userInfo.username == 'system:serviceaccount:queueworker-system:queueworker-manager'"
		want[name] = spec
		if *spec.FailurePolicy != admissionregistrationv1.Fail {
			t.Errorf("%s lets writes pass that it cannot judge", name)
		}
		if diff := cmp.Diff([]admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}, wantBound[name]); diff != "" {
			t.Errorf("%s does not deny (-want +got):\n%s", name, diff)
		}
	}
	got, gotBound := policies(render(t, "{}"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policies (-config +chart):\n%s", diff)
	}
	if diff := cmp.Diff(wantBound, gotBound); diff != "" {
		t.Errorf("bound policies (-config +chart):\n%s", diff)
	}
}

func TestPoliciesFollowTheValues(t *testing.T) {
	specs, _ := policies(render(t, "serviceAccount: {name: theirs}\nfullnameOverride: blue\nwatchNamespaces: [kube-system, shop]\nadmissionPolicies: {clusterNamespaces: [kube-system, platform]}"))
	for name, spec := range specs {
		if !strings.HasPrefix(name, "blue-") {
			t.Errorf("the policy %s would collide with another release's", name)
		}
		if got, want := spec.MatchConditions[0].Expression, "request.userInfo.username == 'system:serviceaccount:queueworker-system:theirs'"; got != want {
			t.Errorf("%s is for %s, want %s", name, got, want)
		}
	}
	if got, want := specs["blue-children"].Variables[0].Expression, "['platform']"; got != want {
		t.Errorf("the cluster's namespaces are %s, want %s: kube-system is watched", got, want)
	}
}

// TestPoliciesNeedTheirAPI renders for clusters that serve the API or not. GitOps tools
// may render without a cluster, and must not lose the policies because of that.
func TestPoliciesNeedTheirAPI(t *testing.T) {
	for name, tc := range map[string]struct {
		served []string
		want   bool
	}{
		"no cluster":                   {nil, true},
		"a cluster that serves it":     {[]string{"apps/v1/Deployment", "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy"}, true},
		"a cluster that turned it off": {[]string{"apps/v1/Deployment"}, false},
		"group versions without kinds": {[]string{"apps/v1", "admissionregistration.k8s.io/v1"}, true},
	} {
		args := []string{"template", release, chartDir, "--namespace", namespace, "--set", "crds.install=false"}
		for _, api := range tc.served {
			args = append(args, "--api-versions", api)
		}
		out, err := helm(t, args...)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out, "kind: ValidatingAdmissionPolicy\n"); got != tc.want {
			t.Errorf("%s: policies are made: %v, want %v", name, got, tc.want)
		}
	}
}

func TestTheNetworkPolicyIsThatOfTheKustomizeTree(t *testing.T) {
	want := only[*networkingv1.NetworkPolicy](t, kustomize(t, "network-policy"), "").Spec
	got := only[*networkingv1.NetworkPolicy](t, render(t, "{}"), "").Spec
	want.PodSelector = got.PodSelector // the release is one of the chart's labels
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the NetworkPolicy (-config +chart):\n%s", diff)
	}
}

// TestPrometheusSendsItsTokenToTheOperatorAlone checks that a ServiceMonitor verifies the
// certificate, unless the values turn that off.
func TestPrometheusSendsItsTokenToTheOperatorAlone(t *testing.T) {
	if _, err := tryRender(t, "metrics: {serviceMonitor: {enabled: true}}"); err == nil || !strings.Contains(err.Error(), "metrics.certificate.issuer.name") {
		t.Errorf("a ServiceMonitor without a certificate: want a refusal that says what to set, got %v", err)
	}
	objects := render(t, "metrics: {serviceMonitor: {enabled: true}, certificate: {issuer: {name: ours}}}")
	endpoints, _, err := unstructured.NestedSlice(ofKind(t, objects, "ServiceMonitor").Object, "spec", "endpoints")
	if err != nil || len(endpoints) != 1 {
		t.Fatalf("endpoints %v: %v", endpoints, err)
	}
	want := map[string]any{
		"serverName": "queueworker-metrics.queueworker-system.svc",
		"ca":         map[string]any{"secret": map[string]any{"name": "queueworker-metrics-tls", "key": "ca.crt"}},
	}
	if diff := cmp.Diff(want, endpoints[0].(map[string]any)["tlsConfig"]); diff != "" {
		t.Errorf("the ServiceMonitor's tlsConfig (-want +got):\n%s", diff)
	}
	certificate := ofKind(t, objects, "Certificate")
	spec := certificate.Object["spec"].(map[string]any)
	names, _, err := unstructured.NestedStringSlice(spec, "dnsNames")
	if err != nil || names[0] != "queueworker-metrics.queueworker-system.svc" || spec["secretName"] != "queueworker-metrics-tls" {
		t.Errorf("the Certificate is %v (%v)", spec, err)
	}
	pod := only[*appsv1.Deployment](t, objects, "").Spec.Template.Spec
	if secretOfVolume(pod, metricsVolume) != "queueworker-metrics-tls" {
		t.Errorf("the operator serves %v", pod.Volumes)
	}
}
