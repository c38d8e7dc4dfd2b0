// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestPluginRefusesWithoutRights: the plugin refuses every writing command of a user who
// may only read, in a sentence, and nothing changes.
func TestPluginRefusesWithoutRights(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Obj())
	l.Create(builders.QueueWorker(l.Namespace, "off").Stopped(true).Paused(true).Obj())
	l.Ready("emails", 2*time.Minute)
	pod := names(l)[0]
	viewer := l.Viewer()
	before := everything(l)
	for _, line := range []string{
		"start off", "stop emails", "stop emails --now --yes", "pause emails", "restart --all", "pause emails --for 2h", "resume off",
		"restart emails", "restart emails --pods", "scale emails --processes 3", "create more --queue more",
		"create more --queue more --dry-run=server", "stop emails --dry-run=server",
		"stop emails --worker POD", "pause --worker POD", "resume --worker POD", "restart --worker POD",
		"once emails", "failed list", "failed retry 1", "failed retry --all", "failed forget 1", "failed flush --yes", "clear default --yes",
	} {
		said := viewer.Run(strings.Fields(strings.ReplaceAll(line, "POD", pod))...)
		if said.Code != cli.CodeForbidden || !strings.Contains(said.Err, "may not") || !strings.Contains(said.Err, "Ask for the right") || strings.Contains(said.Out, "is ") {
			t.Errorf("%s: %+v", line, said)
		}
	}
	if after := everything(l); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
}

// TestPluginRetiresAllOrNothing: a user who may mark pods but not change QueueWorkers
// removes no worker.
func TestPluginRetiresAllOrNothing(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Obj())
	l.Ready("emails", 2*time.Minute)
	pod := names(l)[0]
	said := l.User("view", podPatcher(l)).Run("stop", "emails", "--worker", pod)
	if said.Code != cli.CodeForbidden || !strings.Contains(said.Err, "may not patch queueworkers") {
		t.Errorf("it said %+v", said)
	}
	if pods := l.Pods("emails"); len(pods) != 1 || pods[0].Annotations[v1alpha1.AnnotationRetire] != "" {
		t.Errorf("the pod was marked: %+v", pods[0].Annotations)
	}
}

