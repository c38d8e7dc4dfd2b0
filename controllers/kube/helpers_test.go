// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// The answers of an API server.
var (
	errInvalid    = apierrors.NewInvalid(schema.GroupKind{Kind: "ConfigMap"}, "a", field.ErrorList{field.Required(field.NewPath("data"), "it is empty")})
	errForbidden  = apierrors.NewForbidden(schema.GroupResource{Resource: "ConfigMap"}, "a", errors.New("exceeded quota"))
	errBadRequest = apierrors.NewBadRequest("no such field")
	errTyped      = errors.New("failed to create typed patch object: duplicate entries")
	errConflict   = apierrors.NewConflict(schema.GroupResource{Resource: "ConfigMap"}, "a", errors.New("the object has been modified"))
	errNotFound   = apierrors.NewNotFound(schema.GroupResource{Resource: "ConfigMap"}, "a")
	errAway       = errors.New("connection refused")
)

// errAnyConflict stands for the conflict that the fake cluster answers with.
var errAnyConflict = errors.New("a conflict")

// is reports whether an error is the wanted one.
func is(err, want error) bool {
	if errors.Is(want, errAnyConflict) {
		return apierrors.IsConflict(err)
	}
	return errors.Is(err, want)
}
