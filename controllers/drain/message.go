// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import "fmt"

// message says what a plan does and why.
func (d *decision) message() string {
	switch d.plan.Reason {
	case Settled:
		return fmt.Sprintf("There are %d pods, as many as wanted%s.", d.Replicas, d.released())
	case ScaledUp:
		return fmt.Sprintf("Raised the pods from %d to %d%s.", d.Replicas, d.plan.Replicas, d.released())
	case AwaitingRemoval:
		return fmt.Sprintf("There are %d pods where the Deployment asks for %d: nothing is decided until the rest is gone.", len(d.pods), d.Replicas)
	case AwaitingRollout:
		return fmt.Sprintf("%d of %d pods are wanted; none is removed while a rollout is in progress%s.", d.Wanted, d.Replicas, d.released())
	case ScaledDown:
		return fmt.Sprintf("Lowered the pods from %d to %d, of which %d are wanted; none that goes has a job%s.",
			d.Replicas, d.plan.Replicas, d.Wanted, d.released())
	case Ranking:
		return fmt.Sprintf("%d of %d pods are wanted; %d drained ones are marked to be removed first.", d.Wanted, d.Replicas, len(d.victims))
	case Draining:
	}
	return fmt.Sprintf("%d of %d pods are wanted; %d of the %d that are to go have still to finish their jobs%s.",
		d.Wanted, d.Replicas, d.unfinished(), len(d.victims), d.released())
}

func (d *decision) unfinished() int {
	n := 0
	for pod := range d.victims {
		if !d.removable(pod) {
			n++
		}
	}
	return n
}

func (d *decision) released() string {
	if len(d.plan.Uncordon) == 0 {
		return ""
	}
	return fmt.Sprintf("; %d take jobs again", len(d.plan.Uncordon))
}
