// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/test/builders"
)

func TestOwnerOfNamesTheController(t *testing.T) {
	owned := &metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{
		{Kind: "ConfigMap", Name: "beside"}, {Kind: "Deployment", Name: "web", Controller: new(true)},
	}}
	for want, object := range map[string]metav1.Object{
		"belongs to the Deployment web":     owned,
		"belongs to the QueueWorker emails": builders.ControlledBy(&metav1.ObjectMeta{}, "QueueWorker", &metav1.ObjectMeta{Name: "emails"}),
		"has no owner":                      &metav1.ObjectMeta{OwnerReferences: owned.OwnerReferences[:1]},
	} {
		if got := OwnerOf(object); got != want {
			t.Errorf("OwnerOf() = %q, want %q", got, want)
		}
	}
}

// A name may become free at any time without an event, and a quota may change.
func TestWhatWasNotWrittenIsTriedAgain(t *testing.T) {
	for outcome, want := range map[Outcome]time.Duration{
		{}:                                0,
		{Conflict: "It is taken."}:        15 * time.Second,
		{Refused: "There is no quota."}:   time.Minute,
		{Conflict: "Both.", Refused: "x"}: 15 * time.Second,
	} {
		if got := outcome.RetryAfter(); got != want {
			t.Errorf("%+v is tried again after %s, want %s", outcome, got, want)
		}
	}
}
