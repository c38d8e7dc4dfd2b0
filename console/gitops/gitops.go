// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gitops finds out whether a GitOps tool will undo a manual change, and what to
// change instead.
//
// The owner of the written field decides, and managedFields names it. A tool may manage
// an object without every one of its fields; it does not reset fields that Git does not
// set. A manual change takes over the field, so its owner no longer says whether Git sets
// it. The last applied configuration still does, if the object has it.
package gitops

import (
	"encoding/json"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Labels and annotations by which the tools recognise their objects.
const (
	argoTracking    = "argocd.argoproj.io/tracking-id"
	argoInstance    = "argocd.argoproj.io/instance"
	fluxKustomize   = "kustomize.toolkit.fluxcd.io/name"
	fluxKustomizeNS = "kustomize.toolkit.fluxcd.io/namespace"
	fluxHelm        = "helm.toolkit.fluxcd.io/name"
	fluxHelmNS      = "helm.toolkit.fluxcd.io/namespace"
)

// Tool is a tool that keeps an object as Git has it.
type Tool string

// The known tools.
const (
	ArgoCD        Tool = "Argo CD"
	FluxKustomize Tool = "Flux (Kustomization)"
	FluxHelm      Tool = "Flux (HelmRelease)"
)

// managers maps the field managers of the tools.
var managers = map[string]Tool{
	"argocd-controller":             ArgoCD,
	"argocd-application-controller": ArgoCD,
	"kustomize-controller":          FluxKustomize,
	"helm-controller":               FluxHelm,
}

// Owner describes the tool that keeps an object as Git has it.
type Owner struct {
	Tool Tool `json:"tool"`
	// Name is the tool's own object: an Application, a Kustomization or a HelmRelease. It
	// is empty if the object does not name it.
	Name string `json:"name,omitempty"`
	// Namespace is the namespace of that object; empty if it is not named.
	Namespace string `json:"namespace,omitempty"`
	// Fields are the fields, of those asked about, that the tool owns; sorted.
	Fields []string `json:"fields,omitempty"`
	// ByHand are the fields that a user changed before, so that it is unknown whether Git
	// sets them; sorted.
	ByHand []string `json:"byHand,omitempty"`
}

// Find returns the tool that keeps an object as Git has it, with the fields to be written
// that the tool owns. Fields are written as spec.paused, or as
// metadata.annotations.queueworker.dev/killAt.
func Find(object metav1.Object, fields []string) (Owner, bool) {
	owner, found := marked(object)
	for _, entry := range object.GetManagedFields() {
		if tool, ok := managers[entry.Manager]; ok && entry.Subresource == "" && !found {
			owner, found = Owner{Tool: tool}, true
		}
	}
	if !found {
		return owner, false
	}
	last := applied(object)
	for _, field := range slices.Sorted(slices.Values(fields)) {
		of := owners(object, field)
		switch {
		case slices.ContainsFunc(of, func(manager string) bool { return managers[manager] != "" }), has(last, "", field):
			owner.Fields = append(owner.Fields, field)
		case len(last) == 0 && slices.Contains(of, v1alpha1.CLIFieldManager):
			owner.ByHand = append(owner.ByHand, field)
		}
	}
	return owner, true
}

// applied returns the last configuration that the tool applied, as JSON; nil if the
// object does not have it.
func applied(object metav1.Object) []byte {
	for _, entry := range object.GetManagedFields() {
		if managers[entry.Manager] != "" && entry.Operation == metav1.ManagedFieldsOperationApply {
			return nil // a server-side apply does not update the annotation
		}
	}
	return []byte(object.GetAnnotations()[corev1.LastAppliedConfigAnnotation])
}

// owners returns the field managers that own a field.
func owners(object metav1.Object, field string) []string {
	var found []string
	for _, entry := range object.GetManagedFields() {
		if entry.Subresource == "" && entry.FieldsV1 != nil && has(entry.FieldsV1.GetRawBytes(), "f:", field) {
			found = append(found, entry.Manager)
		}
	}
	return found
}

// marked reads the labels and annotations that the tools set on their objects.
func marked(object metav1.Object) (Owner, bool) {
	labels, annotations := object.GetLabels(), object.GetAnnotations()
	if id := annotations[argoTracking]; id != "" {
		name, _, _ := strings.Cut(id, ":")
		return Owner{Tool: ArgoCD, Name: name}, true
	}
	if name := labels[argoInstance]; name != "" {
		return Owner{Tool: ArgoCD, Name: name}, true
	}
	if name := labels[fluxHelm]; name != "" {
		return Owner{Tool: FluxHelm, Name: name, Namespace: labels[fluxHelmNS]}, true
	}
	if name := labels[fluxKustomize]; name != "" {
		return Owner{Tool: FluxKustomize, Name: name, Namespace: labels[fluxKustomizeNS]}, true
	}
	return Owner{}, false
}

// has reports whether a JSON text contains a field or a part of it. prefix stands before
// each field name in the text.
func has(text []byte, prefix, field string) bool {
	var at any
	if err := json.Unmarshal(text, &at); err != nil {
		return false
	}
	for _, step := range path(field) {
		fields, _ := at.(map[string]any) // a nil map has no fields
		next, ok := fields[prefix+step]
		if !ok {
			return false
		}
		at = next
	}
	return true
}

// path splits a field into its steps; an annotation's name is one step, including its
// dots.
func path(field string) []string {
	const annotations = "metadata.annotations."
	if name, ok := strings.CutPrefix(field, annotations); ok {
		return []string{"metadata", "annotations", name}
	}
	return strings.Split(field, ".")
}

// Code names what a GitOps tool does with a manual change. Each user interface has its own
// words for it.
type Code string

// The codes.
const (
	// Undone: the tool owns Owner.Fields and will undo the change.
	Undone Code = "Undone"
	// MaybeUndone: a user changed Owner.ByHand before. The tool will undo the change if Git
	// sets them.
	MaybeUndone Code = "MaybeUndone"
	// Stays: Git does not set Fields, so the change stays until Git does.
	Stays Code = "Stays"
)

// Warning says what becomes of a manual change.
type Warning struct {
	Code  Code  `json:"code"`
	Owner Owner `json:"owner"`
	// Fields are the fields that the change writes.
	Fields []string `json:"fields"`
}

// Warn returns the warning about a change of fields.
func (o Owner) Warn(fields []string) Warning {
	warning := Warning{Code: Undone, Owner: o, Fields: fields}
	switch {
	case len(o.Fields) > 0:
	case len(o.ByHand) > 0:
		warning.Code = MaybeUndone
	default:
		warning.Code = Stays
	}
	return warning
}
