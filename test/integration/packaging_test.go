// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

const (
	operatorNamespace  = "queueworker-system"
	operatorDeployment = "queueworker-manager"
)

func TestKustomizeTreeInstallsIntoARestrictedNamespace(t *testing.T) {
	manifests, err := cluster.Kubectl(t.Context(), "", "kustomize", "../../config/default")
	if err != nil {
		t.Fatal(err)
	}
	install(t, manifests, operatorNamespace)
}

// TestTheCertificateComponentMountsItsSecret builds the kustomize tree with the component
// that serves the metrics with a certificate. It does not apply the manifests, because
// their kinds need cert-manager.
func TestTheCertificateComponentMountsItsSecret(t *testing.T) {
	overlay, err := os.MkdirTemp("../../config", "overlay-") //nolint:usetesting // kustomize reads a tree by relative paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(overlay) })
	tree := "resources: [../default]\ncomponents: [../metrics-certificate]\n"
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(tree), 0o600); err != nil {
		t.Fatal(err)
	}
	manifests, err := cluster.Kubectl(t.Context(), "", "kustomize", overlay)
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(manifests, "\n---\n") {
		if !strings.Contains(document, "\nkind: Deployment\n") {
			continue
		}
		deployment := &appsv1.Deployment{}
		if err := yaml.UnmarshalStrict([]byte(document), deployment); err != nil {
			t.Fatal(err)
		}
		pod := deployment.Spec.Template.Spec
		if len(pod.Volumes) != 1 || pod.Volumes[0].Secret.SecretName != "queueworker-metrics-tls" || pod.Containers[0].VolumeMounts[0].Name != pod.Volumes[0].Name {
			t.Errorf("the operator's pod does not mount the certificate: %v %v", pod.Volumes, pod.Containers[0].VolumeMounts)
		}
		if want := "--metrics-cert-dir=" + pod.Containers[0].VolumeMounts[0].MountPath; !slices.Contains(pod.Containers[0].Args, want) {
			t.Errorf("the operator's arguments %q lack %s", pod.Containers[0].Args, want)
		}
		return
	}
	t.Fatal("there is no Deployment")
}

func TestChartInstallsIntoARestrictedNamespace(t *testing.T) {
	install(t, "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: "+operatorNamespace+
		"\n  labels:\n    pod-security.kubernetes.io/enforce: restricted\n---\n"+
		helmTemplate(t, "replicas=2"), operatorNamespace)
}

// install applies manifests as users do, and waits until the operator's pods are
// admitted. The CRDs stay, because the other tests need them.
func install(t *testing.T, manifests, namespace string) {
	t.Helper()
	ctx := t.Context()
	t.Cleanup(func() { uninstall(t, manifests, namespace) })
	if _, err := cluster.Kubectl(ctx, manifests, "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the operator's pods are admitted", func(ctx context.Context) error {
		var deployment appsv1.Deployment
		if err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: operatorDeployment}, &deployment); err != nil {
			return err
		}
		for _, condition := range deployment.Status.Conditions {
			if condition.Type == appsv1.DeploymentReplicaFailure {
				return fmt.Errorf("pods are refused: %s", condition.Message)
			}
		}
		var pods corev1.PodList
		if err := api.List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabels(deployment.Spec.Selector.MatchLabels)); err != nil {
			return err
		}
		if len(pods.Items) != int(*deployment.Spec.Replicas) {
			return fmt.Errorf("%d pods, want %d", len(pods.Items), *deployment.Spec.Replicas)
		}
		return nil
	})
}

// uninstall removes what install created, the namespace last. It waits until the
// namespace is gone, so that the next test can create it again.
func uninstall(t *testing.T, manifests, namespace string) {
	t.Helper()
	ctx := context.Background() // the test's own context is over
	var rest []string
	for document := range strings.SplitSeq(manifests, "\n---\n") {
		if !strings.Contains(document, "\nkind: CustomResourceDefinition\n") && !strings.Contains(document, "\nkind: Namespace\n") {
			rest = append(rest, document)
		}
	}
	if _, err := cluster.Kubectl(ctx, strings.Join(rest, "\n---\n"), "delete", "--ignore-not-found", "-f", "-"); err != nil {
		t.Errorf("uninstall: %v", err)
	}
	// No kubelet runs these pods, so no kubelet ends them either.
	if _, err := cluster.Kubectl(ctx, "", "delete", "pods", "--all", "--force", "--grace-period=0", "-n", namespace); err != nil {
		t.Errorf("delete the operator's pods: %v", err)
	}
	if _, err := cluster.Kubectl(ctx, "", "delete", "namespace", namespace, "--ignore-not-found", "--timeout=1m"); err != nil {
		t.Errorf("delete the namespace: %v", err)
	}
}

