// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package laws

import (
	"math"

	"queueworker.dev/queueworker/hack/scalesim/model"
)

const (
	// sync is the time between two decisions of the HPA, in seconds.
	sync = 15
	// tolerance is by how much the ratio of a metric to its target may differ from 1.
	tolerance = 0.1
	// stabilization is the HPA's scale-down window, in seconds.
	stabilization = 300
	// The default scale-up: by 100 per cent or by 4 pods per 15 s, whichever is more.
	upFactor, upPods = 2, 4
	// polling and cooldown are KEDA's pollingInterval and cooldownPeriod, in seconds.
	polling, cooldown = 30, 300
	// delay is how long practo's autoscaler removes nothing after a change, in seconds.
	delay = 600
)

// bounds are the bounds of a pool.
type bounds struct{ least, most int }

func (b bounds) within(n int) int { return min(max(n, b.least), b.most) }

// hpa is the Horizontal Pod Autoscaler with one external metric.
type hpa struct {
	bounds
	// desired is the formula, and metric returns its input.
	desired func(metric float64, current int) float64
	metric  func(model.Observation) float64
	advised []advice
}

type advice struct {
	at float64
	n  int
}

func (h *hpa) Every() float64 { return sync }

func (h *hpa) Size(o model.Observation) int {
	n := h.within(int(min(math.Ceil(h.desired(h.metric(o), o.Current)), 1e6)))
	h.advised = append(h.advised, advice{o.Now, n})
	for o.Now-h.advised[0].at > stabilization {
		h.advised = h.advised[1:]
	}
	if n < o.Current {
		for _, a := range h.advised {
			n = max(n, min(a.n, o.Current))
		}
	}
	return h.within(min(n, max(o.Current*upFactor, o.Current+upPods)))
}

// averageValue returns the formula for a target per pod.
func averageValue(target float64) func(float64, int) float64 {
	return func(metric float64, current int) float64 {
		if current > 0 && math.Abs(metric/(target*float64(current))-1) <= tolerance {
			return float64(current)
		}
		return metric / target
	}
}

// value returns the formula for a target for the metric as a whole.
func value(target float64) func(float64, int) float64 {
	return func(metric float64, current int) float64 {
		ratio := metric / target
		if math.Abs(ratio-1) <= tolerance {
			return float64(current)
		}
		return float64(current) * ratio
	}
}

// keda extends the HPA with scaling from zero and to zero.
type keda struct {
	hpa
	toZero bool
	// polled is when the scaler was last asked; active is when it last found jobs.
	polled, active float64
}

func (k *keda) Size(o model.Observation) int {
	jobs := k.metric(o) > 0
	if o.Now == 0 || o.Now-k.polled >= polling {
		k.polled = o.Now
		if jobs {
			k.active = o.Now
		}
		switch {
		case o.Current == 0 && jobs:
			k.advised = nil
			return 1
		case k.toZero && !jobs && o.Now-k.active >= cooldown:
			return 0
		}
	}
	if o.Current == 0 {
		return 0
	}
	return k.hpa.Size(o)
}

// practo is practo/k8s-worker-pod-autoscaler. It aims at a number of jobs per worker. The
// rate of the last minute and a fixed service time give the least size.
type practo struct {
	bounds
	target, told float64
	sent         []advice
	moved        float64
}

func (p *practo) Every() float64 { return sync }

func (p *practo) Size(o model.Observation) int {
	p.sent = append(p.sent, advice{o.Now, o.Sent})
	for len(p.sent) > 1 && o.Now-p.sent[1].at >= 60 {
		p.sent = p.sent[1:]
	}
	perMinute := float64(o.Sent-p.sent[0].n) / max(1, o.Now-p.sent[0].at) * 60
	floor := math.Ceil(p.told * perMinute / 60)
	jobs := float64(o.Ready + o.Reserved)
	n := p.within(int(max(floor, math.Ceil(averageValue(p.target)(jobs, o.Current)))))
	if n < o.Current && o.Now-p.moved < delay {
		return o.Current
	}
	if n != o.Current {
		p.moved = o.Now
	}
	return n
}
