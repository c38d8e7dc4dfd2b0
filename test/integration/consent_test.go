// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

// poolEditorRole is the role for users who may write QueueWorkers but not QueueApps.
const poolEditorRole = "../../config/rbac/queueworker_pool_editor_role.yaml"

// belongs is a phrase in the refusal of env that names a Secret.
const belongs = "a value from a Secret, a ConfigMap or a file belongs into the QueueApp"

// anotherTeams is the name of a Secret and a ConfigMap that no QueueApp uses.
const anotherTeams = "another-teams"

// sources are the ways to take a variable's value from another object or file that a
// QueueWorker must not use, by their API field.
var sources = map[string]string{
	"secretKeyRef":    `{secretKeyRef: {name: another-teams, key: password}}`,
	"configMapKeyRef": `{configMapKeyRef: {name: another-teams, key: password}}`,
	"fileKeyRef":      `{fileKeyRef: {volumeName: another-teams, path: env, key: password}}`,
}

// poolEditor returns a client with only the shipped role in a namespace.
func poolEditor(t *testing.T, namespace string) client.Client {
	t.Helper()
	raw, err := os.ReadFile(poolEditorRole)
	if err != nil {
		t.Fatal(err)
	}
	shipped := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(raw, shipped); err != nil {
		t.Fatal(err)
	}
	create(t,
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "pools"}},
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "pools"}, Rules: shipped.Rules},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "pools"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "pools"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "pools"}},
		})
	config := rest.CopyConfig(cluster.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + namespace + ":pools"}
	editor, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the role counts", func(ctx context.Context) error {
		return editor.List(ctx, &v1alpha1.QueueWorkerList{}, client.InNamespace(namespace))
	})
	return editor
}

// TestWhoWritesQueueWorkersGetsNoSecret tries to reach a Secret and a ConfigMap that no
// QueueApp uses, with only the right to write QueueWorkers.
func TestWhoWritesQueueWorkersGetsNoSecret(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	meta := metav1.ObjectMeta{Namespace: namespace, Name: anotherTeams}
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Obj(),
		&corev1.Secret{ObjectMeta: meta, StringData: map[string]string{"password": "hunter2"}},
		&corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"password": "hunter2"}})
	waitReady(t, namespace, "emails")
	editor := poolEditor(t, namespace)

	for name, object := range map[string]client.Object{
		"read the Secret":       &corev1.Secret{ObjectMeta: meta},
		"read the ConfigMap":    &corev1.ConfigMap{ObjectMeta: meta},
		"read the Deployment":   &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "emails-worker"}},
		"read the QueueCommand": &v1alpha1.QueueCommand{ObjectMeta: meta},
	} {
		if err := editor.Get(t.Context(), client.ObjectKeyFromObject(object), object); !apierrors.IsForbidden(err) {
			t.Errorf("%s: %v, want it forbidden", name, err)
		}
	}
	for name, object := range map[string]client.Object{
		"a QueueApp":     builders.QueueApp(namespace, "own").Obj(),
		"a QueueCommand": &v1alpha1.QueueCommand{ObjectMeta: meta, Spec: v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionOnce}},
		"a pod":          &corev1.Pod{ObjectMeta: meta, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "b"}}}},
	} {
		if err := editor.Create(t.Context(), object); !apierrors.IsForbidden(err) {
			t.Errorf("create %s: %v, want it forbidden", name, err)
		}
	}
	for name, source := range sources {
		t.Run(name, func(t *testing.T) { tryEnv(t, editor, namespace, source) })
	}
	if err := editor.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "emails"}, &v1alpha1.QueueWorker{}); err != nil {
		t.Fatal(err)
	}
	// The pool follows a permitted change, so the operator has seen all the attempts.
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Processes = new(int32(2)) })
	waitReady(t, namespace, "emails")
	requireUnused(t, namespace)
}

