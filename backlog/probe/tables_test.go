// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/runtimes"
	"queueworker.dev/queueworker/backlog/settings"
)

func TestEveryRuntimeHasALayout(t *testing.T) {
	for _, name := range runtimes.Names() {
		layout, known := layouts[name]
		if !known {
			t.Errorf("%s has no layout", name)
		}
		if lists := runtimes.Of(name).ListsFailed; lists != (layout.failed != nil) {
			t.Errorf("%s lists failed jobs: %t, and its layout does: %t", name, lists, layout.failed != nil)
		}
	}
}

// TestEveryDriverOfTheAPIHasABackend: only None, which measures nothing, has no row.
func TestEveryDriverOfTheAPIHasABackend(t *testing.T) {
	text, err := os.ReadFile("../../config/crd/bases/queueworker.dev_queueapps.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct{ Schema map[string]any }
		}
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	node := any(crd.Spec.Versions[0].Schema)
	for _, key := range []string{"openAPIV3Schema", "properties", "spec", "properties", "connection", "properties", "driver", "enum"} {
		node = node.(map[string]any)[key]
	}
	var want []string
	for _, name := range node.([]any) {
		if name != "None" {
			want = append(want, name.(string))
		}
	}
	slices.Sort(want)
	var got []string
	for name := range backends {
		got = append(got, string(name))
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the API and the table differ (-API +table):\n%s", diff)
	}
}

func TestTheTablesDecideWhatIsOpened(t *testing.T) {
	environment := settings.NewEnvironment(map[string]string{
		"REDIS_HOST": "redis", "DB_CONNECTION": "pgsql", "DB_HOST": "db", "DB_DATABASE": "shop", "DB_USERNAME": "shop",
	}, nil)
	endpoint := &protocol.HTTPBackend{URL: "http://endpoint/"}
	for name, tc := range map[string]struct {
		config protocol.ProbeConfig
		want   string // a part of the description or of the error
	}{
		"the default runtime in Redis":      {protocol.ProbeConfig{Driver: protocol.DriverRedis}, "key prefix laravel"},
		"Laravel in Redis":                  {protocol.ProbeConfig{Driver: protocol.DriverRedis, Runtime: "Laravel"}, "key prefix laravel"},
		"Laravel in a database":             {protocol.ProbeConfig{Driver: protocol.DriverDatabase}, "table jobs"},
		"an endpoint for Laravel":           {protocol.ProbeConfig{Driver: protocol.DriverHTTP, HTTP: endpoint}, "the HTTP endpoint"},
		"an endpoint for any runtime":       {protocol.ProbeConfig{Driver: protocol.DriverHTTP, HTTP: endpoint, Runtime: "Custom"}, "the HTTP endpoint"},
		"a runtime that keeps no jobs here": {protocol.ProbeConfig{Driver: protocol.DriverRedis, Runtime: "Custom"}, "where the runtime Custom keeps its jobs with the driver Redis"},
		"a runtime that is not known":       {protocol.ProbeConfig{Driver: protocol.DriverRedis, Runtime: "Cobol"}, "where the runtime Cobol keeps its jobs"},
		"a driver that is not known":        {protocol.ProbeConfig{Driver: "Fax"}, "The driver of the connection is none of Database, HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			driver, err := open(tc.config, environment)
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				got = driver.Describe()
				_ = driver.Close()
			}
			if !strings.Contains(got, tc.want) {
				t.Errorf("got %q; want %q in it", got, tc.want)
			}
		})
	}
}
