// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"queueworker.dev/queueworker/plugin/cli"
)

// run runs a command line that needs no cluster.
func run(arguments ...string) (code int, out, errOut string) {
	var stdout, stderr bytes.Buffer
	streams := genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &stdout, ErrOut: &stderr}
	code = Main(append([]string{"kubectl-queueworker"}, arguments...), streams, "v1")
	return code, stdout.String(), stderr.String()
}

func TestCommandLine(t *testing.T) {
	t.Setenv("KUBECONFIG", "/nonexistent")
	tests := map[string]struct {
		arguments []string
		code      int
		want      string
	}{
		"help":            {nil, cli.CodeOK, "kubectl queueworker COMMAND"},
		"version":         {[]string{"version", "--client"}, cli.CodeOK, "Plugin:   v1"},
		"unknown command": {[]string{"frobnicate"}, cli.CodeUsage, `unknown command "frobnicate"`},
		"unknown flag":    {[]string{"list", "--frobnicate"}, cli.CodeUsage, "see kubectl queueworker list --help"},
		"too many names":  {[]string{"explain", "a", "b"}, cli.CodeUsage, "accepts 1 arg(s), received 2"},
		"unknown format":  {[]string{"list", "-o", "xml"}, cli.CodeUsage, `there is no output format "xml"`},
		"watch for JSON":  {[]string{"workers", "-w", "-o", "json"}, cli.CodeUsage, "--watch draws for people"},
		"top in a script": {[]string{"top"}, cli.CodeUsage, "top needs a terminal"},
		"unknown order":   {[]string{"top", "--sort", "colour"}, cli.CodeUsage, `there is no order "colour"`},
		"negative tail":   {[]string{"logs", "emails", "--tail", "-5"}, cli.CodeUsage, "must not be negative"},
		"no cluster":      {[]string{"list"}, cli.CodeFailed, "No cluster is configured."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := run(tt.arguments...)
			if code != tt.code || !strings.Contains(out+errOut, tt.want) {
				t.Errorf("%v ended with %d and said %q, want %d and %q", tt.arguments, code, out+errOut, tt.code, tt.want)
			}
		})
	}
}

// TestCreatePrintsAManifest: it needs no cluster, and has the namespace only if the user
// named one.
func TestCreatePrintsAManifest(t *testing.T) {
	t.Setenv("KUBECONFIG", "/nonexistent")
	const manifest = "apiVersion: queueworker.dev/v1alpha1\nkind: QueueWorker\nmetadata:\n  name: emails\n"
	tests := map[string]struct {
		arguments string
		wantCode  int
		want      string
	}{
		"as it is":                {"emails --queue q --dry-run", cli.CodeOK, manifest + "spec:\n  queue: q\n"},
		"in a namespace":          {"emails --queue q --dry-run=client -n shop", cli.CodeOK, manifest + "  namespace: shop\nspec:\n  queue: q\n"},
		"in another format":       {"emails --queue q --dry-run -o jsonpath={.spec.queue}", cli.CodeOK, "q"},
		"as a table":              {"emails --queue q --dry-run -o table", cli.CodeOK, "NAME     QUEUE\nemails   q\n"},
		"under a name of no kind": {"Bad_Name! --queue q --dry-run", cli.CodeUsage, ""},
		"with a time of no kind":  {"emails --queue q --timeout banana --dry-run", cli.CodeUsage, ""},
		"with more than any":      {"emails --queue q --processes 99999999999 --dry-run", cli.CodeUsage, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if code, out, said := run(append([]string{"create"}, strings.Fields(tc.arguments)...)...); code != tc.wantCode || out != tc.want {
				t.Errorf("code %d, said %q, printed\n%s", code, said, out)
			}
		})
	}
}

// TestCommandsAreWhole: each command says what it is for and has a place in the help.
func TestCommandsAreWhole(t *testing.T) {
	root := NewRootCommand(cli.NewDeps(genericiooptions.NewTestIOStreamsDiscard(), "v1"))
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			continue
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || cmd.GroupID == "" {
			t.Errorf("%s: short %q, group %q", cmd.Name(), cmd.Short, cmd.GroupID)
		}
	}
}

// TestDoctorNamesEveryCommandThatActs: the report about rights names each command that
// changes pools or jobs at a right that it needs.
func TestDoctorNamesEveryCommandThatActs(t *testing.T) {
	words, err := os.ReadFile("wording/testdata/words.golden")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for line := range strings.Lines(string(words)) {
		if uses, isUse := strings.CutPrefix(line, "doctor.Use "); isUse {
			named = append(named, strings.FieldsFunc(uses, func(r rune) bool { return strings.ContainsRune(" ,\n", r) })...)
		}
	}
	root := NewRootCommand(cli.NewDeps(genericiooptions.NewTestIOStreamsDiscard(), "v1"))
	for _, cmd := range root.Commands() {
		if acts := cmd.GroupID == cli.GroupAct || cmd.GroupID == cli.GroupJobs; acts && !slices.Contains(named, cmd.Name()) {
			t.Errorf("no right is said to be for %s", cmd.Name())
		}
	}
}

func TestCompletesWithoutCluster(t *testing.T) {
	t.Setenv("KUBECONFIG", "/nonexistent")
	var out bytes.Buffer
	streams := genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &out, ErrOut: &bytes.Buffer{}}
	code := Main([]string{"/usr/local/bin/kubectl_complete-queueworker", "stat"}, streams, "v1")
	if want := "status\t"; code != cli.CodeOK || !strings.HasPrefix(out.String(), want) {
		t.Errorf("completion ended with %d and said %q, want %q", code, out.String(), want)
	}
}
