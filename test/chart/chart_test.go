// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

func TestLint(t *testing.T) {
	if out, err := helm(t, "lint", "--strict", chartDir); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// toggles are values that change the rendering, each with a check of the result.
var toggles = map[string]struct {
	values string
	check  func(*testing.T, rendering)
}{
	"without CRDs": {"crds: {install: false}", func(t *testing.T, r rendering) {
		r.wantNone(t, count[*apiextensionsv1.CustomResourceDefinition](r.objects), "CRDs")
	}},
	"CRDs that go with the release": {"crds: {keep: false}", func(t *testing.T, r rendering) {
		for _, object := range r.objects {
			if _, ok := object.GetAnnotations()["helm.sh/resource-policy"]; ok {
				t.Errorf("%s would be kept", object.GetName())
			}
		}
	}},
	"a service account of somebody else": {"serviceAccount: {create: false, name: theirs}", func(t *testing.T, r rendering) {
		r.wantNone(t, count[*corev1.ServiceAccount](r.objects), "ServiceAccounts")
		if got := r.pod(t).ServiceAccountName; got != "theirs" {
			t.Errorf("the pod runs as %s, want theirs", got)
		}
	}},
	"rights granted by somebody else": {"rbac: {create: false}", func(t *testing.T, r rendering) {
		r.wantNone(t, count[*rbacv1.ClusterRoleBinding](r.objects)+count[*rbacv1.RoleBinding](r.objects), "bindings")
	}},
	"no rights for people": {"rbac: {aggregate: false}", func(t *testing.T, r rendering) {
		for _, object := range r.objects {
			for label := range object.GetLabels() {
				if strings.HasPrefix(label, "rbac.authorization.k8s.io/aggregate-to-") {
					t.Errorf("%s is aggregated", object.GetName())
				}
			}
		}
	}},
	"no metrics": {"metrics: {enabled: false}", func(t *testing.T, r rendering) {
		r.wantArg(t, "--metrics-bind-address=0")
		r.wantNone(t, count[*corev1.Service](r.objects), "Services")
	}},
	"metrics for all": {"metrics: {secure: false}", func(t *testing.T, r rendering) {
		for _, object := range r.objects {
			if strings.Contains(object.GetName(), "metrics-auth") {
				t.Errorf("%T %s is there, but nobody's token is checked", object, object.GetName())
			}
		}
	}},
	"another metrics port": {"metrics: {port: 9443}", func(t *testing.T, r rendering) {
		if r.values != r.alone {
			return // metrics may be off
		}
		r.wantArg(t, "--metrics-bind-address=:9443")
		policy := only[*networkingv1.NetworkPolicy](t, r.objects, "")
		if got := policy.Spec.Ingress[0].Ports[0].Port.IntValue(); got != 9443 {
			t.Errorf("the NetworkPolicy lets port %d through, want 9443", got)
		}
	}},
	"a ServiceMonitor": {"metrics: {serviceMonitor: {enabled: true, insecureSkipVerify: true, labels: {prometheus: main}}}", func(t *testing.T, r rendering) {
		if r.values != r.alone {
			return // metrics may be off
		}
		monitor := ofKind(t, r.objects, "ServiceMonitor")
		service := only[*corev1.Service](t, r.objects, "")
		selector, _, err := unstructured.NestedStringMap(monitor.Object, "spec", "selector", "matchLabels")
		if err != nil {
			t.Fatal(err)
		}
		for key, value := range selector {
			if service.Labels[key] != value {
				t.Errorf("the ServiceMonitor selects %s=%s, which the Service lacks", key, value)
			}
		}
		if monitor.GetLabels()["prometheus"] != "main" {
			t.Errorf("the ServiceMonitor has labels %v, want prometheus=main among them", monitor.GetLabels())
		}
	}},
	"a certificate of cert-manager": {"metrics: {certificate: {issuer: {name: ours, kind: ClusterIssuer}}}", func(t *testing.T, r rendering) {
		if r.values == r.alone {
			r.wantCertificate(t, "queueworker-metrics-tls")
		}
	}},
	"a certificate in a Secret": {"metrics: {certificate: {secretName: ours}}", func(t *testing.T, r rendering) {
		if r.values == r.alone {
			r.wantCertificate(t, "ours")
		}
	}},
	"no admission policies": {"admissionPolicies: {enabled: false}", func(t *testing.T, r rendering) {
		r.wantNone(t, count[*admissionregistrationv1.ValidatingAdmissionPolicy](r.objects), "policies")
		r.wantNone(t, count[*admissionregistrationv1.ValidatingAdmissionPolicyBinding](r.objects), "bindings of policies")
	}},
	"pods with access to their nodes": {"admissionPolicies: {hostAccess: true}", func(t *testing.T, r rendering) {
		for _, object := range r.objects {
			if strings.HasSuffix(object.GetName(), "-templates") {
				t.Errorf("%T %s is there", object, object.GetName())
			}
		}
	}},
	"metrics for nobody": {"networkPolicy: {metricsFrom: []}", func(t *testing.T, r rendering) {
		for _, object := range r.objects {
			if policy, ok := object.(*networkingv1.NetworkPolicy); ok && len(policy.Spec.Ingress) > 0 {
				t.Errorf("the NetworkPolicy lets in %v, want nobody", policy.Spec.Ingress)
			}
		}
	}},
	"an operator that may connect to anything": {"networkPolicy: {egress: {enabled: false}}", func(t *testing.T, r rendering) {
		for _, object := range r.objects {
			if policy, ok := object.(*networkingv1.NetworkPolicy); ok && (len(policy.Spec.Egress) > 0 || slices.Contains(policy.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)) {
				t.Errorf("the NetworkPolicy restricts egress: %v", policy.Spec)
			}
		}
	}},
	"no NetworkPolicy": {"networkPolicy: {enabled: false}", func(t *testing.T, r rendering) {
		r.wantNone(t, count[*networkingv1.NetworkPolicy](r.objects), "NetworkPolicies")
	}},
	"three operators": {"replicas: 3", func(t *testing.T, r rendering) {
		budget := only[*policyv1.PodDisruptionBudget](t, r.objects, "")
		deployment := r.deployment(t)
		if diff := cmp.Diff(deployment.Spec.Selector, budget.Spec.Selector); diff != "" {
			t.Errorf("the budget is not for the operator's pods (-deployment +budget):\n%s", diff)
		}
		if len(r.pod(t).TopologySpreadConstraints) != 1 {
			t.Error("three operator pods are not spread over nodes")
		}
	}},
	"two namespaces": {"watchNamespaces: [shop, blog]", func(t *testing.T, r rendering) {
		r.wantArg(t, "--watch-namespaces=shop,blog")
		for _, object := range r.objects {
			if role, ok := object.(*rbacv1.ClusterRole); ok && role.Name == "queueworker-manager" {
				t.Error("the operator has a ClusterRole, want a Role in each namespace")
			}
		}
	}},
	"images by digest": {"image: {digest: sha256:" + strings.Repeat("a", 64) + "}\nagent: {image: {repository: mirror.example.com/agent, tag: v2}}\nbacklog: {image: {repository: mirror.example.com/backlog, tag: v3}}", func(t *testing.T, r rendering) {
		if got, want := r.pod(t).Containers[0].Image, "docker.io/queueworker/operator@sha256:"+strings.Repeat("a", 64); got != want {
			t.Errorf("operator image %s, want %s", got, want)
		}
		r.wantArg(t, "--agent-image=mirror.example.com/agent:v2")
		r.wantArg(t, "--backlog-image=mirror.example.com/backlog:v3")
	}},
	"where and how the operator runs": {
		"nodeSelector: {disk: fast}\ntolerations: [{key: dedicated, operator: Exists}]\naffinity: {nodeAffinity: {}}\npriorityClassName: system-cluster-critical\n" +
			"podLabels: {team: queues}\npodAnnotations: {note: hello}\nimagePullSecrets: [{name: mirror}]\nlogLevel: debug\nmaxConcurrentReconciles: 2\nnamespaceCPU: 0.5",
		func(t *testing.T, r rendering) {
			pod, meta := r.pod(t), r.deployment(t).Spec.Template.ObjectMeta
			if pod.NodeSelector["disk"] != "fast" || len(pod.Tolerations) != 1 || pod.Affinity == nil || pod.PriorityClassName != "system-cluster-critical" || len(pod.ImagePullSecrets) != 1 {
				t.Errorf("a value did not reach the pod:\n%+v", pod)
			}
			if meta.Labels["team"] != "queues" || meta.Annotations["note"] != "hello" {
				t.Errorf("the pod has labels %v and annotations %v", meta.Labels, meta.Annotations)
			}
			r.wantArg(t, "--zap-log-level=debug")
			r.wantArg(t, "--max-concurrent-reconciles=2")
			r.wantArg(t, "--namespace-cpu=0.5")
		}},
}

// A rendering holds the objects that the chart renders for some values.
type rendering struct {
	objects []client.Object
	// values are the given values; alone is the toggle under test. They differ if another
	// toggle was given with it.
	values, alone string
}

func (r rendering) deployment(t *testing.T) *appsv1.Deployment {
	t.Helper()
	return only[*appsv1.Deployment](t, r.objects, "queueworker-manager")
}

func (r rendering) pod(t *testing.T) corev1.PodSpec {
	t.Helper()
	return r.deployment(t).Spec.Template.Spec
}

func (r rendering) wantArg(t *testing.T, want string) {
	t.Helper()
	if args := r.pod(t).Containers[0].Args; !slices.Contains(args, want) {
		t.Errorf("the operator's arguments %q lack %q", args, want)
	}
}

// wantCertificate checks that the metrics are served with the certificate in a Secret.
func (r rendering) wantCertificate(t *testing.T, secret string) {
	t.Helper()
	r.wantArg(t, "--metrics-cert-dir=/etc/queueworker/metrics")
	pod := r.pod(t)
	mounted := slices.ContainsFunc(pod.Containers[0].VolumeMounts, func(mount corev1.VolumeMount) bool {
		return mount.MountPath == "/etc/queueworker/metrics" && mount.Name == metricsVolume
	})
	if got := secretOfVolume(pod, metricsVolume); got != secret || !mounted {
		t.Errorf("the pod mounts the Secret %q (mounted: %v), want %s", got, mounted, secret)
	}
}

// ofKind returns the only object of a kind for which this repository has no type.
func ofKind(t *testing.T, objects []client.Object, kind string) *unstructured.Unstructured {
	t.Helper()
	for _, object := range objects {
		if found, ok := object.(*unstructured.Unstructured); ok && found.GetKind() == kind {
			return found
		}
	}
	t.Fatalf("there is no %s", kind)
	return nil
}

func (r rendering) wantNone(t *testing.T, got int, what string) {
	t.Helper()
	if got != 0 {
		t.Errorf("%d %s, want none", got, what)
	}
}

// TestTogglesAloneAndInPairs renders each toggle, and each pair of toggles.
func TestTogglesAloneAndInPairs(t *testing.T) {
	names := make([]string, 0, len(toggles))
	for name := range toggles {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, first := range names {
		for _, second := range names[i:] {
			name := first
			if second != first {
				name += " and " + second
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				values := merge(t, toggles[first].values, toggles[second].values)
				objects := render(t, values)
				for _, toggle := range []string{first, second} {
					alone := merge(t, toggles[toggle].values, "{}")
					toggles[toggle].check(t, rendering{objects: objects, values: values, alone: alone})
				}
				checkCoherent(t, objects)
			})
		}
	}
}

// merge lays one set of values over another.
func merge(t *testing.T, first, second string) string {
	t.Helper()
	var merged, over map[string]any
	if err := yaml.Unmarshal([]byte(first), &merged); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(second), &over); err != nil {
		t.Fatal(err)
	}
	out, err := yaml.Marshal(overlay(merged, over))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func overlay(under, over map[string]any) map[string]any {
	for key, value := range over {
		below, isMap := value.(map[string]any)
		old, wasMap := under[key].(map[string]any)
		if isMap && wasMap {
			under[key] = overlay(old, below)
		} else {
			under[key] = value
		}
	}
	return under
}

// checkCoherent checks what must hold for all values: every namespaced object has a
// namespace, and every binding binds an existing role to the account of the pod.
func checkCoherent(t *testing.T, objects []client.Object) {
	t.Helper()
	roles := map[string]bool{}
	for _, object := range objects {
		switch object.(type) {
		case *rbacv1.ClusterRole, *rbacv1.Role:
			roles[fmt.Sprintf("%T %s/%s", object, object.GetNamespace(), object.GetName())] = true
		case *apiextensionsv1.CustomResourceDefinition, *rbacv1.ClusterRoleBinding,
			*admissionregistrationv1.ValidatingAdmissionPolicy, *admissionregistrationv1.ValidatingAdmissionPolicyBinding:
		default:
			if object.GetNamespace() == "" {
				t.Errorf("%T %s does not say its namespace", object, object.GetName())
			}
		}
	}
	account := only[*appsv1.Deployment](t, objects, "").Spec.Template.Spec.ServiceAccountName
	for _, object := range objects {
		var subjects []rbacv1.Subject
		var role string
		switch binding := object.(type) {
		case *rbacv1.ClusterRoleBinding:
			subjects, role = binding.Subjects, "*v1.ClusterRole /"+binding.RoleRef.Name
		case *rbacv1.RoleBinding:
			subjects, role = binding.Subjects, "*v1.Role "+binding.Namespace+"/"+binding.RoleRef.Name
		default:
			continue
		}
		if !roles[role] {
			t.Errorf("%s binds %s, which is not rendered", object.GetName(), role)
		}
		want := []rbacv1.Subject{{Kind: "ServiceAccount", Name: account, Namespace: namespace}}
		if diff := cmp.Diff(want, subjects); diff != "" {
			t.Errorf("%s binds somebody else (-want +got):\n%s", object.GetName(), diff)
		}
	}
}

func TestCRDsAreInstalledAndKeptByDefault(t *testing.T) {
	objects := render(t, "{}")
	if got := count[*apiextensionsv1.CustomResourceDefinition](objects); got != 3 {
		t.Fatalf("%d CRDs, want 3", got)
	}
	for _, name := range []string{"queueapps.queueworker.dev", "queuecommands.queueworker.dev", "queueworkers.queueworker.dev"} {
		crd := only[*apiextensionsv1.CustomResourceDefinition](t, objects, name)
		if crd.Annotations["helm.sh/resource-policy"] != "keep" {
			t.Errorf("uninstalling the chart would remove %s and everything of its kind", name)
		}
		var plain apiextensionsv1.CustomResourceDefinition
		file := filepath.Join(top, "config", "crd", "bases", "queueworker.dev_"+strings.TrimSuffix(name, ".queueworker.dev")+".yaml")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(raw, &plain); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plain.Spec, crd.Spec); diff != "" {
			t.Errorf("%s differs from the chart's (-config +chart):\n%s", file, diff)
		}
	}
}

func TestReleaseNameStandsInEveryName(t *testing.T) {
	out, err := helm(t, "template", "blue", chartDir, "--namespace", "elsewhere", "--set", "crds.install=false")
	if err != nil {
		t.Fatal(err)
	}
	objects, err := decode([]byte(out))
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		if !strings.HasPrefix(object.GetName(), "blue-queueworker-") {
			t.Errorf("%T %s would collide with another release's", object, object.GetName())
		}
	}
}

// metricsVolume is the volume with the certificate of the metrics.
const metricsVolume = "metrics-certificate"

// secretOfVolume returns the Secret of a pod's volume; empty if there is none.
func secretOfVolume(pod corev1.PodSpec, name string) string {
	for _, volume := range pod.Volumes {
		if volume.Name == name && volume.Secret != nil {
			return volume.Secret.SecretName
		}
	}
	return ""
}
