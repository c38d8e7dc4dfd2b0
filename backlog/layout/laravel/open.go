// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package laravel knows where Laravel keeps its jobs: under which keys in Redis, and in
// which tables of a database.
package laravel

import (
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/backend/redis"
	"queueworker.dev/queueworker/backlog/layout/laravel/keys"
	"queueworker.dev/queueworker/backlog/layout/laravel/tables"
	"queueworker.dev/queueworker/backlog/settings"
)

// OpenRedis returns a driver of the queues in Redis.
func OpenRedis(config protocol.ProbeConfig, environment settings.Environment) (backlog.Driver, error) {
	s, err := settings.NewRedis(config, environment)
	if err != nil {
		return nil, err
	}
	return keys.New(redis.New(s, "Laravel"), s.Prefixes), nil
}

// OpenDatabase returns a driver of the queues in a database.
func OpenDatabase(config protocol.ProbeConfig, environment settings.Environment) (backlog.Driver, error) {
	s, err := settings.NewDatabase(config, environment)
	if err != nil {
		return nil, err
	}
	return tables.New(s)
}

// OpenFailed returns a lister of the failed jobs, which are in a database whatever the
// backend of the queues is.
func OpenFailed(config protocol.ProbeConfig, environment settings.Environment) (backlog.FailedLister, error) {
	s, err := settings.NewFailed(config, environment)
	if err != nil {
		return nil, err
	}
	return tables.NewFailed(s)
}