// TestPluginWarnsOfGit: if Argo CD or Flux has set a field, the plugin warns that it will
// set the field back; and so it happens.
func TestPluginWarnsOfGit(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	user := l.Plugin()
	tests := map[string]struct {
		manager string
		meta    map[string]any
		want    string
	}{
		"argo": {"argocd-controller", map[string]any{"annotations": map[string]any{"argocd.argoproj.io/tracking-id": "shop:queueworker.dev/QueueWorker:x/argo"}}, "Argo CD application shop"},
		"flux": {"kustomize-controller", map[string]any{"labels": map[string]any{"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}}, "Flux Kustomization flux-system/apps"},
		"helm": {"helm-controller", map[string]any{"labels": map[string]any{"helm.toolkit.fluxcd.io/name": "shop", "helm.toolkit.fluxcd.io/namespace": "prod"}}, "Flux HelmRelease prod/shop"},
	}
	for name, tc := range tests {
		sync := func() {
			object := &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": v1alpha1.GroupVersion.String(), "kind": "QueueWorker", "metadata": tc.meta,
				"spec": map[string]any{"queue": "default", "paused": false, "appName": "none"},
			}}
			object.SetName(name)
			object.SetNamespace(l.Namespace)
			if err := l.Client.Apply(l.Ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(tc.manager), client.ForceOwnership); err != nil {
				t.Fatal(err)
			}
		}
		sync()
		said := user.Run("pause", name)
		if said.Code != 0 || !strings.Contains(said.Err, "warning: "+tc.want+" owns spec.paused of QueueWorker "+name+" and will undo this change. Change it in Git instead") {
			t.Errorf("%s: pause said %+v", name, said)
		}
		if !l.Worker(name).Spec.Paused {
			t.Errorf("%s: warned, but did not write", name)
		}
		user.OK("resume", name)
		if again := user.Run("pause", name); again.Code != 0 || !strings.Contains(again.Err, "spec.paused was changed by hand before: if Git sets it, this change will be undone") {
			t.Errorf("%s: to pause it again said %+v", name, again)
		}
		sync()
		if l.Worker(name).Spec.Paused {
			t.Errorf("%s: Git did not undo it, so the warning is wrong", name)
		}
		said = user.Run("stop", name)
		if said.Code != 0 || !strings.Contains(said.Err, "Git does not set spec.stopped, so this change stays") {
			t.Errorf("%s: stop said %+v", name, said)
		}
		sync()
		if !l.Worker(name).Spec.Stopped {
			t.Errorf("%s: Git undid what it does not set, so the note is wrong", name)
		}
	}
}

// TestPluginChangesNothingInADryRun lets the cluster check every change and make none.
func TestPluginChangesNothingInADryRun(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Obj())
	l.Create(builders.QueueWorker(l.Namespace, "off").Stopped(true).Paused(true).Obj())
	l.Ready("emails", 2*time.Minute)
	pod := names(l)[0]
	user := l.Plugin()
	before := everything(l)
	for _, mode := range []string{"client", "server"} {
		for _, line := range []string{
			"start off", "stop emails", "stop emails --now", "restart --all", "pause emails --for 2h", "resume off", "restart emails", "restart emails --pods",
			"scale emails --processes 3", "create more --queue more", "stop --worker POD", "pause --worker POD", "restart --worker POD",
			"once emails", "failed retry 1", "failed retry --all", "failed forget 1", "failed flush", "clear default",
		} {
			said := user.Run(append(strings.Fields(strings.ReplaceAll(line, "POD", pod)), "--dry-run="+mode)...)
			want := mode + " dry run: nothing was changed"
			if mode == "client" && strings.HasPrefix(line, "create") {
				want = "kind: QueueWorker\n" // the manifest of what would be created
			}
			if said.Code != 0 || !strings.Contains(said.Out, want) {
				t.Errorf("%s --dry-run=%s: %+v", line, mode, said)
			}
		}
	}
	if after := everything(l); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
	if said := user.Run("scale", "emails", "--processes", "5000", "--dry-run=server"); said.Code != cli.CodeUsage || !strings.Contains(said.Err, "less than or equal to 1000") {
		t.Errorf("the cluster was not asked: %+v", said)
	}
}

// everything returns, as text, what users write in all objects that a command could
// change.
func everything(l *lab.Lab) string {
	l.Helper()
	workers, commands := &v1alpha1.QueueWorkerList{}, &v1alpha1.QueueCommandList{}
	for _, list := range []client.ObjectList{workers, commands} {
		if err := l.Client.List(l.Ctx, list, client.InNamespace(l.Namespace)); err != nil {
			l.Fatal(err)
		}
	}
	var kept []any
	for i := range workers.Items {
		kept = append(kept, workers.Items[i].Name, workers.Items[i].Generation, workers.Items[i].Annotations, workers.Items[i].Spec)
	}
	for _, pod := range l.Pods("emails") {
		annotations := pod.DeepCopy().Annotations
		delete(annotations, v1alpha1.AnnotationControl)
		kept = append(kept, pod.Name, annotations)
	}
	kept = append(kept, len(commands.Items))
	text, err := json.Marshal(kept)
	if err != nil {
		l.Fatal(err)
	}
	return string(text)
}

// file writes a text to a new file and returns its path.
func file(l *lab.Lab, text string) string {
	l.Helper()
	path := filepath.Join(l.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		l.Fatal(err)
	}
	return path
}

// podPatcher creates a ClusterRole with only the right to patch pods. Kubernetes' role
// edit has that right only together with QueueWorker's rights.
func podPatcher(l *lab.Lab) string {
	l.Helper()
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: l.Namespace + "-pod-patcher"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"patch"}}},
	}
	if err := l.Client.Create(l.Ctx, role); err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() {
		if err := l.Client.Delete(context.WithoutCancel(l.Ctx), role); err != nil {
			l.Logf("delete ClusterRole %s: %v", role.Name, err)
		}
	})
	return role.Name
}
