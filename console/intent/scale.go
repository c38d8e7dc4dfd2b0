// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package intent

import (
	"fmt"
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
		return refuse("say how many: --processes N, or --min N and --max N where autoscaling sets the size")
	case s.Processes != nil && bounds:
		return refuse("--processes is for a fixed size, --min and --max are for autoscaling; use one or the other")
	case !bounds && auto != nil:
		return refuse("autoscaling sets the size of QueueWorker %s, between %d and %d processes, so processes is ignored; move its bounds with `kubectl queueworker scale %s --min N --max N`",
			name, lowest(auto.MinProcesses), auto.MaxProcesses, name)
	case bounds && auto == nil:
		return refuse("QueueWorker %s has no autoscaling, so there are no bounds to move; set its size with `kubectl queueworker scale %s --processes N`, or add spec.autoscaling", name, name)
	}
	return nil
}

func bounds(in Input, size Size) (Plan, error) {
	auto := in.Worker.Spec.Autoscaling
	low, high := lowest(auto.MinProcesses), auto.MaxProcesses
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
		return Plan{}, refuse("the minimum, %d, must not be above the maximum, %d; give both --min and --max", low, high)
	}
	done := fmt.Sprintf("is kept between %d and %d processes", low, high)
	if low == lowest(auto.MinProcesses) && high == auto.MaxProcesses {
		return Plan{Done: done + " already"}, nil
	}
	return Plan{Worker: patch, Done: done}, nil
}

func fixed(in Input, wanted int32) (Plan, error) {
	if wanted == processes(in.Worker) {
		return Plan{Done: fmt.Sprintf("has processes %d already", wanted)}, nil
	}
	plan := Plan{
		Worker: spec(map[string]any{"processes": wanted}),
		Done:   fmt.Sprintf("goes from %d to %d processes", processes(in.Worker), wanted),
	}
	if perPod := in.Worker.Spec.ProcessesPerPod; perPod > 1 && wanted%perPod != 0 {
		plan.Notes = append(plan.Notes, fmt.Sprintf("A pod holds %d processes, so there will be %d.", perPod, (wanted+perPod-1)/perPod*perPod))
	}
	if isBatch(in.Worker) {
		plan.Notes = append(plan.Notes, "It is of mode Batch, so the size counts from the next run; a run that is on its way keeps the one it has.")
	}
	if in.Worker.Spec.Stopped {
		plan.Notes = append(plan.Notes, "It is stopped, and has no processes until `kubectl queueworker start "+in.Worker.Name+"`.")
	}
	return plan, nil
}

// lowest returns autoscaling's minimum; the default is 1.
func lowest(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}