// tryEnv tries to put a source into a QueueWorker in every way to write one.
func tryEnv(t *testing.T, editor client.Client, namespace, source string) {
	t.Helper()
	env := `env: [{name: REDIS_HOST, value: attacker.example.com}, {name: REDIS_PASSWORD, valueFrom: ` + source + `}]`
	patch, err := yaml.YAMLToJSON([]byte("spec: {" + env + "}"))
	if err != nil {
		t.Fatal(err)
	}
	emails := func() client.Object { return manifest(t, "QueueWorker", namespace, "emails", env) }
	live := &v1alpha1.QueueWorker{}
	if err := editor.Get(t.Context(), client.ObjectKeyFromObject(emails()), live); err != nil {
		t.Fatal(err)
	}
	updated := emails()
	updated.SetResourceVersion(live.ResourceVersion)
	apply := func(name string) error {
		object := manifest(t, "QueueWorker", namespace, name, env)
		return editor.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("attacker"), client.ForceOwnership)
	}
	for how, err := range map[string]error{
		"create":                  editor.Create(t.Context(), manifest(t, "QueueWorker", namespace, "new", env)),
		"create by apply":         apply("new"),
		"update":                  editor.Update(t.Context(), updated),
		"apply":                   apply("emails"),
		"merge patch":             editor.Patch(t.Context(), emails(), client.RawPatch(types.MergePatchType, patch)),
		"a patch of the status":   editor.Status().Patch(t.Context(), emails(), client.RawPatch(types.MergePatchType, patch)),
		"a patch of another name": editor.Patch(t.Context(), manifest(t, "QueueWorker", namespace, "none", env), client.RawPatch(types.MergePatchType, patch)),
	} {
		switch {
		case how == "a patch of the status" && apierrors.IsForbidden(err), how == "a patch of another name" && apierrors.IsNotFound(err):
		case err == nil || !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), belongs) || !strings.Contains(err.Error(), "spec.env"):
			t.Errorf("%s: %v, want a refusal that says %q", how, err, belongs)
		}
	}
}

// requireUnused fails the test if a pod or a workload of a namespace names the other
// team's objects.
func requireUnused(t *testing.T, namespace string) {
	t.Helper()
	looked := 0
	for _, list := range []client.ObjectList{&corev1.PodList{}, &appsv1.DeploymentList{}, &appsv1.ReplicaSetList{}} {
		if err := api.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		items, err := itemsOf(list)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			looked++
			text, err := yaml.Marshal(item)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), anotherTeams) {
				t.Errorf("%T %s names it:\n%s", item, item.GetName(), text)
			}
		}
	}
	if looked == 0 {
		t.Error("there is no pod and no Deployment to look at")
	}
}

// TestEverySourceOfEnvIsDecidedOn: if Kubernetes adds a source, this project must permit
// or refuse it deliberately.
func TestEverySourceOfEnvIsDecidedOn(t *testing.T) {
	permitted := []string{"fieldRef", "resourceFieldRef"}
	for field := range reflect.TypeFor[corev1.EnvVarSource]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if _, refused := sources[name]; !refused && !slices.Contains(permitted, name) {
			t.Errorf("env may come from %s: refuse it in the rule of spec.env and try it here, or permit it", name)
		}
	}
}

// withoutTheRule lifts the rule that refuses env from a Secret while store runs. So store
// can create objects from before the rule. The rule is in force again when withoutTheRule
// returns.
func withoutTheRule(t *testing.T, namespace string, store func()) {
	t.Helper()
	probe := func() error {
		object := manifest(t, "QueueWorker", namespace, "probe", `env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]`)
		return api.Create(t.Context(), object, client.DryRunAll)
	}
	rules := changeEnvRules(t, func(rules []any) []any {
		return slices.DeleteFunc(slices.Clone(rules), func(rule any) bool {
			return strings.Contains(rule.(map[string]any)["rule"].(string), "secretKeyRef")
		})
	})
	restore := func() { changeEnvRules(t, func([]any) []any { return rules }) }
	defer func() {
		restore()
		eventually(t, "the rule is in force", func(context.Context) error {
			if err := probe(); !apierrors.IsInvalid(err) {
				return fmt.Errorf("a Secret is answered by %w", err)
			}
			return nil
		})
	}()
	eventually(t, "the rule is gone", func(context.Context) error { return probe() })
	store()
}

