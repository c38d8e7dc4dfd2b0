// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		path        string
		imports     []string
		testImports []string
		want        []string // the refused imports, in order
	}{
		"the protocol needs the standard library alone":   {"api/protocol", []string{"encoding/json", "k8s.io/api/core/v1"}, nil, []string{"k8s.io/api/core/v1"}},
		"the API needs Kubernetes' API libraries alone":   {"api/v1alpha1", []string{"k8s.io/api/core/v1", "k8s.io/apimachinery/pkg/types", "sigs.k8s.io/controller-runtime/pkg/scheme"}, nil, []string{"sigs.k8s.io/controller-runtime/pkg/scheme"}},
		"the API knows nothing of the operator":           {"api/v1alpha1", []string{module + "/controllers/status"}, nil, []string{module + "/controllers/status"}},
		"the API does not know the protocol":              {"api/v1alpha1", []string{module + "/api/protocol"}, nil, []string{module + "/api/protocol"}},
		"the listener needs the standard library alone":   {"gate", []string{"net/http", "golang.org/x/net/netutil"}, nil, []string{"golang.org/x/net/netutil"}},
		"the agent knows the operator by its key":         {"agent/report", []string{module + "/gate", module + "/trust"}, nil, nil},
		"the plugin is no operator":                       {"console/source", []string{module + "/trust"}, nil, []string{module + "/trust"}},
		"the agent carries no Kubernetes library":         {"agent/report", []string{"net/http", module + "/api/protocol", "k8s.io/apimachinery/pkg/types"}, nil, []string{"k8s.io/apimachinery/pkg/types"}},
		"the agent does not know the custom resources":    {"agent/control", []string{module + "/api/v1alpha1"}, nil, []string{module + "/api/v1alpha1"}},
		"the agent's parts know each other":               {"agent/supervisor", []string{module + "/agent/dialect", "golang.org/x/sys/unix"}, nil, nil},
		"a prefix of a library's name is not the library": {"agent/control", []string{"github.com/fsnotify/fsnotifyplus"}, nil, []string{"github.com/fsnotify/fsnotifyplus"}},
		"a decision does no input or output":              {"controllers/objects", []string{"os", "os/exec", "net/http", "context", "log/slog", "maps"}, nil, []string{"os", "os/exec", "net/http", "context", "log/slog"}},
		"a decision has no client and no logger":          {"controllers/status", []string{"sigs.k8s.io/controller-runtime/pkg/client", "github.com/go-logr/logr", "k8s.io/client-go/rest"}, nil, []string{"sigs.k8s.io/controller-runtime/pkg/client", "github.com/go-logr/logr", "k8s.io/client-go/rest"}},
		"a decision is not random":                        {"controllers/drain", []string{"math/rand/v2", "k8s.io/apimachinery/pkg/util/rand"}, nil, []string{"math/rand/v2", "k8s.io/apimachinery/pkg/util/rand"}},
		"a decision builds apply configurations":          {"controllers/objects", []string{"k8s.io/client-go/applyconfigurations/apps/v1", "k8s.io/api/apps/v1", module + "/api/v1alpha1", module + "/controllers/throughput"}, nil, nil},
		"a decision does not call the collector":          {"controllers/status", []string{module + "/controllers/collector"}, nil, []string{module + "/controllers/collector"}},
		"the operator does not know the agent":            {"controllers", []string{module + "/agent/report", "sigs.k8s.io/controller-runtime", module + "/controllers/collector"}, nil, []string{module + "/agent/report"}},
		"a controller knows no other controller":          {"controllers/queueapp", []string{module + "/controllers/queueworker", module + "/controllers/kube"}, nil, []string{module + "/controllers/queueworker"}},
		"what writes objects decides nothing":             {"controllers/kube", []string{module + "/controllers/status"}, nil, []string{module + "/controllers/status"}},
		"the collector is below the operator":             {"controllers/collector", []string{module + "/controllers/throughput", module + "/api/protocol", "net/http"}, nil, nil},
		"a backend does not know another":                 {"backlog/backend/redis", []string{module + "/backlog/backend/database", "github.com/redis/go-redis/v9"}, nil, []string{module + "/backlog/backend/database"}},
		"a backend knows no runtime":                      {"backlog/backend/redis", []string{module + "/backlog/layout/laravel/keys"}, nil, []string{module + "/backlog/layout/laravel/keys"}},
		"a layout reaches servers by their backends":      {"backlog/layout/laravel/keys", []string{module + "/backlog/backend/redis", "github.com/redis/go-redis/v9"}, nil, []string{"github.com/redis/go-redis/v9"}},
		"a runtime does not know another":                 {"agent/runtime/laravel", []string{module + "/agent/supervisor", module + "/agent/runtime/custom"}, nil, []string{module + "/agent/runtime/custom"}},
		"the probe does not know the agent":               {"backlog/probe", []string{module + "/agent/report", module + "/backlog/backend/redis"}, nil, []string{module + "/agent/report"}},
		"settings ask nobody":                             {"backlog/settings", []string{"github.com/redis/go-redis/v9", module + "/backlog"}, nil, []string{"github.com/redis/go-redis/v9"}},
		"no command is below the plugin's machinery":      {"plugin/cli/steering", []string{module + "/plugin", module + "/plugin/cli", module + "/plugin/wording"}, nil, []string{module + "/plugin"}},
		"words and pictures have no client":               {"plugin/wording", []string{module + "/plugin/cli", "sigs.k8s.io/controller-runtime/pkg/client"}, nil, []string{module + "/plugin/cli", "sigs.k8s.io/controller-runtime/pkg/client"}},
		"the dashboard does not know the plugin":          {"dashboard", []string{module + "/plugin/wording", module + "/console/view"}, nil, []string{module + "/plugin/wording"}},
		"the plugin does not know the dashboard":          {"plugin", []string{module + "/dashboard", module + "/console/view"}, nil, []string{module + "/dashboard"}},
		"what is shared knows no interface":               {"console/view", []string{module + "/plugin/wording"}, nil, []string{module + "/plugin/wording"}},
		"the dashboard does not know the operator":        {"dashboard", []string{module + "/controllers"}, nil, []string{module + "/controllers"}},
		"a program wires everything":                      {"cmd/manager", []string{module + "/controllers", module + "/agent/report", "flag"}, nil, nil},
		"a program carries no test code":                  {"cmd/agent", []string{module + "/test/fakes"}, nil, []string{module + "/test/fakes"}},
		"tests may read files and use any library":        {"controllers/objects", nil, []string{"os", "github.com/google/go-cmp/cmp", module + "/controllers/objects", module + "/test/builders"}, nil},
		"tests keep to their side":                        {"agent/report", nil, []string{module + "/controllers/collector"}, []string{module + "/controllers/collector"}},
		"what is not product may import all":              {"test/e2e", []string{module + "/controllers", module + "/agent/report", "k8s.io/client-go/kubernetes"}, nil, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := check(goPackage{ImportPath: module + "/" + tc.path, Imports: tc.imports, TestImports: tc.testImports})
			if len(got) != len(tc.want) {
				t.Fatalf("check = %q, want %d violations", got, len(tc.want))
			}
			for i, want := range tc.want {
				if !strings.Contains(got[i], tc.path+" imports "+want+": ") {
					t.Errorf("violation %d is %q, want one of %s", i, got[i], want)
				}
			}
		})
	}
}

