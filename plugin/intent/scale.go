// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package intent

import (
	"fmt"
)

// Size is what `scale` asks for; nil is not asked for.
type Size struct {
	Processes, Lowest, Highest *int32
}

// Scale sets how many processes a pool has, or between what autoscaling chooses.
func Scale(in Input, size Size) (Plan, error) {
	name, auto := in.Worker.Name, in.Worker.Spec.Autoscaling
	bounds := size.Lowest != nil || size.Highest != nil
	switch {
	case size.Processes == nil && !bounds:
		return Plan{}, refuse("say how many: --processes N, or --min N and --max N where autoscaling sets the size")
	case size.Processes != nil && bounds:
		return Plan{}, refuse("--processes is for a fixed size, --min and --max are for autoscaling; use one or the other")
	case size.Processes != nil && auto != nil:
		return Plan{}, refuse("autoscaling sets the size of QueueWorker %s, between %d and %d processes, so processes is ignored; move its bounds with `kubectl queueworker scale %s --min N --max N`",
			name, lowest(auto.MinProcesses), auto.MaxProcesses, name)
	case bounds && auto == nil:
		return Plan{}, refuse("QueueWorker %s has no autoscaling, so there are no bounds to move; set its size with `kubectl queueworker scale %s --processes N`, or add spec.autoscaling", name, name)
	case size.Processes != nil:
		return fixed(in, *size.Processes)
	}
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
	if in.Worker.Spec.Stopped {
		plan.Notes = append(plan.Notes, "It is stopped, and has no processes until `kubectl queueworker start "+in.Worker.Name+"`.")
	}
	return plan, nil
}

// lowest is autoscaling's minimum; absent is 1.
func lowest(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}
