// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package horizon

import (
	"fmt"
	"strings"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/importing/budget"
	"queueworker.dev/queueworker/plugin/importing/manifest"
	"queueworker.dev/queueworker/plugin/importing/phpvalue"
)

// pools returns the pools that a supervisor becomes, by its balance:
//
//	auto    one pool for each queue, sized by need, from minProcesses up to the part
//	        of maxProcesses that the other queues' minimums leave; maxProcesses caps all
//	simple  one pool for each queue, maxProcesses divided evenly
//	false   one pool for all queues, in their order, with maxProcesses
func (s *supervisor) pools(queues []string) []manifest.Placement {
	least, most := s.count("minProcesses"), s.count("maxProcesses")
	if most < least {
		most = least
	}
	switch s.balance() {
	case "auto":
		return s.auto(queues, least, most)
	case "simple":
		return s.simple(queues, most)
	}
	if _, given := s.options["minProcesses"]; given && least < most {
		s.note(s.options["minProcesses"].Line, false, fmt.Sprintf("minProcesses %d", least),
			"without balancing the size is maxProcesses; for a size that follows the backlog, set autoscaling")
	}
	if s.left.Steps(budget.PoolSteps) != nil {
		return nil // the caller sees that the budget is spent
	}
	pool := manifest.Pool{Name: s.name, Spec: s.spec}
	pool.Spec.Queue, pool.Spec.Processes = strings.Join(queues, ","), &most
	return []manifest.Placement{{Pool: pool}}
}

// balance returns auto, simple or off.
func (s *supervisor) balance() string {
	value, ok := s.options["balance"]
	if !ok {
		s.note(s.value.Line, false, "no balance", "Horizon does not balance then, so one pool takes jobs from all queues in their order")
		return "off"
	}
	if value.Kind == phpvalue.Unknown {
		s.note(value.Line, true, "balance", "its value is not known, so there is no balancing: "+value.Why)
		return "off"
	}
	switch given, _ := value.AsText(); given {
	case "auto", "simple":
		return given
	case "", "off", "false", "0":
	default:
		s.note(value.Line, true, "balance "+given, "Horizon knows auto, simple and false; it treats this value as no balancing")
	}
	return "off"
}

// count returns a number of processes, which is 1 if none is set.
func (s *supervisor) count(name string) int32 {
	value, ok := s.options[name]
	if !ok || value.Kind == phpvalue.Null {
		return 1
	}
	if value.Kind == phpvalue.Unknown || value.Kind == phpvalue.List {
		s.note(value.Line, true, name, "its value is not known, so it is 1: "+why(value))
		return 1
	}
	wanted := value.Whole()
	taken := min(max(wanted, 1), maxProcesses)
	if taken != wanted {
		s.note(value.Line, true, fmt.Sprintf("%s %d", name, wanted), fmt.Sprintf("a QueueWorker takes 1 to %d, so it is %d", maxProcesses, taken))
	}
	return int32(taken)
}

// each returns one pool for every queue.
func (s *supervisor) each(queues []string, fill func(i int, spec *v1alpha1.QueueWorkerSpec)) []manifest.Placement {
	if s.left.Steps(len(queues)*budget.PoolSteps) != nil {
		return nil // the caller sees that the budget is spent
	}
	out := make([]manifest.Placement, 0, len(queues))
	for i, queue := range queues {
		pool := manifest.Pool{Name: s.name, Spec: *s.spec.DeepCopy()}
		if len(queues) > 1 {
			pool.Name += "-" + queue
		}
		pool.Spec.Queue = queue
		fill(i, &pool.Spec)
		out = append(out, manifest.Placement{Pool: pool})
	}
	return out
}

func (s *supervisor) auto(queues []string, least, most int32) []manifest.Placement {
	n := int32(len(queues))
	each := min(max(most-(n-1)*least, least), maxProcesses)
	pools := s.each(queues, func(_ int, spec *v1alpha1.QueueWorkerSpec) {
		spec.Autoscaling = &v1alpha1.Autoscaling{MinProcesses: &least, MaxProcesses: each}
	})
	if n == 1 {
		return pools
	}
	for i := range pools {
		pools[i].Share, pools[i].Processes = s.name, max(most, n*least)
		pools[i].Pool.Notes = append(pools[i].Pool.Notes, manifest.Note{Line: s.at(s.line("maxProcesses")), Subject: fmt.Sprintf("maxProcesses %d", most), Why: fmt.Sprintf(
			"it is a total for %d queues; this pool can have %d processes when the other pools have their minimum of %d, and maxProcesses of the QueueApp limits the total", n, each, least)})
	}
	return pools
}

func (s *supervisor) simple(queues []string, most int32) []manifest.Placement {
	n := int32(len(queues))
	pools := s.each(queues, func(i int, spec *v1alpha1.QueueWorkerSpec) {
		share := most / n
		if int32(i) < most%n {
			share++
		}
		spec.Processes = new(max(share, 1))
	})
	if n == 1 {
		return pools
	}
	for i := range pools {
		pools[i].Pool.Notes = append(pools[i].Pool.Notes, manifest.Note{Line: s.at(s.line("maxProcesses")), Subject: fmt.Sprintf("maxProcesses %d", most), Why: fmt.Sprintf(
			"it is a total that balance simple divides evenly over %d queues", n)})
	}
	return pools
}

// line returns the line of an option, or of the supervisor if the option is not set.
func (s *supervisor) line(name string) int {
	if value, ok := s.options[name]; ok {
		return value.Line
	}
	return s.value.Line
}
