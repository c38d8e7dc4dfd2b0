// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import "time"

const (
	// burst is how many requests a connection may send at once.
	burst = 4
	// interval is the time between two answers after the burst.
	interval = 50 * time.Millisecond
)

// pace is a token bucket for the requests of one connection.
type pace struct {
	// due is when the bucket is full again.
	due time.Time
}

// take takes a token and returns how long the request has to wait for it.
func (p *pace) take(now time.Time) time.Duration {
	if p.due.Before(now) {
		p.due = now
	}
	p.due = p.due.Add(interval)
	return p.due.Sub(now) - burst*interval
}

// await waits until the next request of the connection may be answered, and reports
// whether the connection still has its place. The connection can lose its place meanwhile,
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
