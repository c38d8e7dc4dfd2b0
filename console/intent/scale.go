// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package intent

import (
	"queueworker.dev/queueworker/api/effective"
)

// Size is what `scale` asks for; nil fields stay as they are.
type Size struct {
	Processes, Lowest, Highest *int32
}

// Scale sets the number of processes of a pool, or the bounds between which autoscaling
// chooses.
func Scale(in Input, size Size) (Plan, error) {
	if err := size.suits(in); err != nil {
		return Plan{}, err
	}
	if size.Processes != nil {
		return fixed(in, *size.Processes)
	}
	return bounds(in, size)
}

// suits refuses a size that says too little or too much, or that this pool does not use.
func (s Size) suits(in Input) error {
	name, auto, bounds := in.Worker.Name, in.Worker.Spec.Autoscaling, s.Lowest != nil || s.Highest != nil
	switch {
	case s.Processes == nil && !bounds:
		return refuse(Message{Code: SizeMissing})
	case s.Processes != nil && bounds:
		return refuse(Message{Code: SizeAndBounds})
	case !bounds && auto != nil:
		return refuse(Message{Code: AutoscalingDecides, Worker: name, Lowest: effective.MinProcesses(auto), Highest: auto.MaxProcesses})
	case bounds && auto == nil:
		return refuse(Message{Code: NoBounds, Worker: name})
	}
	return nil
}

func bounds(in Input, size Size) (Plan, error) {
	auto := in.Worker.Spec.Autoscaling
	low, high := effective.MinProcesses(auto), auto.MaxProcesses
	values := map[string]any{}
	patch := &Patch{Body: map[string]any{"spec": map[string]any{"autoscaling": values}}}
	if size.Lowest != nil {
		low, values["minProcesses"] = *size.Lowest, *size.Lowest
		patch.Fields = append(patch.Fields, "spec.autoscaling.minProcesses")
	}
	if size.Highest != nil {
		high, values["maxProcesses"] = *size.Highest, *size.Highest
		patch.Fields = append(patch.Fields, "spec.autoscaling.maxProcesses")
	}
	if low > high {
		return Plan{}, refuse(Message{Code: BoundsCross, Lowest: low, Highest: high})
	}
	done := in.about(Bounded)
	done.Lowest, done.Highest = low, high
	if low == effective.MinProcesses(auto) && high == auto.MaxProcesses {
		done.Code = AlreadyBounded
		return Plan{Done: done}, nil
	}
	return Plan{Worker: patch, Done: done}, nil
}

func fixed(in Input, wanted int32) (Plan, error) {
	done := in.about(Scaled)
	done.From, done.To = effective.SpecProcesses(&in.Worker.Spec), wanted
	if done.From == done.To {
		done.Code = AlreadyScaled
		return Plan{Done: done}, nil
	}
	plan := Plan{Worker: spec(map[string]any{"processes": wanted}), Done: done}
	if perPod := effective.ProcessesPerPod(&in.Worker.Spec); perPod > 1 && wanted%perPod != 0 {
		plan.Notes = append(plan.Notes, Message{Code: WholePods, Worker: in.Worker.Name, PerPod: perPod, To: effective.Pods(wanted, &in.Worker.Spec) * perPod})
	}
	if effective.IsBatch(&in.Worker.Spec) {
		plan.note(FromNextRun, in.Worker)
	}
	if in.Worker.Spec.Stopped {
		plan.note(NoneWhileStopped, in.Worker)
	}
	return plan, nil
}
