// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package effective

import (
	"cmp"
	"time"

	"queueworker.dev/queueworker/api/runtimes"
	"queueworker.dev/queueworker/api/v1alpha1"
)

const defaultRetryAfter = 90 * time.Second

// Runtime returns the kind of worker program of an application.
func Runtime(app *v1alpha1.QueueApp) v1alpha1.Runtime {
	return cmp.Or(app.Spec.Runtime, v1alpha1.Runtime(runtimes.Default))
}

// AgentUpgrade returns when a pool takes up the agent of a new operator.
func AgentUpgrade(app *v1alpha1.QueueApp) v1alpha1.AgentUpgrade {
	return cmp.Or(app.Spec.AgentUpgrade, v1alpha1.AgentUpgradeWithTemplate)
}

// Driver returns how the application's backend is asked for its backlog; DriverNone if
// it is not asked.
func Driver(app *v1alpha1.QueueApp) v1alpha1.Driver {
	if app.Spec.Connection == nil {
		return v1alpha1.DriverNone
	}
	return cmp.Or(app.Spec.Connection.Driver, v1alpha1.DriverNone)
}

// NeedsProbe reports whether the application's backend must be asked for its backlog.
func NeedsProbe(app *v1alpha1.QueueApp) bool { return Driver(app) != v1alpha1.DriverNone }

// ConnectionName returns the connection that the application's workers use; empty for
// the application's default.
func ConnectionName(app *v1alpha1.QueueApp) string {
	if app.Spec.Connection == nil {
		return ""
	}
	return app.Spec.Connection.Name
}

// KnowsRetryAfter reports whether the application's backend hands out again a job that
// was taken and not finished, as Laravel's own backends do.
func KnowsRetryAfter(app *v1alpha1.QueueApp) bool {
	switch Driver(app) {
	case v1alpha1.DriverRedis, v1alpha1.DriverDatabase:
		return true
	case v1alpha1.DriverHTTP, v1alpha1.DriverNone:
	}
	return false
}

// RetryAfter returns the time after which the application's connection hands out again
// a job that was taken and not finished.
func RetryAfter(connection *v1alpha1.Connection) time.Duration {
	if connection == nil {
		return defaultRetryAfter
	}
	return durationOr(connection.RetryAfter, defaultRetryAfter)
}
