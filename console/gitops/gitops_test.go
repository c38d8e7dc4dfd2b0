// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

func entry(manager, fields string) metav1.ManagedFieldsEntry {
	set := &metav1.FieldsV1{}
	set.SetRawString(fields)
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationApply, FieldsV1: set}
}

func TestFind(t *testing.T) {
	const git = `{"f:metadata":{"f:annotations":{"f:queueworker.dev/restartedAt":{}}},"f:spec":{"f:paused":{},"f:autoscaling":{"f:maxProcesses":{}}}}`
	tests := map[string]struct {
		object    metav1.ObjectMeta
		fields    []string
		want      Owner
		wantFound bool
	}{
		"nobody": {
			object: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{entry("kubectl-client-side-apply", git)}},
			fields: []string{"spec.paused"},
		},
		"Argo CD has the field": {
			object: metav1.ObjectMeta{
				Annotations:   map[string]string{argoTracking: "shop:queueworker.dev/QueueWorker:prod/emails"},
				ManagedFields: []metav1.ManagedFieldsEntry{entry("argocd-controller", git)},
			},
			fields: []string{"spec.paused"}, wantFound: true,
			want: Owner{Tool: ArgoCD, Name: "shop", Fields: []string{"spec.paused"}},
		},
		"Argo CD by label, the field is nobody's": {
			object: metav1.ObjectMeta{
				Labels:        map[string]string{argoInstance: "shop"},
				ManagedFields: []metav1.ManagedFieldsEntry{entry("argocd-controller", git)},
			},
			fields: []string{"spec.stopped"}, wantFound: true,
			want: Owner{Tool: ArgoCD, Name: "shop"},
		},
		"Flux has one of two fields": {
			object: metav1.ObjectMeta{
				Labels:        map[string]string{fluxKustomize: "apps", fluxKustomizeNS: "flux-system"},
				ManagedFields: []metav1.ManagedFieldsEntry{entry("kustomize-controller", git)},
			},
			fields: []string{"spec.stopped", "spec.paused"}, wantFound: true,
			want: Owner{Tool: FluxKustomize, Name: "apps", Namespace: "flux-system", Fields: []string{"spec.paused"}},
		},
		"a chart has an annotation": {
			object: metav1.ObjectMeta{
				Labels:        map[string]string{fluxHelm: "shop", fluxHelmNS: "prod"},
				ManagedFields: []metav1.ManagedFieldsEntry{entry("helm-controller", git)},
			},
			fields: []string{"metadata.annotations.queueworker.dev/restartedAt"}, wantFound: true,
			want: Owner{Tool: FluxHelm, Name: "shop", Namespace: "prod", Fields: []string{"metadata.annotations.queueworker.dev/restartedAt"}},
		},
		"a nested field, known by its manager alone": {
			object: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{entry("argocd-controller", git)}},
			fields: []string{"spec.autoscaling.maxProcesses", "spec.autoscaling.minProcesses"}, wantFound: true,
			want: Owner{Tool: ArgoCD, Fields: []string{"spec.autoscaling.maxProcesses"}},
		},
		"it was changed by hand before": {
			object: metav1.ObjectMeta{
				Labels:        map[string]string{fluxKustomize: "apps"},
				ManagedFields: []metav1.ManagedFieldsEntry{entry("kustomize-controller", git), entry(v1alpha1.CLIFieldManager, `{"f:spec":{"f:stopped":{}}}`)},
			},
			fields: []string{"spec.stopped"}, wantFound: true,
			want: Owner{Tool: FluxKustomize, Name: "apps", ByHand: []string{"spec.stopped"}},
		},
		"by hand before, and it was applied": {
			object: metav1.ObjectMeta{
				Labels:        map[string]string{argoInstance: "shop"},
				Annotations:   map[string]string{corev1.LastAppliedConfigAnnotation: `{"spec":{"processes":2}}`},
				ManagedFields: []metav1.ManagedFieldsEntry{entry(v1alpha1.CLIFieldManager, `{"f:spec":{"f:stopped":{},"f:processes":{}}}`)},
			},
			fields: []string{"spec.stopped", "spec.processes"}, wantFound: true,
			want: Owner{Tool: ArgoCD, Name: "shop", Fields: []string{"spec.processes"}},
		},
		"what was applied before server-side apply is old": {
			object: metav1.ObjectMeta{
				Annotations:   map[string]string{corev1.LastAppliedConfigAnnotation: `{"spec":{"processes":2}}`},
				ManagedFields: []metav1.ManagedFieldsEntry{entry("argocd-controller", git)},
			},
			fields: []string{"spec.processes"}, wantFound: true,
			want: Owner{Tool: ArgoCD},
		},
		"the status is no matter of Git's": {
			object: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "argocd-controller", Subresource: "status"}}},
			fields: []string{"spec.paused"},
		},
		"fields nobody can read": {
			object: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{entry("argocd-controller", `[]`), {Manager: "argocd-controller"}}},
			fields: []string{"spec.paused"}, wantFound: true,
			want: Owner{Tool: ArgoCD},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, found := Find(&tc.object, tc.fields)
			if diff := cmp.Diff(tc.want, got); diff != "" || found != tc.wantFound {
				t.Errorf("found %t, want %t; (-want +got):\n%s", found, tc.wantFound, diff)
			}
		})
	}
}

func TestWarn(t *testing.T) {
	tests := map[string]struct {
		owner Owner
		want  Code
	}{
		"the tool owns the field":         {Owner{Fields: []string{"spec.paused"}}, Undone},
		"it owns one, a user changed one": {Owner{Fields: []string{"spec.paused"}, ByHand: []string{"spec.stopped"}}, Undone},
		"a user changed the field before": {Owner{ByHand: []string{"spec.paused"}}, MaybeUndone},
		"Git does not set it":             {Owner{}, Stays},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := tc.owner.Warn([]string{"spec.paused", "spec.stopped"})
			if diff := cmp.Diff(Warning{tc.want, tc.owner, []string{"spec.paused", "spec.stopped"}}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
