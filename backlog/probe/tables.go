// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"maps"
	"slices"
	"strings"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/runtimes"
	"queueworker.dev/queueworker/backlog"
	httpbackend "queueworker.dev/queueworker/backlog/backend/http"
	"queueworker.dev/queueworker/backlog/layout/laravel"
	"queueworker.dev/queueworker/backlog/settings"
)

// opener opens the driver of a configuration.
type opener func(protocol.ProbeConfig, settings.Environment) (backlog.Driver, error)

// layout says where a runtime keeps its jobs in each backend. A field is nil if the
// runtime keeps none there.
type layout struct {
	redis, database opener
	// failed opens the list of failed jobs.
	failed func(protocol.ProbeConfig, settings.Environment) (backlog.FailedLister, error)
}

// layouts has the layout of each runtime.
var layouts = map[runtimes.Name]layout{
	runtimes.Laravel: {redis: laravel.OpenRedis, database: laravel.OpenDatabase, failed: laravel.OpenFailed},
	runtimes.Custom:  {},
}

// backends has each backend. It returns how to measure a layout's queues there.
var backends = map[protocol.Driver]func(layout) opener{
	protocol.DriverRedis:    func(l layout) opener { return l.redis },
	protocol.DriverDatabase: func(l layout) opener { return l.database },
	// The endpoint is the user's own, so it knows where the jobs are.
	protocol.DriverHTTP: func(layout) opener { return httpbackend.Open },
}

// drivers returns the names of the backends in words.
func drivers() string {
	names := slices.Sorted(maps.Keys(backends))
	words := make([]string, 0, len(names))
	for _, name := range names {
		words = append(words, string(name))
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// open opens the driver of the backend and the runtime that the configuration names.
func open(config protocol.ProbeConfig, environment settings.Environment) (backlog.Driver, error) {
	backend, known := backends[config.Driver]
	if !known {
		return nil, backlog.Errorf(protocol.BacklogMisconfigured, "The driver of the connection is none of %s: set connection.driver of the QueueApp.", drivers())
	}
	runtime := runtimes.Of(config.Runtime).Name
	if opened := backend(layouts[runtime]); opened != nil {
		return opened(config, environment)
	}
	return nil, backlog.Errorf(protocol.BacklogMisconfigured, "It is not known where the runtime %s keeps its jobs with the driver %s: set connection.driver of the QueueApp to HTTP or None.",
		runtime, config.Driver)
}

// openFailed opens the list of failed jobs of the runtime that the configuration names.
func openFailed(config protocol.ProbeConfig, environment settings.Environment) (backlog.FailedLister, error) {
	runtime := runtimes.Of(config.Runtime).Name
	if opened := layouts[runtime].failed; opened != nil {
		return opened(config, environment)
	}
	return nil, backlog.Errorf(protocol.BacklogMisconfigured, "It is not known where the runtime %s keeps its failed jobs.", runtime)
}
