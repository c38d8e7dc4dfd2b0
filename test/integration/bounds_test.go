// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/stretch"
)

func stretched(t *testing.T) *stretch.Apps {
	t.Helper()
	apps, err := stretch.Load(crds)
	if err != nil {
		t.Fatal(err)
	}
	return apps
}

// TestTheAPIServerKeepsTheBounds asks an API server once for each field name.
// test/stretch tries every bound, with the API server's own code.
func TestTheAPIServerKeepsTheBounds(t *testing.T) {
	namespace := newNamespace(t)
	asked := map[string]bool{}
	for app := range stretched(t).EachBound() {
		over := app.Size > app.Most
		key := fmt.Sprint(app.Kind, over, app.Name[strings.LastIndexByte(app.Name, '.'):])
		if asked[key] {
			continue
		}
		asked[key] = true
		app.Object.SetNamespace(namespace)
		err := api.Create(t.Context(), app.Object, client.DryRunAll)
		switch {
		case over && (!apierrors.IsInvalid(err) || !strings.Contains(err.Error(), fmt.Sprint(app.Most))):
			t.Errorf("%s of %d: %v; want a refusal that names the bound %d", app.Name, app.Size, err, app.Most)
		case !over && err != nil:
			t.Errorf("%s of %d, its bound: %v", app.Name, app.Size, err)
		}
	}
	if len(asked) < 300 {
		t.Errorf("only %d objects were tried", len(asked))
	}
}

func TestTheAPIServerTakesWhatIsStretchedTogether(t *testing.T) {
	namespace := newNamespace(t)
	for app := range stretched(t).Together() {
		app.Object.SetNamespace(namespace)
		if err := api.Create(t.Context(), app.Object, client.DryRunAll); err != nil {
			t.Errorf("%s, %d bytes: %v", app.Name, app.Bytes(), err)
		}
	}
}

func TestKubectlSaysWhatIsTooLarge(t *testing.T) {
	namespace := newNamespace(t)
	repeat := func(entry string, n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(entry+",", n), ",") + "]"
	}
	env := func(n, size int) string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf(`{name: A%d, value: %s}`, i, strings.Repeat("x", size)))
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	containers := "containers: [{name: worker, image: x}]"
	for name, tc := range map[string]struct{ kind, spec, want string }{
		"tens of thousands of tolerations": {
			"QueueApp", "template: {spec: {" + containers + ", tolerations: " + repeat("{}", 20_000) + "}}",
			"spec.template.spec.tolerations: Too many: 20000: must have at most 64 items",
		},
		"a long variable": {
			"QueueApp", "template: {spec: {containers: [{name: worker, env: " + env(1, 32769) + "}]}}",
			"spec.template.spec.containers[0].env[0].value: Too long: may not be more than 32768 bytes",
		},
		"many variables of some length": {
			"QueueApp", "template: {spec: {containers: [{name: worker, env: " + env(200, 1000) + "}]}}",
			"the variables, commands, arguments and annotations of template must have at most 131072 characters together; move long ones to a ConfigMap",
		},
		"too many labels": {
			"QueueApp", "template: {metadata: {labels: " + labels(129) + "}, spec: {" + containers + "}}",
			"spec.template.metadata.labels: Too many: 129: must have at most 128 items",
		},
		"a label's long key": {
			"QueueApp", "template: {metadata: {labels: {" + strings.Repeat("k", 318) + ": a}}, spec: {" + containers + "}}",
			"the keys of labels must be at most 317 characters",
		},
		"an ephemeral container": {
			"QueueApp", "template: {spec: {" + containers + ", ephemeralContainers: [{name: a}]}}",
			"spec.template.spec.ephemeralContainers: Too many: 1: must have at most 0 items",
		},
		"long variables of a pool": {
			"QueueWorker", "env: " + env(100, 2000),
			"the values of env must have at most 131072 characters together; move long ones to a ConfigMap",
		},
	} {
		t.Run(name, func(t *testing.T) {
			object := manifest(t, tc.kind, namespace, "fat", tc.spec)
			document, err := json.Marshal(object.Object)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "fat.json")
			if err := os.WriteFile(file, document, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = cluster.Kubectl(t.Context(), "", "create", "-f", file)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("kubectl create said %v\nwant %q", err, tc.want)
			}
		})
	}
}

