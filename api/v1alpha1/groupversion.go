// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 is the API that users write and read: the resources QueueApp,
// QueueWorker and QueueCommand, their conditions with reasons, and the labels and
// annotations of all objects that the operator creates.
//
// +kubebuilder:object:generate=true
// +groupName=queueworker.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group of every resource of this product.
const GroupName = "queueworker.dev"

// SchemeGroupVersion is the group and version of the resources in this package.
var SchemeGroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1alpha1"}

// GroupVersion is SchemeGroupVersion under the name that kubebuilder's tools look for.
var GroupVersion = SchemeGroupVersion

// SchemeBuilder collects the functions that add this package's kinds to a scheme.
var SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

// AddToScheme adds this package's kinds to a scheme.
var AddToScheme = SchemeBuilder.AddToScheme

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(SchemeGroupVersion,
		&QueueApp{}, &QueueAppList{},
		&QueueWorker{}, &QueueWorkerList{},
		&QueueCommand{}, &QueueCommandList{},
	)
	metav1.AddToGroupVersion(scheme, SchemeGroupVersion)
	return nil
}
