// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package laws

import (
	"math"
	"time"

	"queueworker.dev/queueworker/controllers/scaling"
	"queueworker.dev/queueworker/hack/scalesim/model"
	"queueworker.dev/queueworker/hack/scalesim/trace"
)

// window is a pool's default scale-down window.
const window = 2 * time.Minute

// queueWorker decides by the product's own function. It does not know how long a job
// takes or, as with Redis, how old the oldest job is.
type queueWorker struct {
	spec   scaling.Spec
	memory scaling.Memory
}

func newQueueWorker(s trace.Scenario) *queueWorker {
	return &queueWorker{spec: scaling.Spec{
		Min: int32(s.Min), Max: int32(s.Max), TargetWait: duration(s.Target),
		Timeout: duration(s.Timeout), ScaleDownWindow: window, ProcessesPerPod: 1,
	}}
}

func (q *queueWorker) Every() float64 { return scaling.Tick.Seconds() }

func (q *queueWorker) Size(o model.Observation) int {
	now := time.Unix(0, 0).UTC().Add(duration(o.Now))
	d := scaling.Decide(scaling.Input{
		Now: now, Spec: q.spec, Current: int32(o.Current), Busy: int32(o.Busy), BusyTime: duration(o.BusySeconds),
		Backlog:        &scaling.Backlog{MeasuredAt: now, Ready: int64(o.Ready), Reserved: int64(o.Reserved)},
		AgentsReadable: true,
		Completed:      scaling.Completed{Attempts: int64(o.Ended), Seconds: o.EndedSeconds},
		StartLatency:   model.StartLatency * time.Second,
		Memory:         q.memory,
	})
	q.memory = d.Memory
	return int(d.Processes)
}

func duration(seconds float64) time.Duration {
	return time.Duration(math.Round(seconds * float64(time.Second)))
}
