// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"fmt"
	"strings"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// namesakes maps connections that are named after their backend to its driver, as
// Laravel's own config/queue.php names them.
var namesakes = map[string]v1alpha1.Driver{
	"redis": v1alpha1.DriverRedis, "database": v1alpha1.DriverDatabase,
	"sqs": v1alpha1.DriverNone, "beanstalkd": v1alpha1.DriverNone, "rabbitmq": v1alpha1.DriverNone, "sync": v1alpha1.DriverNone, "null": v1alpha1.DriverNone,
}

// driverNotes lists what a user should check about the driver of a connection. Either no
// driver is given, or the driver that is given for all connections may not fit this
// connection. without holds the connections without a driver of their own. known is the
// driver that all connections have.
func driverNotes(connection string, without map[string]bool, drivers map[string]v1alpha1.Driver, known v1alpha1.Driver) []Note {
	note := Note{Line: Line{File: "to complete"}, Subject: "connection.driver"}
	switch driver := drivers[""]; {
	case drivers[connection] != "" || known != "" || driver == v1alpha1.DriverNone:
		return nil
	case driver == "":
		note.Why = "the backlog is not measured; --driver=Redis or --driver=Database starts a backlog probe, which autoscaling needs"
	default:
		doubt := doubtful(connection, driver, without)
		if doubt == "" {
			return nil
		}
		note.Warning = true
		note.Why = fmt.Sprintf("it is %s, %s; if that is wrong, give the connection its own driver, such as --driver=%s=None", driver, doubt, connection)
	}
	return []Note{note}
}

// doubtful says why a driver that was given for all connections may be wrong for one
// connection; empty if there is no doubt.
func doubtful(connection string, driver v1alpha1.Driver, without map[string]bool) string {
	if namesake := namesakes[strings.ToLower(connection)]; namesake == driver || connection == "" {
		return ""
	} else if namesake != "" {
		return "though the connection is named after another backend"
	}
	if len(without) < 2 {
		return ""
	}
	return fmt.Sprintf("as --driver says of all %d connections", len(without))
}
