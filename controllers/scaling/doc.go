// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scaling decides how many processes a pool should have (Decide), and how a
// cap over several pools is divided among them (Share).
//
// The law gives every waiting job the same promise: to be begun within the target
// wait. It asks for the processes that keep up with what arrives, plus those that
// clear what waits in the time that is left:
//
//	processes = max(λ·S/0.8, busy·min(1, S/T)) + drain
//	drain     = c + (W − c·T) / max(T − L, T₀/4)    W = (B + D)·S
//	T         = max(0.8·T₀ − a, T₀/4)               c = min(present − λ·S/0.8, W/T), at least 0
//	at most     B + D + R + ceil(λ·(L + tick))
//
// with λ the arrival rate, S the time a job takes, B the ready jobs, D those due
// before a pod could start, R the reserved ones, a the age of the oldest ready job,
// L what a pod takes to start, T₀ the target wait. A process that is present has the
// whole of T to work on the backlog; one yet to be started has L less. Then come the
// bounds of the pool. From zero the size goes straight to its target; down it goes
// to the largest size asked for within the scale-down window.
//
// λ is an EWMA over 30 s of the flow balance
//
//	arrivals = attempts ended + Δ(ready + reserved)
//
// in which one measurement counts no more than what was expected, doubled, and a few
// jobs: a thousand jobs put at once are a backlog, which the drain term sees, and not
// a rate. S is the mean over the attempts of about the last minute, or the last
// hundred where fewer end, and no less than the jobs at work show by their age.
//
// What is not known is never taken for zero: without a backlog the size is held.
package scaling
