// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// QueueAppStatus holds what the workers of an application have found out about its image and
// settings.
type QueueAppStatus struct {
	// conditions are PreflightPassed and the checks that it sums up: PcntlAvailable,
	// CommandUnwrapped, SettingsReadable, ConnectionExists, MemoryLimitFits, RetryAfterFits,
	// BlockForSafe, LogsVisible, CacheShared and OutputUnderstood. A check is True if the
	// application does what queue workers need; otherwise its message has the cause and the
	// cure. A check without a result is absent. NetworkPolicyApplied is present while
	// spec.networkPolicy is true, and Stalled while the template is too large.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=20
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec for which the status was written.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// images are the images from which workers of this application have reported, sorted, at
	// most 10.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Images []CheckedImage `json:"images,omitempty"`
}

// CheckedImage is an image that workers have inspected.
type CheckedImage struct {
	// image is the name of the image in the pod's status.
	// +kubebuilder:validation:MaxLength=1024
	Image string `json:"image"`

	// imageID is the image that the name stood for on the node, usually a digest.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	ImageID string `json:"imageID,omitempty"`

	// version is the version of the framework in the image, such as 8.83.26. Empty if
	// unknown.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Version string `json:"version,omitempty"`
}