func labels(n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("k%d: v", i))
	}
	return "{" + strings.Join(out, ",") + "}"
}

// crdOfApps is the name of the CRD of QueueApps; tolerationsSchema is the path in its
// schema to the tolerations of a template.
const crdOfApps = "queueapps.queueworker.dev"

var tolerationsSchema = []string{"properties", "spec", "properties", "template", "properties", "spec", "properties", "tolerations"}

// withoutTheBound lifts the bound on the number of tolerations while within runs, to
// store objects from before there was a bound.
func withoutTheBound(t *testing.T, within func()) {
	t.Helper()
	set := func(most any) {
		change(t, crd(), "", crdOfApps, func(crd *unstructured.Unstructured) {
			versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
			version, _ := versions[0].(map[string]any)
			schema, _, _ := unstructured.NestedMap(version, "schema", "openAPIV3Schema")
			path := append(slices.Clone(tolerationsSchema), "maxItems")
			if most == nil {
				unstructured.RemoveNestedField(schema, path...)
			} else if err := unstructured.SetNestedField(schema, most, path...); err != nil {
				t.Fatal(err)
			}
			if err := unstructured.SetNestedMap(version, schema, "schema", "openAPIV3Schema"); err != nil {
				t.Fatal(err)
			}
			if err := unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions"); err != nil {
				t.Fatal(err)
			}
		})
	}
	set(nil)
	defer set(int64(64))
	within()
}

func crd() *unstructured.Unstructured {
	out := &unstructured.Unstructured{}
	out.SetAPIVersion("apiextensions.k8s.io/v1")
	out.SetKind("CustomResourceDefinition")
	return out
}

// TestAQueueAppFromBeforeABoundIsToldAndKeepsRunning: the operator reports a QueueApp
// that was stored before a bound, and does not use it. The running pods continue, and
// users can control and repair the pool.
func TestAQueueAppFromBeforeABoundIsToldAndKeepsRunning(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Obj())
	waitReady(t, namespace, "emails")
	before := deploymentOf(t, namespace, "emails")

	withoutTheBound(t, func() {
		change(t, &v1alpha1.QueueApp{}, namespace, "shop", func(app *v1alpha1.QueueApp) {
			app.Spec.Template.Spec.Tolerations = make([]corev1.Toleration, 20_000)
		})
	})
	const excess = `"shop" is larger than the operator reads: spec.template.spec.tolerations has more than 64 entries`
	told := waitFor(t, namespace, "emails", "says that the QueueApp is too large", all(
		hasCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonTooLarge),
		hasCondition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonTooLarge),
	))
	requireContains(t, message(told, v1alpha1.ConditionReady), excess)
	stalled := func(want bool) func(context.Context) error {
		return func(ctx context.Context) error {
			app := &v1alpha1.QueueApp{}
			if err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "shop"}, app); err != nil {
				return err
			}
			condition := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionStalled)
			if got := condition != nil && strings.Contains(condition.Message, excess); got != want || condition != nil != want {
				return fmt.Errorf("the condition Stalled of the QueueApp is %+v", condition)
			}
			return nil
		}
	}
	eventually(t, "the QueueApp says so itself", stalled(true))

	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = true })
	waitFor(t, namespace, "emails", "is paused", hasCondition(v1alpha1.ConditionPaused, metav1.ConditionTrue, v1alpha1.ReasonPaused))
	if after := deploymentOf(t, namespace, "emails"); after.Generation != before.Generation {
		t.Errorf("the Deployment has generation %d, had %d: it was changed", after.Generation, before.Generation)
	}
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = false })

	change(t, &v1alpha1.QueueApp{}, namespace, "shop", func(app *v1alpha1.QueueApp) { app.Spec.Template.Spec.Tolerations = nil })
	waitReady(t, namespace, "emails")
	eventually(t, "the QueueApp says so no more", stalled(false))
}
