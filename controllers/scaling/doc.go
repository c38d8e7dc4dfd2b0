// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scaling decides how many processes a pool should have (Decide), and divides a cap
// over several pools among them (Share).
//
// The law gives every waiting job the same promise: a process begins it within the target
// wait. It asks for the processes that keep up with arriving jobs, plus the processes that
// clear the backlog in the time that is left:
//
//	processes = max(0.7·λ·S, busy·min(1, S/T)) + drain
//	drain     = max over the ages a of waiting jobs of
//	            c + (W − c·T) / max(T − L, T₀/4)
//	W         = S · (ready jobs of age a and older)
//	T         = max(0.8·T₀ − a, T₀/4)
//	c         = the processes that are present beyond the first term, at most W/T
//	at most     B + D + R + ceil(λ·(L + tick))
//
// with λ the arrival rate, S the time a job takes, B the ready jobs, D the jobs due before
// a pod could start, which count as the youngest, R the reserved jobs, L the time a pod
// takes to start, T₀ the target wait. A process that is present has the whole of T for the
// backlog; a process that must first be started has L less. A process that works on a job
// longer than T is needed where it is. The rate accounts for seven tenths of the arriving
// jobs. The backlog, which can be counted, accounts for the rest. Then come the bounds of
// the pool. From zero, the size goes straight to its target. On the way down, it goes to
// the largest size asked for within the scale-down window. It does not go below 1.02·λ·S,
// because a smaller pool would only have to grow again.
//
// λ is an EWMA, over the time of 100 jobs but 30 s to 120 s, of the flow balance
//
//	arrivals = attempts ended + Δ(ready + reserved)
//
// in which one measurement counts for at most twice the expected number and a few jobs: a
// thousand jobs put at once are a backlog and not a rate. S is the mean over the attempts
// of the last minute, or over the last hundred if fewer end. Running jobs that are older
// than that count as half done.
//
// An unknown value is never taken for zero: without a backlog the size is held.
package scaling
