// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"strings"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// Failed describes where an application keeps its failed jobs, whatever backend its
// queues use.
type Failed struct {
	Database
	// Numbers reports whether failed jobs are identified by their number even if they
	// have a UUID, as with Laravel's driver database.
	Numbers bool
}

// NewFailed returns where the failed jobs are.
func NewFailed(config protocol.ProbeConfig, environment Environment) (Failed, error) {
	driver, given := environment.Lookup("QUEUE_FAILED_DRIVER")
	driver = strings.ToLower(driver)
	name := environment.Name("QUEUE_FAILED_DRIVER")
	switch {
	case given && driver == "":
		return Failed{}, misconfigured("The application keeps no failed jobs: %s is null. Set it to database-uuids to keep them. If you have already set it in a Secret or ConfigMap, restart the probe, because it reads it only when it starts: kubectl rollout restart deployment APP-backlog.", name)
	case driver != "" && driver != "database" && driver != "database-uuids":
		return Failed{}, misconfigured("The application keeps its failed jobs in %s, as %s says; only those in a table of PostgreSQL, MySQL or MariaDB can be listed.",
			backlog.Secrets(nil).Clean(driver), name)
	}
	database, err := NewDatabase(config, environment)
	if err != nil {
		return Failed{}, misconfigured("It is not known which database the failed jobs are in. %s", backlog.AsError(err, nil).Message)
	}
	return Failed{Database: database, Numbers: driver == "database"}, nil
}
