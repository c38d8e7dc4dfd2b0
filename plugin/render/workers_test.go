// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/test/shop"
)

func TestNobodyIsThere(t *testing.T) {
	top := &Top{Width: 80, Where: "shop with the labels team=none", Snapshot: &view.Snapshot{}}
	if got, want := top.nobody(), "There are no QueueWorkers in shop with the labels team=none."; got != want {
		t.Errorf("top says %q, want %q", got, want)
	}
	s := &view.Snapshot{Pools: []v1alpha1.QueueWorker{*shop.Lost()}}
	if got, want := NoWorkers(s, "There is nothing."), "There are no workers: lost is stopped."; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

func TestWorkerTable(t *testing.T) {
	listing := WorkerTable(shop.Snapshot().Workers(), shop.Now, false)
	want := [][]string{
		{"emails-worker-7c9-aaaaa/0", "high", "Busy", "28", "5m", "118", "2", "84Mi", "120m", `App\Jobs\SendMail for 3s`, "emails", "-", "live"},
		{"emails-worker-7c9-aaaaa/1", "high,default", "BackingOff", "-", "-", "0", "0", "-", "-", "-", "emails", "Crashed", "live"},
		{"emails-worker-7c9-bbbbb/0", "high,default", "Idle", "31", "60m", "40", "0", "64Mi", "2m", "-", "emails", "-", "23s ago"},
	}
	if diff := cmp.Diff(want, listing.Rows); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"pod/emails-worker-7c9-aaaaa", "pod/emails-worker-7c9-bbbbb"}, listing.Names); diff != "" {
		t.Errorf("names differ (-want +got):\n%s", diff)
	}
}

func TestColours(t *testing.T) {
	if got := Paint(Colours).in(view.Bad, "x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("bad is painted %q", got)
	}
}
