// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"hash/fnv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// pinSpread is the time over which an operator with a new key writes its pin to pools
// that have another pin. The pools need it only for the names of jobs, and a burst of
// writes would delay more important work when an operator starts.
const pinSpread = 30 * time.Second

// pins decides when a pool's agents get the pin of this operator.
type pins struct {
	once  sync.Once
	since time.Time
}

// of returns the pin, own if it is this operator's, that a pool's ConfigMap must hold now, and the time after which it
// must hold another pin; 0 if it must not. A pool without a pin gets it at once.
func (p *pins) of(own string, pool types.NamespacedName, live string, now time.Time) (string, time.Duration) {
	p.once.Do(func() { p.since = now })
	if live == "" || live == own {
		return own, 0
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(pool.String())) // never fails
	share := time.Duration(float64(pinSpread) * float64(sum.Sum32()) / (1 << 32))
	if wait := p.since.Add(share).Sub(now); wait > 0 {
		return live, wait
	}
	return own, 0
}
