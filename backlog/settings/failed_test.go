// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"strings"
	"testing"

	"queueworker.dev/queueworker/api/protocol"
)

func TestNewFailed(t *testing.T) {
	database := map[string]string{"DB_CONNECTION": "pgsql", "DB_HOST": "db", "DB_DATABASE": "shop", "DB_USERNAME": "shop"}
	for name, tc := range map[string]struct {
		driver  string // of failed jobs; "-" leaves the variable out
		config  protocol.ProbeConfig
		without string // the variable that is left out
		table   string
		numbers bool
		says    string
	}{
		"nothing said":              {driver: "-", table: "failed_jobs"},
		"UUIDs":                     {driver: "database-uuids", table: "failed_jobs"},
		"numbers":                   {driver: "Database", table: "failed_jobs", numbers: true},
		"a table of its own":        {driver: "-", config: protocol.ProbeConfig{Database: &protocol.DatabaseBackend{FailedTable: "broken"}}, table: "broken"},
		"another variable":          {driver: "-", config: protocol.ProbeConfig{Variables: map[string]string{"QUEUE_FAILED_DRIVER": "KEEPS"}}, table: "failed_jobs", numbers: true},
		"none kept":                 {driver: "null", says: "keeps no failed jobs: QUEUE_FAILED_DRIVER is null"},
		"kept from now on":          {driver: "null", says: "restart the probe, because it reads it only when it starts: kubectl rollout restart deployment APP-backlog."},
		"kept in a file":            {driver: "file", says: "keeps its failed jobs in file"},
		"kept elsewhere":            {driver: "dynamodb", says: "keeps its failed jobs in dynamodb"},
		"a database without a host": {driver: "-", without: "DB_HOST", says: "It is not known which database the failed jobs are in. It is not known where the database is"},
	} {
		t.Run(name, func(t *testing.T) {
			variables := map[string]string{"KEEPS": "database"}
			for name, value := range database {
				if name != tc.without {
					variables[name] = value
				}
			}
			if tc.driver != "-" {
				variables["QUEUE_FAILED_DRIVER"] = tc.driver
			}
			found, err := NewFailed(tc.config, NewEnvironment(variables, tc.config.Variables))
			if tc.says != "" {
				if err == nil || !strings.Contains(err.Error(), tc.says) || !strings.HasSuffix(err.Error(), ".") {
					t.Errorf("the error is %v, want %q", err, tc.says)
				}
				return
			}
			if err != nil || found.FailedTable != tc.table || found.Numbers != tc.numbers || found.Host != "db" {
				t.Errorf("found %+v, %v", found, err)
			}
		})
	}
}
