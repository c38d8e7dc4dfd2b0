// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// retryRefused is the time after which a refused object is tried again: the reason
	// of the refusal, such as a quota, may change without an event.
	retryRefused = time.Minute
	// retryConflict is the time after which a taken name is looked at again.
	retryConflict = 15 * time.Second
)

// Outcome says why an object was not written; the zero value if it was, or needs not be.
type Outcome struct {
	// Conflict says which object belongs to another owner; empty if none does.
	Conflict string
	// Refused is the API server's refusal of an object; empty if there was none.
	Refused string
}

// RetryAfter returns the time after which to try again what was not written; 0 if it was.
func (o Outcome) RetryAfter() time.Duration {
	switch {
	case o.Conflict != "":
		return retryConflict
	case o.Refused != "":
		return retryRefused
	}
	return 0
}

// OwnerOf says which controller an object belongs to, as the end of a sentence.
func OwnerOf(object metav1.Object) string {
	if controller := metav1.GetControllerOf(object); controller != nil {
		return fmt.Sprintf("belongs to the %s %s", controller.Kind, controller.Name)
	}
	return "has no owner"
}

// isRefusal reports whether the API server does not take an object as it is. For objects
// that server-side apply cannot merge, such as a mount path that both the template and
// the agent use, its error has no reason.
func isRefusal(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) ||
		err != nil && strings.Contains(err.Error(), "failed to create typed patch object")
}

// reasonOf returns the API server's reason without its preamble, as a sentence.
func reasonOf(err error) string {
	message := err.Error()
	if status, ok := errors.AsType[*apierrors.StatusError](err); ok {
		message = status.ErrStatus.Message
	}
	return strings.TrimRight(strings.TrimSpace(message), ".") + "."
}