// changeEnvRules changes the rules of spec.env in the CRD, and returns the previous
// rules.
func changeEnvRules(t *testing.T, how func([]any) []any) []any {
	t.Helper()
	var before []any
	ctx := context.WithoutCancel(t.Context())
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	for range 10 {
		if err := api.Get(ctx, client.ObjectKey{Name: "queueworkers.queueworker.dev"}, crd); err != nil {
			t.Fatal(err)
		}
		versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
		if err != nil || len(versions) != 1 {
			t.Fatalf("the CRD has %d versions, %v", len(versions), err)
		}
		path := []string{"schema", "openAPIV3Schema", "properties", "spec", "properties", "env", "x-kubernetes-validations"}
		version := versions[0].(map[string]any)
		if before, _, err = unstructured.NestedSlice(version, path...); err != nil {
			t.Fatal(err)
		}
		err = errors.Join(
			unstructured.SetNestedSlice(version, how(before), path...),
			unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions"))
		if err != nil {
			t.Fatal(err)
		}
		if err = api.Update(ctx, crd); err == nil {
			return before
		}
		if !apierrors.IsConflict(err) {
			t.Fatal(err)
		}
	}
	t.Fatal("the CRD could not be changed: others write it too")
	return nil
}

// TestAQueueWorkerFromBeforeKeepsItsSecret: it was accepted with the rights of its time,
// and no user can create another.
func TestAQueueWorkerFromBeforeKeepsItsSecret(t *testing.T) {
	namespace := newNamespace(t)
	create(t, builders.QueueApp(namespace, "shop").Obj(),
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop"}, StringData: map[string]string{"key": "x"}})
	secret := func(name string) corev1.EnvVar {
		return corev1.EnvVar{Name: "KEY", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: "key",
		}}}
	}
	withoutTheRule(t, namespace, func() {
		create(t, builders.QueueWorker(namespace, "emails").Spec(func(s *v1alpha1.QueueWorkerSpec) {
			s.Env = []corev1.EnvVar{secret("shop"), {Name: "A", Value: "1"}}
		}).Obj())
	})
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	told := waitFor(t, namespace, "emails", "is ready and tells", all(isReady,
		hasCondition(v1alpha1.ConditionNotPermitted, metav1.ConditionTrue, v1alpha1.ReasonFromBefore)))
	requireSentence(t, message(told, v1alpha1.ConditionNotPermitted), []string{"takes KEY from a Secret", "spec.template of the QueueApp"})
	requireEnv := func() {
		t.Helper()
		for _, variable := range deploymentOf(t, namespace, "emails").Spec.Template.Spec.Containers[0].Env {
			if variable.Name == "KEY" && variable.ValueFrom.SecretKeyRef.Name == "shop" {
				return
			}
		}
		t.Error("the Deployment has lost the variable KEY")
	}
	requireEnv()

	// Every other change is accepted, by whichever way it comes, and takes effect.
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Memory = quantity("256Mi") })
	scale := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "emails"}, Spec: autoscalingv1.ScaleSpec{Replicas: 2}}
	if err := api.SubResource("scale").Update(t.Context(), told, client.WithSubResourceBody(scale)); err != nil {
		t.Fatalf("scale it: %v", err)
	}
	change(t, &v1alpha1.QueueApp{}, namespace, "shop", func(app *v1alpha1.QueueApp) {
		app.Spec.Template.Spec.Containers[0].Image = "registry.example.com/shop:2"
	})
	waitFor(t, namespace, "emails", "follows", all(isReady, func(w *v1alpha1.QueueWorker) error {
		live := deploymentOf(t, namespace, "emails")
		if got := live.Spec.Template.Spec.Containers[0].Image; w.Status.Desired != 2 || got != "registry.example.com/shop:2" {
			return fmt.Errorf("it wants %d processes of %s", w.Status.Desired, got)
		}
		return nil
	}))
	requireEnv()

	for name, env := range map[string][]corev1.EnvVar{
		"another Secret":            {secret("other"), {Name: "A", Value: "1"}},
		"another value beside it":   {secret("shop"), {Name: "A", Value: "2"}},
		"another variable":          {secret("shop"), {Name: "A", Value: "1"}, {Name: "REDIS_HOST", Value: "attacker.example.com"}},
		"a variable less beside it": {secret("shop")},
		"the Secret twice":          {secret("shop"), {Name: "A", Value: "1"}, {Name: "B", ValueFrom: secret("shop").ValueFrom}},
	} {
		if err := setEnv(t, told, env); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), belongs) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Env = w.Spec.Env[1:] })
	waitFor(t, namespace, "emails", "has nothing to tell", all(isReady, lacksCondition(v1alpha1.ConditionNotPermitted)))
	if err := setEnv(t, told, []corev1.EnvVar{secret("shop"), {Name: "A", Value: "1"}}); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), belongs) {
		t.Errorf("the Secret again: %v, want a refusal", err)
	}
}

// setEnv replaces the variables of a QueueWorker.
func setEnv(t *testing.T, worker *v1alpha1.QueueWorker, env []corev1.EnvVar) error {
	t.Helper()
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"env": env}})
	if err != nil {
		t.Fatal(err)
	}
	return api.Patch(t.Context(), worker.DeepCopy(), client.RawPatch(types.MergePatchType, patch))
}

