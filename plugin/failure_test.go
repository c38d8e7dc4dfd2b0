// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/tools/clientcmd"
)

func TestExplain(t *testing.T) {
	workers := schema.GroupResource{Group: "queueworker.dev", Resource: "queueworkers"}
	denied := apierrors.NewForbidden(workers, "emails", errors.New(`User "system:serviceaccount:shop:eve" cannot patch resource "queueworkers" in API group "queueworker.dev" in the namespace "shop"`))
	tests := map[string]struct {
		err  error
		code int
		want string
	}{
		"a right is missing": {
			fmt.Errorf("pause emails: %w", denied), CodeForbidden,
			"You, system:serviceaccount:shop:eve, may not patch queueworkers in the namespace shop. Ask for the right `patch` on `queueworkers` of queueworker.dev; this tells when you have it: kubectl auth can-i patch queueworkers.queueworker.dev --namespace shop",
		},
		"of a subresource, everywhere": {
			apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New(`User "eve" cannot get resource "pods/log" in API group "" at the cluster scope`)), CodeForbidden,
			"You, eve, may not get pods/log in the whole cluster. Ask for the right `get` on `pods/log`; this tells when you have it: kubectl auth can-i get pods --subresource=log --all-namespaces",
		},
		"an admission policy":  {apierrors.NewForbidden(workers, "emails", errors.New("exceeded quota")), CodeForbidden, `You may not do this: queueworkers.queueworker.dev "emails" is forbidden: exceeded quota`},
		"not there":            {apierrors.NewNotFound(workers, "emails"), CodeNotFound, `queueworkers.queueworker.dev "emails" not found`},
		"said by us":           {fmt.Errorf("wait: %w", TimedOut("not within %ds", 3)), CodeTimedOut, "wait: not within 3s"},
		"no answer":            {context.DeadlineExceeded, CodeTimedOut, "The cluster did not answer in time: context deadline exceeded"},
		"no cluster":           {clientcmd.ErrEmptyConfig, CodeFailed, "No cluster is configured. Name a kubeconfig with --kubeconfig or the variable KUBECONFIG."},
		"a cluster without us": {&meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "QueueWorker"}}, CodeFailed, `This cluster does not know a kind that is needed: no matches for kind "QueueWorker" in group "". Install QueueWorker's chart, or name another cluster with --context.`},
		"unreachable":          {&url.Error{Op: "Get", URL: "https://x", Err: errors.New("refused")}, CodeFailed, `The cluster does not answer: Get "https://x": refused. Is --context the right one?`},
		"anything else":        {errors.New("a disk is full"), CodeFailed, "a disk is full"},
	}
	for name, tt := range tests {
		code, got := Explain(tt.err)
		if code != tt.code || got != tt.want {
			t.Errorf("%s: %d %q\nwant %d %q", name, code, got, tt.code, tt.want)
		}
	}
}

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
		"help":            {nil, CodeOK, "kubectl queueworker COMMAND"},
		"version":         {[]string{"version", "--client"}, CodeOK, "Plugin:   v1"},
		"unknown command": {[]string{"frobnicate"}, CodeUsage, `unknown command "frobnicate"`},
		"unknown flag":    {[]string{"list", "--frobnicate"}, CodeUsage, "see kubectl queueworker list --help"},
		"too many names":  {[]string{"explain", "a", "b"}, CodeUsage, "accepts 1 arg(s), received 2"},
		"unknown format":  {[]string{"list", "-o", "xml"}, CodeUsage, `there is no output format "xml"`},
		"watch for JSON":  {[]string{"workers", "-w", "-o", "json"}, CodeUsage, "--watch draws for people"},
		"top in a script": {[]string{"top"}, CodeUsage, "top needs a terminal"},
		"unknown order":   {[]string{"top", "--sort", "colour"}, CodeUsage, `there is no order "colour"`},
		"negative tail":   {[]string{"logs", "emails", "--tail", "-5"}, CodeUsage, "must not be negative"},
		"no cluster":      {[]string{"list"}, CodeFailed, "No cluster is configured."},
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
		"as it is":                {"emails --queue q --dry-run", CodeOK, manifest + "spec:\n  queue: q\n"},
		"in a namespace":          {"emails --queue q --dry-run=client -n shop", CodeOK, manifest + "  namespace: shop\nspec:\n  queue: q\n"},
		"in another format":       {"emails --queue q --dry-run -o jsonpath={.spec.queue}", CodeOK, "q"},
		"as a table":              {"emails --queue q --dry-run -o table", CodeOK, "NAME     QUEUE\nemails   q\n"},
		"under a name of no kind": {"Bad_Name! --queue q --dry-run", CodeUsage, ""},
		"with a time of no kind":  {"emails --queue q --timeout banana --dry-run", CodeUsage, ""},
		"with more than any":      {"emails --queue q --processes 99999999999 --dry-run", CodeUsage, ""},
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
	root := NewRootCommand(NewDeps(genericiooptions.NewTestIOStreamsDiscard(), "v1"))
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			continue
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || cmd.GroupID == "" {
			t.Errorf("%s: short %q, group %q", cmd.Name(), cmd.Short, cmd.GroupID)
		}
	}
}

func TestCompletesWithoutCluster(t *testing.T) {
	t.Setenv("KUBECONFIG", "/nonexistent")
	var out bytes.Buffer
	streams := genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &out, ErrOut: &bytes.Buffer{}}
	code := Main([]string{"/usr/local/bin/kubectl_complete-queueworker", "stat"}, streams, "v1")
	if want := "status\t"; code != CodeOK || !strings.HasPrefix(out.String(), want) {
		t.Errorf("completion ended with %d and said %q, want %q", code, out.String(), want)
	}
}
