// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

const (
	top       = "../.."
	chartDir  = top + "/charts/queueworker"
	release   = "queueworker"
	namespace = "queueworker-system"
)

// helmPath builds helm on first use.
var helmPath = sync.OnceValues(func() (string, error) {
	cmd := exec.Command(filepath.Join(top, "hack", "tool.sh"), "helm")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("hack/tool.sh helm: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
})

// helm runs helm with its own home directory, so that no user's repositories, plugins or
// kubeconfig have an effect.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := helmPath()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	home := t.TempDir()
	cmd.Env = []string{"HOME=" + home, "HELM_CACHE_HOME=" + home, "HELM_CONFIG_HOME=" + home, "HELM_DATA_HOME=" + home, "KUBECONFIG="}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("helm %s: %w: %s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}

// render renders the chart with values in YAML, and reads every object strictly: an
// unknown or misspelt field is an error.
func render(t *testing.T, values string) []client.Object {
	t.Helper()
	objects, err := tryRender(t, values)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func tryRender(t *testing.T, values string) ([]client.Object, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := helm(t, "template", release, chartDir, "--namespace", namespace, "--values", file)
	if err != nil {
		return nil, err
	}
	return decode([]byte(out))
}

// decode reads a stream of YAML documents into typed objects.
func decode(stream []byte) ([]client.Object, error) {
	var objects []client.Object
	reader := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(stream)))
	defer reader.Close()
	buffer := make([]byte, len(stream)+1)
	for {
		n, err := reader.Read(buffer)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		object, err := decodeOnce(buffer[:n])
		if err != nil {
			return nil, fmt.Errorf("%w in:\n%s", err, buffer[:n])
		}
		if object != nil {
			objects = append(objects, object)
		}
	}
}

// large holds the documents that are worth decoding only once: the CRDs, which take most
// of the time and are the same in most renderings. The tests never change these objects.
var large sync.Map

func decodeOnce(document []byte) (client.Object, error) {
	if len(document) < 10_000 {
		return decodeOne(document)
	}
	if known, ok := large.Load(string(document)); ok {
		return known.(client.Object), nil
	}
	object, err := decodeOne(document)
	if err == nil {
		large.Store(string(document), object)
	}
	return object, err
}

func decodeOne(document []byte) (client.Object, error) {
	var meta runtime.TypeMeta
	if err := yaml.Unmarshal(document, &meta); err != nil {
		return nil, err
	}
	if meta.Kind == "" {
		return nil, nil // only comments
	}
	object, ok := map[string]client.Object{
		"apps/v1 Deployment":                               &appsv1.Deployment{},
		"v1 Namespace":                                     &corev1.Namespace{},
		"v1 Service":                                       &corev1.Service{},
		"v1 ServiceAccount":                                &corev1.ServiceAccount{},
		"networking.k8s.io/v1 NetworkPolicy":               &networkingv1.NetworkPolicy{},
		"policy/v1 PodDisruptionBudget":                    &policyv1.PodDisruptionBudget{},
		"rbac.authorization.k8s.io/v1 ClusterRole":         &rbacv1.ClusterRole{},
		"rbac.authorization.k8s.io/v1 ClusterRoleBinding":  &rbacv1.ClusterRoleBinding{},
		"rbac.authorization.k8s.io/v1 Role":                &rbacv1.Role{},
		"rbac.authorization.k8s.io/v1 RoleBinding":         &rbacv1.RoleBinding{},
		"apiextensions.k8s.io/v1 CustomResourceDefinition": &apiextensionsv1.CustomResourceDefinition{},
		"monitoring.coreos.com/v1 ServiceMonitor":          &unstructured.Unstructured{},
		"cert-manager.io/v1 Certificate":                   &unstructured.Unstructured{},
		"cert-manager.io/v1 Issuer":                        &unstructured.Unstructured{},

		"admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy":        &admissionregistrationv1.ValidatingAdmissionPolicy{},
		"admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding": &admissionregistrationv1.ValidatingAdmissionPolicyBinding{},
	}[meta.APIVersion+" "+meta.Kind]
	if !ok {
		return nil, fmt.Errorf("unexpected kind %s %s", meta.APIVersion, meta.Kind)
	}
	return object, yaml.UnmarshalStrict(document, object)
}

// only returns the only object of a type, by name if there are several.
func only[T client.Object](t *testing.T, objects []client.Object, name string) T {
	t.Helper()
	var found []T
	for _, object := range objects {
		if typed, ok := object.(T); ok && (name == "" || typed.GetName() == name) {
			found = append(found, typed)
		}
	}
	if len(found) != 1 {
		t.Fatalf("found %d objects of type %T named %q, want 1", len(found), *new(T), name)
	}
	return found[0]
}

// count returns how many objects of a type there are.
func count[T client.Object](objects []client.Object) int {
	n := 0
	for _, object := range objects {
		if _, ok := object.(T); ok {
			n++
		}
	}
	return n
}