// TestAPriorityClassNeedsConsent: a new pool is refused. A pool from before keeps its
// class until the QueueApp decides, and then its pods stay as they are.
func TestAPriorityClassNeedsConsent(t *testing.T) {
	namespace := newNamespace(t)
	class := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: namespace}, Value: 1000}
	create(t, class)
	t.Cleanup(func() { _ = api.Delete(context.Background(), class) })
	high := func(name string) *v1alpha1.QueueWorker {
		return builders.QueueWorker(namespace, name).Spec(func(s *v1alpha1.QueueWorkerSpec) { s.PriorityClassName = class.Name }).Obj()
	}
	app := builders.QueueApp(namespace, "shop").Obj()
	app.Spec.PoolsMay = []v1alpha1.PoolField{v1alpha1.PoolPriorityClassName}
	create(t, app, high("emails"))
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	waitFor(t, namespace, "emails", "is permitted", all(isReady, lacksCondition(v1alpha1.ConditionNotPermitted)))
	before, podsBefore := deploymentOf(t, namespace, "emails"), uidsOf(podsOf(t, namespace, "emails"))
	if before.Spec.Template.Spec.PriorityClassName != class.Name {
		t.Fatalf("the pods have the class %q", before.Spec.Template.Spec.PriorityClassName)
	}
	same := func(why string) {
		t.Helper()
		live := deploymentOf(t, namespace, "emails")
		if diff := cmp.Diff(before.Spec.Template, live.Spec.Template); diff != "" {
			t.Errorf("%s changed the template (-before +now):\n%s", why, diff)
		}
		for uid := range uidsOf(podsOf(t, namespace, "emails")) {
			delete(podsBefore, uid)
		}
		if len(podsBefore) > 0 {
			t.Errorf("%s replaced the pods %v", why, podsBefore)
		}
		podsBefore = uidsOf(podsOf(t, namespace, "emails"))
	}

	// This is how a version without poolsMay stored it.
	permit := func(may []v1alpha1.PoolField) {
		t.Helper()
		change(t, &v1alpha1.QueueApp{}, namespace, "shop", func(app *v1alpha1.QueueApp) { app.Spec.PoolsMay = may })
	}
	permit(nil)
	told := waitFor(t, namespace, "emails", "keeps its class", all(isReady,
		hasCondition(v1alpha1.ConditionNotPermitted, metav1.ConditionTrue, v1alpha1.ReasonFromBefore)))
	requireSentence(t, message(told, v1alpha1.ConditionNotPermitted), []string{class.Name, "had it before", "spec.poolsMay"})
	same("a poolsMay that is absent")

	// A new pool has no class to keep, also under the name of an earlier pool.
	create(t, high("reports"))
	refused := waitFor(t, namespace, "reports", "is refused", all(
		hasCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNotPermitted),
		hasCondition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNotPermitted),
		hasCondition(v1alpha1.ConditionNotPermitted, metav1.ConditionTrue, v1alpha1.ReasonNotPermitted)))
	requireSentence(t, message(refused, v1alpha1.ConditionReady), []string{`"reports" sets spec.priorityClassName`, `"shop"`, "add PriorityClassName to spec.poolsMay"})
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "reports-worker"}, &appsv1.Deployment{}); !apierrors.IsNotFound(err) {
		t.Errorf("the refused pool has a Deployment: %v", err)
	}

	// The QueueApp refuses with an empty list, which the API server must not drop.
	permit([]v1alpha1.PoolField{})
	stored := &v1alpha1.QueueApp{}
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "shop"}, stored); err != nil || stored.Spec.PoolsMay == nil {
		t.Fatalf("the empty list was stored as %v, %v", stored.Spec.PoolsMay, err)
	}
	waitFor(t, namespace, "emails", "is refused", hasCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNotPermitted))
	change(t, &v1alpha1.QueueApp{}, namespace, "shop", func(app *v1alpha1.QueueApp) {
		app.Spec.Template.Spec.Containers[0].Image = "registry.example.com/shop:2"
	})
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Processes = new(int32(2)) })
	waitFor(t, namespace, "emails", "follows its size", func(w *v1alpha1.QueueWorker) error {
		if live := deploymentOf(t, namespace, "emails"); *live.Spec.Replicas != 2 {
			return fmt.Errorf("the Deployment has %d replicas, want 2", *live.Spec.Replicas)
		}
		return hasCondition(v1alpha1.ConditionNotPermitted, metav1.ConditionTrue, v1alpha1.ReasonNotPermitted)(w)
	})
	same("a poolsMay that is empty")

	// Each of the two changes repairs a pool.
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.PriorityClassName = "" })
	permit([]v1alpha1.PoolField{v1alpha1.PoolPriorityClassName})
	for _, name := range []string{"emails", "reports"} {
		waitFor(t, namespace, name, "is mended", all(isReady, lacksCondition(v1alpha1.ConditionNotPermitted)))
	}
	if image := deploymentOf(t, namespace, "emails").Spec.Template.Spec.Containers[0].Image; image != "registry.example.com/shop:2" {
		t.Errorf("the mended pool has the image %s", image)
	}
}

func uidsOf(pods []corev1.Pod) map[types.UID]bool {
	uids := map[types.UID]bool{}
	for i := range pods {
		uids[pods[i].UID] = true
	}
	return uids
}
