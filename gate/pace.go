// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import "time"

const (
	// burst is how many requests of a connection are answered without a wait.
	burst = 4
	// interval is the time between two answers after a burst.
	interval = 50 * time.Millisecond
)

// pace is a token bucket for the requests of one connection.
type pace struct {
	// due is when the bucket is full again.
	due time.Time
}

// take takes a token and returns how long the request must wait for it.
func (p *pace) take(now time.Time) time.Duration {
	if p.due.Before(now) {
		p.due = now
	}
	p.due = p.due.Add(interval)
	return p.due.Sub(now) - burst*interval
}

// await waits until the next request of the connection may be answered. It reports
// whether the connection still has its place: the connection may lose it meanwhile,
// because no answer is being made. A trusted connection does not wait.
func (c *Conn) await() bool {
	if c.known.Load() {
		return true
	}
	wait := c.pace.take(time.Now())
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-c.gone:
		return false
	case <-timer.C:
		return true
	}
}