func TestOperatorMayDoWhatItNeedsAndNoMore(t *testing.T) {
	manifests := helmTemplate(t)
	shop, elsewhere := newNamespace(t), newNamespace(t)
	narrow := helmTemplate(t, "watchNamespaces={"+shop+"}", "fullnameOverride=narrow")
	for _, rights := range []string{rolesOf(manifests), rolesOf(narrow)} {
		if _, err := cluster.Kubectl(t.Context(), rights, "apply", "-f", "-"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := cluster.Kubectl(context.Background(), rights, "delete", "-f", "-"); err != nil {
				t.Errorf("remove the roles: %v", err)
			}
		})
	}
	type question struct{ verb, resource, namespace string }
	tests := map[string]struct {
		account string
		yes, no []question
	}{
		"in all namespaces": {
			account: "queueworker-manager",
			yes: []question{
				{"list", "queueworkers.queueworker.dev", ""}, {"watch", "queueapps.queueworker.dev", ""},
				{"patch", "queueworkers.queueworker.dev/status", shop}, {"create", "deployments.apps", shop},
				{"patch", "pods", shop}, {"create", "events.events.k8s.io", shop},
				{"create", "tokenreviews.authentication.k8s.io", ""}, {"create", "subjectaccessreviews.authorization.k8s.io", ""},
			},
			no: []question{
				{"patch", "queueworkers.queueworker.dev", shop}, {"update", "queueapps.queueworker.dev", shop},
				{"get", "secrets", shop}, {"list", "secrets", ""}, {"create", "pods/exec", shop}, {"create", "pods", shop},
				{"delete", "pods", shop}, {"update", "leases.coordination.k8s.io", shop},
				{"create", "clusterrolebindings.rbac.authorization.k8s.io", ""}, {"create", "serviceaccounts/token", shop},
			},
		},
		"in one namespace": {
			account: "narrow-manager",
			yes: []question{
				{"list", "queueworkers.queueworker.dev", shop}, {"patch", "queueworkers.queueworker.dev/status", shop},
				{"create", "deployments.apps", shop},
			},
			no: []question{
				{"list", "queueworkers.queueworker.dev", ""}, {"list", "queueworkers.queueworker.dev", elsewhere},
				{"create", "deployments.apps", elsewhere}, {"get", "pods", operatorNamespace},
			},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			ask := func(q question, want string) {
				t.Helper()
				// "pods/exec" is the subresource exec of pods.
				resource, subresource, _ := strings.Cut(q.resource, "/")
				args := []string{"auth", "can-i", q.verb, resource, "--subresource=" + subresource, "--as=system:serviceaccount:" + operatorNamespace + ":" + tc.account}
				if q.namespace == "" {
					args = append(args, "--all-namespaces")
				} else {
					args = append(args, "--namespace="+q.namespace)
				}
				out, err := cluster.Kubectl(t.Context(), "", args...)
				if got := strings.TrimSpace(out); got != want {
					t.Errorf("may %s %s %s in %q? %q (%v), want %q", tc.account, q.verb, q.resource, q.namespace, got, err, want)
				}
			}
			for _, q := range tc.yes {
				ask(q, "yes")
			}
			for _, q := range tc.no {
				ask(q, "no")
			}
		})
	}
}

// rolesOf keeps the roles and bindings of manifests that are outside of the operator's
// own namespace, which does not exist in this test.
func rolesOf(manifests string) string {
	var kept []string
	for document := range strings.SplitSeq(manifests, "\n---\n") {
		isRole := strings.Contains(document, "\napiVersion: rbac.authorization.k8s.io/v1\n")
		if isRole && !strings.Contains(document, "\n  namespace: "+operatorNamespace+"\n  labels:") {
			kept = append(kept, document)
		}
	}
	return strings.Join(kept, "\n---\n")
}

func TestSamplesAndWhatHelmPrintsAreAccepted(t *testing.T) {
	samples, err := cluster.Kubectl(t.Context(), "", "kustomize", "../../config/samples")
	if err != nil {
		t.Fatal(err)
	}
	notes, err := os.ReadFile("../../charts/queueworker/templates/NOTES.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, fromNotes, found := strings.Cut(string(notes), "<<YAML\n")
	fromNotes, _, ended := strings.Cut(fromNotes, "\n  YAML\n")
	if !found || !ended {
		t.Fatal("NOTES.txt has no manifest between <<YAML and YAML")
	}
	for name, manifests := range map[string]string{
		"config/samples": samples,
		"NOTES.txt":      strings.ReplaceAll("\n"+fromNotes, "\n  ", "\n"),
	} {
		out, err := cluster.Kubectl(t.Context(), manifests, "apply", "--dry-run=server", "--validate=strict", "-n", newNamespace(t), "-f", "-")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		requireContains(t, out, "queueapp.queueworker.dev/shop created")
		requireContains(t, out, "queueworker.queueworker.dev/emails created")
	}
}

// helmTemplate renders the chart with the real helm, without CRDs, and with values as for
// --set.
func helmTemplate(t *testing.T, values ...string) string {
	t.Helper()
	build := exec.CommandContext(t.Context(), "../../hack/tool.sh", "helm")
	build.Stderr = os.Stderr
	helm, err := build.Output()
	if err != nil {
		t.Fatalf("hack/tool.sh helm: %v", err)
	}
	args := []string{"template", "queueworker", "../../charts/queueworker", "--namespace", operatorNamespace, "--set", "crds.install=false"}
	for _, value := range values {
		args = append(args, "--set", value)
	}
	out, err := exec.CommandContext(t.Context(), strings.TrimSpace(string(helm)), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("helm %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
