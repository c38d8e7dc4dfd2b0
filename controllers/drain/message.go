// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import "fmt"

// message says what a plan does and why.
func (d *decision) message() string {
	return d.happening() + d.givenUp() + d.released() + "."
}

func (d *decision) happening() string {
	shrinking := fmt.Sprintf("the pool shrinks from %s to %d", pods(int(d.Replicas)), d.Wanted)
	switch d.plan.Reason {
	case Settled:
		return fmt.Sprintf("The pool has %s, as many as wanted", pods(int(d.Replicas)))
	case ScaledUp:
		return fmt.Sprintf("Raised the pool from %s to %d", pods(int(d.Replicas)), d.plan.Replicas)
	case ScaledDown:
		if d.plan.Replicas > d.Wanted {
			return fmt.Sprintf("Lowered the pool from %s to %d on its way to %d; no job is known to run in the removed pods",
				pods(int(d.Replicas)), d.plan.Replicas, d.Wanted)
		}
		return fmt.Sprintf("Lowered the pool from %s to %d; no job is known to run in the removed pods", pods(int(d.Replicas)), d.plan.Replicas)
	case Replacing:
		return d.replacement()
	case Draining:
		return fmt.Sprintf("Waiting for the jobs of %s to end before %s", pods(d.unfinished()), shrinking)
	case Ranking:
		return "Waiting until the operator's cache shows the deletion cost of the drained pods; then " + shrinking
	case AwaitingRemoval:
		return fmt.Sprintf("The pool has %s and its Deployment asks for %d; the operator waits until Kubernetes has removed the other pods",
			pods(len(d.pods)), d.Replicas)
	case AwaitingRollout:
		return "Waiting for the rollout in progress to end before " + shrinking
	}
	return ""
}

// replacement says how far the replacement of pods is.
func (d *decision) replacement() string {
	if d.awaiting() {
		return "Waiting for a report from every pod before a pod is removed"
	}
	outgoing := 0
	for _, pod := range d.pods {
		if pod.outgoing() {
			outgoing++
		}
	}
	of := "Replacing " + pods(outgoing)
	switch {
	case d.plan.Replicas > d.Replicas:
		return fmt.Sprintf("%s: raised the pool to %s until successors are ready", of, pods(int(d.plan.Replicas)))
	case d.plan.Replicas < d.Replicas:
		return fmt.Sprintf("%s: lowered the pool to %s; no job is known to run in the removed pods", of, pods(int(d.plan.Replicas)))
	case d.removing(), d.Leaving > 0 && d.Replicas == d.Wanted:
		return of + ": waiting until the drained pods are gone"
	case d.unfinished() > 0:
		return fmt.Sprintf("%s: waiting for the jobs of %d pod(s) to end", of, d.unfinished())
	case len(d.victims) > 0:
		return of + ": waiting until the operator's cache shows the deletion cost of the drained pods"
	}
	return of + ": waiting for successors to be ready"
}

// unfinished counts the victims that may still have a job.
func (d *decision) unfinished() int {
	n := 0
	for pod := range d.victims {
		if !d.removable(pod) {
			n++
		}
	}
	return n
}

// givenUp mentions the victims that are removed without having obeyed.
func (d *decision) givenUp() string {
	n := 0
	for pod := range d.victims {
		if d.leaving(pod) && !pod.neverStarted() && !pod.Drained {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %s did not react for %s and may be removed anyway", pods(n), d.Silence)
}

func (d *decision) released() string {
	switch n := len(d.plan.Uncordon); n {
	case 0:
		return ""
	case 1:
		return "; 1 pod takes jobs again"
	default:
		return fmt.Sprintf("; %d pods take jobs again", n)
	}
}

func pods(n int) string {
	if n == 1 {
		return "1 pod"
	}
	return fmt.Sprintf("%d pods", n)
}
