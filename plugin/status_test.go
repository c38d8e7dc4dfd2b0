// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"testing"

	"queueworker.dev/queueworker/plugin/cli"
)

// TestNothingSaysWhatWasLookedFor: with a selector, the message does not claim that there
// is nothing at all.
func TestNothingSaysWhatWasLookedFor(t *testing.T) {
	cluster := &cli.Cluster{Namespace: "shop"}
	tests := map[string]struct {
		scope                cli.Scope
		wantList, wantStatus string
	}{
		"a namespace":    {cli.Scope{}, "There are no QueueWorkers in the namespace shop.", "There are no QueueApps and no QueueWorkers in the namespace shop."},
		"all namespaces": {cli.Scope{AllNamespaces: true}, "There are no QueueWorkers in any namespace.", "There are no QueueApps and no QueueWorkers in any namespace."},
		"labels": {
			cli.Scope{Selector: "team=shop"},
			"There are no QueueWorkers in the namespace shop with the labels team=shop.", "There are no QueueWorkers in the namespace shop with the labels team=shop.",
		},
		"labels anywhere": {
			cli.Scope{AllNamespaces: true, Selector: "team=shop"},
			"There are no QueueWorkers in any namespace with the labels team=shop.", "There are no QueueWorkers in any namespace with the labels team=shop.",
		},
	}
	for name, tc := range tests {
		if got := tc.scope.Nothing("QueueWorkers", cluster); got != tc.wantList {
			t.Errorf("%s: list says %q, want %q", name, got, tc.wantList)
		}
		if got := (&statusCommand{scope: tc.scope}).nothing(cluster); got != tc.wantStatus {
			t.Errorf("%s: status says %q, want %q", name, got, tc.wantStatus)
		}
	}
}
