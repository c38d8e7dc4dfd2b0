// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// QueueAppStatus is what the workers of an application have found out about its image
// and settings.
type QueueAppStatus struct {
	// conditions are PreflightPassed and what it sums up, each True where the application
	// keeps a promise that queue workers need, else with the cause and what to do:
	// PcntlAvailable, CommandUnwrapped, SettingsReadable, ConnectionExists,
	// MemoryLimitFits, RetryAfterFits, BlockForSafe, LogsVisible, CacheShared and
	// OutputUnderstood. One that nothing is known of is absent. NetworkPolicyApplied is
	// present while spec.networkPolicy is true.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=20
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec when this was written.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// images are those that workers of this application have reported from, sorted; at
	// most 10.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Images []CheckedImage `json:"images,omitempty"`
}

// CheckedImage is an image that workers have looked into.
type CheckedImage struct {
	// image is the image's name as the pod's status tells it.
	// +kubebuilder:validation:MaxLength=1024
	Image string `json:"image"`

	// imageID is what the name stood for, as the node tells it; usually a digest.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	ImageID string `json:"imageID,omitempty"`

	// version is the framework's version in it, such as 8.83.26; empty if unknown.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Version string `json:"version,omitempty"`
}
