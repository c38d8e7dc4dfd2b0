// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"strings"
	"testing"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// TestDriversAndDoubts: the driver of each connection, and what is said of it.
func TestDriversAndDoubts(t *testing.T) {
	const (
		unmeasured = "the backlog is not measured; --driver=Redis or --driver=Database starts a backlog probe, which autoscaling needs"
		namesake   = ", though the connection is named after another backend; if that is wrong, give the connection its own driver, such as --driver="
		ofAll      = ", as --driver says of all 2 connections; if that is wrong, give the connection its own driver, such as --driver="
	)
	redis, database, none := v1alpha1.DriverRedis, v1alpha1.DriverDatabase, v1alpha1.DriverNone
	type drivers = map[string]v1alpha1.Driver
	type said struct {
		driver v1alpha1.Driver
		why    string
	}
	tests := map[string]struct {
		connections []string
		drivers     drivers
		known       v1alpha1.Driver
		want        []said
	}{
		"none is given":                         {[]string{"redis"}, nil, "", []said{{"", unmeasured}}},
		"none is given, by default":             {[]string{""}, nil, "", []said{{"", unmeasured}}},
		"the file says it":                      {[]string{"redis", "jobs"}, nil, redis, []said{{redis, ""}, {redis, ""}}},
		"the user says otherwise than the file": {[]string{"redis"}, drivers{"": none}, redis, []said{{none, ""}}},
		"its own":                               {[]string{"sqs"}, drivers{"sqs": redis}, "", []said{{redis, ""}}},
		"its own wins over that of all":         {[]string{"redis"}, drivers{"": redis, "redis": database}, "", []said{{database, ""}}},
		"none for all":                          {[]string{"redis", "sqs"}, drivers{"": none}, "", []said{{none, ""}, {none, ""}}},
		"of that name":                          {[]string{"redis"}, drivers{"": redis}, "", []said{{redis, ""}}},
		"of that name in capitals": {[]string{"Database", "Redis"}, drivers{"": database}, "", []said{
			{database, ""}, {database, "it is Database" + namesake + "Redis=None"},
		}},
		"the application's own default":        {[]string{""}, drivers{"": redis}, "", []said{{redis, ""}}},
		"named after another":                  {[]string{"database"}, drivers{"": redis}, "", []said{{redis, "it is Redis" + namesake + "database=None"}}},
		"named after another, the other way":   {[]string{"redis"}, drivers{"": database}, "", []said{{database, "it is Database" + namesake + "redis=None"}}},
		"named after one that is not measured": {[]string{"SQS"}, drivers{"": redis}, "", []said{{redis, "it is Redis" + namesake + "SQS=None"}}},
		"a name that says nothing":             {[]string{"jobs"}, drivers{"": redis}, "", []said{{redis, ""}}},
		"two names that say nothing": {[]string{"jobs", "mails"}, drivers{"": redis}, "", []said{
			{redis, "it is Redis" + ofAll + "jobs=None"}, {redis, "it is Redis" + ofAll + "mails=None"},
		}},
		"one of two says nothing": {[]string{"redis", "mails"}, drivers{"": redis}, "", []said{{redis, ""}, {redis, "it is Redis" + ofAll + "mails=None"}}},
		"the other has its own":   {[]string{"jobs", "mails"}, drivers{"": redis, "mails": none}, "", []said{{redis, ""}, {none, ""}}},
		"the other is the default": {[]string{"", "mails"}, drivers{"": redis}, "", []said{
			{redis, ""}, {redis, ""},
		}},
		"the default beside two others": {[]string{"", "jobs", "mails"}, drivers{"": redis}, "", []said{
			{redis, ""}, {redis, "it is Redis" + ofAll + "jobs=None"}, {redis, "it is Redis" + ofAll + "mails=None"},
		}},
		"two of one connection": {[]string{"jobs", "jobs"}, drivers{"": redis}, "", []said{{redis, ""}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			draft := Draft{Driver: tc.known}
			for _, connection := range tc.connections {
				draft.Pools = append(draft.Pools, placed("a", "/srv/shop", connection))
			}
			apps := Assemble(draft, Settings{Drivers: tc.drivers}).Apps
			if len(apps) != len(tc.want) {
				t.Fatalf("%d QueueApps, want %d", len(apps), len(tc.want))
			}
			for i, want := range tc.want {
				var got v1alpha1.Driver
				if apps[i].Spec.Connection != nil {
					got = apps[i].Spec.Connection.Driver
				}
				if got != want.driver {
					t.Errorf("%s has the driver %q, want %q", apps[i].Name, got, want.driver)
				}
				why, warning := "", false
				if note := about(apps[i], "connection.driver"); note != nil {
					why, warning = note.Why, note.Warning
				}
				if why != want.why || warning != strings.HasPrefix(want.why, "it is") {
					t.Errorf("of %s it says %q (warning: %v), want %q", apps[i].Name, why, warning, want.why)
				}
			}
		})
	}
}
