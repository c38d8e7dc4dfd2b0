// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestNodeCondition(t *testing.T) {
	for name, tc := range map[string]struct{ body, wantError string }{
		"ready":            {`{"status":{"conditions":[{"type":"MemoryPressure","status":"False"},{"type":"Ready","status":"True"}]}}`, ""},
		"not ready":        {`{"status":{"conditions":[{"type":"Ready","status":"False","message":"no network"}]}}`, "no network"},
		"not yet reported": {`{"status":{}}`, "not reported"},
		"no node":          {`oops`, "read the node's state"},
	} {
		t.Run(name, func(t *testing.T) {
			err := nodeCondition([]byte(tc.body))
			if tc.wantError == "" && err != nil || tc.wantError != "" && (err == nil || !strings.Contains(err.Error(), tc.wantError)) {
				t.Errorf("nodeCondition() = %v; want %q", err, tc.wantError)
			}
		})
	}
}

func TestImportedNames(t *testing.T) {
	const output = "unpacking docker.io/queueworker/demo:dev (sha256:1)...done\nunpacking docker.io/queueworker/demo:dev2 (sha256:2)...done\n"
	if got, want := importedNames(output), "docker.io/queueworker/demo:dev, docker.io/queueworker/demo:dev2"; got != want {
		t.Errorf("importedNames() = %q; want %q", got, want)
	}
}

func TestRunRefusesWithASentence(t *testing.T) {
	for name, tc := range map[string]struct {
		arguments []string
		want      string
	}{
		"unknown command": {[]string{"start"}, `there is no command "start"`},
		"extra argument":  {[]string{"up", "now"}, "up takes no arguments"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, notes bytes.Buffer
			if err := run(tc.arguments, &out, &notes); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("run(%q) = %v; want %q", tc.arguments, err, tc.want)
			}
			if out.Len() > 0 {
				t.Errorf("run(%q) printed %q for scripts", tc.arguments, out.String())
			}
		})
	}
	var out, notes bytes.Buffer
	if err := run(nil, &out, &notes); err != nil || !strings.Contains(out.String(), "load-image") {
		t.Errorf("run() without a command = %v, printed %q; want the usage", err, out.String())
	}
}
