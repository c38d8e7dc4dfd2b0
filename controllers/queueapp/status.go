// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueapp

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/controllers/kube"
	"queueworker.dev/queueworker/controllers/passlog"
	"queueworker.dev/queueworker/controllers/preflight"
	"queueworker.dev/queueworker/controllers/status"
)

// report writes the status of a QueueApp if it has changed: the findings of its
// workers, once all of them have reported, and the state of its NetworkPolicy. It
// returns what the log says about the pass, with the time after which to look again; zero
// means when something happens.
func (r *Reconciler) report(ctx context.Context, app *cached.QueueApp, workers []string, network *metav1.Condition) (passlog.Pass, error) {
	// The patch does not contain the template.
	refusal := app.Spec.Template.Refusal()
	app = app.DeepCopy()
	app.Spec.Template = cached.Template{}
	changed := app.DeepCopy()
	pools, heard := r.Findings.Of(client.ObjectKeyFromObject(app), workers)
	changed.Status = preflight.Status(preflight.Input{Now: r.Clock.Now(), App: app.Lean(), Pools: pools, Heard: heard, Refusal: refusal})
	setNetworkCondition(&changed.Status, network, r.Clock.Now())
	status.Fit(&changed.Status)
	pass := passlog.Pass{
		Reason: reasonOf(changed.Status.Conditions, workers, heard), Conditions: changed.Status.Conditions,
		Values: []any{"pools", len(workers)},
	}
	if equality.Semantic.DeepEqual(app.Status, changed.Status) {
		return pass, nil
	}
	written, err := kube.PatchStatus(ctx, r.Client, "QueueApp "+app.Name, app, changed)
	if err == nil && !written {
		// The cache is behind.
		pass.Reason, pass.Again = passlog.ObjectChanged, time.Second
	}
	return pass, err
}

// reasonOf returns why a QueueApp is as it is, for the log.
func reasonOf(conditions []metav1.Condition, workers []string, heard bool) string {
	switch {
	case len(workers) == 0:
		return "NotUsed"
	case !heard:
		return passlog.AwaitingReports
	}
	return passlog.ReasonOf(conditions, v1alpha1.ConditionPreflightPassed)
}
