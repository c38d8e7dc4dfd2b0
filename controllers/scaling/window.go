// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import "slices"

// ask records that a size is asked for now. It forgets sizes that are older than the
// scale-down window or not larger than a later size. Sizes within one slot of the window
// share an entry that is valid until the end of the slot, so the list is short.
func ask(asked []Asked, in Input, n int32) []Asked {
	oldest := in.Now.Add(-in.Spec.ScaleDownWindow)
	out := slices.DeleteFunc(slices.Clone(asked), func(a Asked) bool {
		return a.At.Before(oldest) || a.Processes <= n
	})
	until := in.Now
	if slot := in.Spec.ScaleDownWindow / slots; slot > 0 {
		until = in.Now.Truncate(slot).Add(slot)
	}
	if last := len(out) - 1; last >= 0 && !out[last].At.Before(until) {
		return out
	}
	return append(out, Asked{At: until, Processes: n})
}

// shrink returns how far a pool may shrink towards a target, and the limit that keeps it
// from shrinking further.
func (m Memory) shrink(in Input, target int32) (int32, Limit) {
	limit := LimitNone
	if len(m.Asked) > 0 && m.Asked[0].Processes > target {
		target, limit = min(m.Asked[0].Processes, in.Current), LimitWindow
	}
	if in.Spec.ScaleDownStep == 0 || target == in.Current {
		return target, limit
	}
	if since := in.Now.Sub(m.SteppedAt); since >= 0 && since < Tick {
		return in.Current, LimitStep
	}
	// A step of less than a pod would be no step.
	step := max(in.Spec.ScaleDownStep, in.Spec.ProcessesPerPod)
	if in.Current-target > step {
		return in.Current - step, LimitStep
	}
	return target, limit
}
