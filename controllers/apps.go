// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/controllers/objects"
)

// listApps returns the QueueApps of a namespace as the cache has them. They must not be
// changed. They are not copied, because a copy of all of them for each look at a pool or a
// command would be a cheap way to keep the operator busy.
func listApps(ctx context.Context, reader client.Reader, namespace string) ([]cached.QueueApp, error) {
	apps := &cached.QueueAppList{}
	if err := reader.List(ctx, apps, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list QueueApps: %w", err)
	}
	return apps.Items, nil
}

// wholeApp returns a copy of a QueueApp with its template. If the operator cannot use the
// template, the copy has none and the Problem says why.
func wholeApp(stored *cached.QueueApp) (*v1alpha1.QueueApp, *effective.Problem) {
	app, refusal := stored.Whole()
	switch {
	case refusal == "":
		return app, nil
	case stored.Spec.Template.Refusal() == "":
		return app, &effective.Problem{Reason: v1alpha1.ReasonAppInvalid, Message: fmt.Sprintf("The QueueApp %q cannot be used: %s.", app.Name, refusal)}
	}
	return app, objects.TooLarge("QueueApp", app.Name, refusal)
}
