// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// TestANewKeyIsWrittenInTurns follows a thousand pools after a start with a new key.
func TestANewKeyIsWrittenInTurns(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	p := &pins{}
	pool := func(i int) types.NamespacedName {
		return types.NamespacedName{Namespace: "ns", Name: fmt.Sprint("pool-", i)}
	}
	for name, live := range map[string]string{"a pool that knows none": "", "one that knows this key": "new"} {
		if pin, again := p.of("new", pool(0), live, start); pin != "new" || again != 0 {
			t.Errorf("%s is told %q, again after %s", name, pin, again)
		}
	}
	perSecond := map[time.Duration]int{}
	for i := range 1000 {
		pin, again := p.of("new", pool(i), "old", start)
		if pin != "old" || again <= 0 || again > pinSpread {
			t.Fatalf("pool %d is told %q, again after %s", i, pin, again)
		}
		perSecond[again/time.Second]++
		if pin, again := p.of("new", pool(i), "old", start.Add(again)); pin != "new" || again != 0 {
			t.Fatalf("in its turn pool %d is told %q, again after %s", i, pin, again)
		}
	}
	for second, n := range perSecond {
		if n > 80 {
			t.Errorf("%d of 1000 pools are written in second %d", n, second)
		}
	}
}
