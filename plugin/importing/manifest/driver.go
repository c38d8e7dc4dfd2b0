// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"fmt"
	"slices"
	"strings"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// namesakes are the drivers of connections that are named after their backend, as
// Laravel's own config/queue.php names them.
var namesakes = map[string]v1alpha1.Driver{
	"redis": v1alpha1.DriverRedis, "database": v1alpha1.DriverDatabase,
	"sqs": v1alpha1.DriverNone, "beanstalkd": v1alpha1.DriverNone, "rabbitmq": v1alpha1.DriverNone, "sync": v1alpha1.DriverNone, "null": v1alpha1.DriverNone,
}

// driverNotes are what a user has to look at about the driver of a connection: that
// nobody named one, or that one was named for all and may not be that of this one. The
// connections are those of all applications, and known is the driver that all have.
func driverNotes(connection string, all [][2]string, drivers map[string]v1alpha1.Driver, known v1alpha1.Driver) []Note {
	note := Note{Line: Line{File: "to complete"}, Subject: "connection.driver", Warning: true}
	driver := drivers[""]
	own := "; if that is wrong, give it one of its own, such as --driver=" + connection + "=None"
	meant := namesakes[strings.ToLower(connection)]
	var others []string
	for _, app := range all {
		if name := app[1]; name != connection && drivers[name] == "" && !slices.Contains(others, name) {
			others = append(others, name)
		}
	}
	switch {
	case drivers[connection] != "" || known != "" || driver == v1alpha1.DriverNone:
		return nil
	case driver == "":
		note.Why, note.Warning = "nobody asks how many jobs wait; --driver=Redis or --driver=Database starts a backlog probe, which autoscaling needs", false
	case meant != "" && meant != driver:
		note.Why = fmt.Sprintf("it is %s, though the connection is named after another backend%s", driver, own)
	case meant == "" && len(others) > 0 && connection != "":
		note.Why = fmt.Sprintf("it is %s, as --driver says of all %d connections%s", driver, len(others)+1, own)
	default:
		return nil
	}
	return []Note{note}
}