func TestUnknownPackagesAreRefused(t *testing.T) {
	got := check(goPackage{ImportPath: module + "/util"})
	if len(got) != 1 || !strings.Contains(got[0], "util: no rule") {
		t.Errorf("check of a package outside the layout = %q", got)
	}
}

// tree is a small module with one violation of each kind.
var tree = map[string]string{
	"go.mod":                   "module " + module + "\n\ngo 1.26.0\n",
	"api/protocol/status.go":   "package protocol\n",
	"agent/report/report.go":   "package report\n\nimport _ \"" + module + "/controllers/status\"\n",
	"controllers/status/in.go": "package status\n\nimport (\n\t\"os\"\n\tclock \"time\"\n)\n\nvar _ = os.Args\n\nfunc age(t clock.Time) clock.Duration { return clock.Since(t) }\n",
	// A name that only looks like the clock, and the clock in a test, are allowed.
	"controllers/drain/drain.go":      "package drain\n\ntype clock struct{}\n\nfunc (clock) Now() int { return 0 }\n\nvar time clock\n\nvar _ = time.Now()\n",
	"controllers/drain/drain_test.go": "package drain\n\nimport \"time\"\n\nvar started = time.Now()\n",
	"common/common.go":                "package common\n",
	"controllers/queueapp/write.go":   "package queueapp\n\ntype client struct{}\n\nfunc (client) Patch() {}\n\nfunc (client) Scheme() {}\n\ntype r struct{ Client client }\n\nfunc (r r) write() {\n\tr.Client.Patch()\n\tr.Client.Scheme()\n}\n",
}

func TestVerifyFailsOnViolations(t *testing.T) {
	dir := write(t, tree)
	got, err := verify(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"agent/report imports " + module + "/controllers/status: the agent is a small program of its own and meets the operator in api/protocol alone",
		"common: no rule says what this package may import; see the layout in CONTRIBUTING.md",
		"controllers/queueapp/write.go:12 uses Client.Patch: only controllers/kube calls the verbs of a client",
		"controllers/status imports os: a package that decides is pure: the same input gives the same answer",
		"controllers/status/in.go:10 uses clock.Since: a package that decides is given the time in its input",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verify (-want +got):\n%s", diff)
	}
}

func TestVerifyPassesWithoutViolations(t *testing.T) {
	good := maps.Clone(tree)
	for _, name := range []string{"agent/report/report.go", "controllers/status/in.go", "common/common.go", "controllers/queueapp/write.go"} {
		delete(good, name)
	}
	if got, err := verify(write(t, good)); err != nil || len(got) > 0 {
		t.Errorf("verify = %q, %v; want nothing", got, err)
	}
}

func TestVerifySaysWhenThereIsNothingToLookAt(t *testing.T) {
	if _, err := verify(write(t, map[string]string{"go.mod": tree["go.mod"]})); err == nil {
		t.Error("verify passed a module without packages")
	}
}

func TestEveryRuleIsReached(t *testing.T) {
	for i, r := range rules {
		for _, pattern := range r.packages {
			name := strings.TrimSuffix(pattern, "/...")
			found, ok := ruleFor(name)
			if !ok || !slices.Equal(found.packages, r.packages) {
				t.Errorf("rule %d for %s is hidden by one before it", i, pattern)
			}
		}
	}
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
