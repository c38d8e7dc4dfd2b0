// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"

	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestPluginLists: `list` shows what the cluster has, in every format, and says politely
// which right is missing.
func TestPluginLists(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Create(
		builders.QueueWorker(l.Namespace, "emails").Queue("high,default").Stopped(true).Obj(),
		builders.QueueWorker(l.Namespace, "reports").Queue("reports").Stopped(true).Obj(),
	)
	viewer := l.Viewer()
	if got, want := viewer.OK("list", "-o", "name"), "queueworker.queueworker.dev/emails\nqueueworker.queueworker.dev/reports\n"; got != want {
		t.Errorf("list -o name printed %q, want %q", got, want)
	}
	if got, want := viewer.OK("list", "-o", "jsonpath={.items[*].spec.queue}"), "high,default reports"; got != want {
		t.Errorf("list -o jsonpath printed %q, want %q", got, want)
	}
	table := strings.Split(viewer.OK("list"), "\n")
	if !strings.HasPrefix(table[0], "NAME ") || !strings.HasPrefix(table[1], "emails ") || !strings.Contains(table[2], " reports ") {
		t.Errorf("list printed %q", table)
	}
	said := viewer.Run("list", "--all-namespaces")
	if said.Code != cli.CodeForbidden || !strings.Contains(said.Err, "may not list queueworkers in the whole cluster") {
		t.Errorf("list --all-namespaces without the right said %+v", said)
	}
	if said := l.User().Run("list"); said.Code != cli.CodeForbidden || !strings.Contains(said.Err, "Ask for the right `list` on `queueworkers`") {
		t.Errorf("list without the right said %+v", said)
	}
}

// TestPluginCompletes: kubectl itself completes commands, flags and names, through the
// program that it finds under the name kubectl_complete-queueworker.
func TestPluginCompletes(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Create(builders.QueueWorker(l.Namespace, "emails").Stopped(true).Obj(), builders.QueueApp(l.Namespace, "shop").Obj())
	tests := map[string]struct {
		words []string
		want  string
	}{
		"a command":      {[]string{"li"}, "list\t"},
		"a format":       {[]string{"list", "-o", "wi"}, "wide\n"},
		"a namespace":    {[]string{"list", "--namespace", l.Namespace[:len(l.Namespace)-1]}, l.Namespace + "\n"},
		"a name":         {[]string{"explain", "em"}, "emails\n"},
		"either's name":  {[]string{"status", "sh"}, "shop\n"},
		"a kubeconfig's": {[]string{"list", "--context", ""}, "lab\n"},
	}
	admin := l.Plugin()
	for name, tt := range tests {
		if got := admin.Kubectl(append([]string{"__complete", "queueworker"}, tt.words...)...); !strings.HasPrefix(got.Out, tt.want) {
			t.Errorf("%s: kubectl completes %q with %q, want %q", name, tt.words, got.Out, tt.want)
		}
	}
}
