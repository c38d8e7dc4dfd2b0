// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package intent

import (
	"fmt"
	"strings"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Stop leaves a pool without pods, or removes one worker from it. With now, running jobs
// are killed instead of finished.
func Stop(in Input, now bool) (Plan, error) {
	if in.Pod != nil {
		return stopPod(in, now)
	}
	if in.Worker.Spec.Stopped && !now {
		return Plan{Done: "is stopped already"}, nil
	}
	plan := Plan{Worker: spec(map[string]any{"stopped": true}), Done: "is stopped"}
	if now {
		plan.Worker.annotate(v1alpha1.AnnotationKillAt, in.Token)
		plan.Done = "is stopped at once"
		plan.Danger = danger(in)
	}
	return plan, nil
}

func stopPod(in Input, now bool) (Plan, error) {
	if err := Belongs(in.Worker, in.Pod); err != nil {
		return Plan{}, err
	}
	name := in.Pod.Name
	if isBatch(in.Worker) {
		return Plan{}, refuse("QueueWorker %s is of mode Batch: its run would replace worker %s, and keeps its size to the end; `kubectl queueworker pause --worker %s` has the worker take no more jobs, `kubectl queueworker stop %s` ends the run",
			in.Worker.Name, name, name, in.Worker.Name)
	}
	plan := Plan{Pod: annotation(v1alpha1.AnnotationRetire, v1alpha1.AnnotationTrue), Done: "lets worker " + name + " go"}
	if now {
		plan.Pod.annotate(v1alpha1.AnnotationKillAt, in.Token)
		plan.Done = "lets worker " + name + " go at once"
		plan.Danger = danger(in)
	}
	switch {
	case in.Pod.Annotations[v1alpha1.AnnotationRetire] == v1alpha1.AnnotationTrue:
		// The pool's size was lowered when the pod was first marked.
		if !now {
			return Plan{Done: "lets worker " + name + " go already"}, nil
		}
	case in.Worker.Spec.Autoscaling != nil:
		plan.Notes = append(plan.Notes, "Autoscaling sets the size of QueueWorker "+in.Worker.Name+", so the worker is replaced if it is still needed.")
	default:
		fewer(in.Worker, &plan)
	}
	return plan, nil
}

// fewer lowers the pool's size by one pod. All pods of a pool hold the same number of
// processes. If the size is no multiple of that number, fewer lowers it by the remainder
// only.
func fewer(worker *v1alpha1.QueueWorker, plan *Plan) {
	wanted, perPod := processes(worker), max(worker.Spec.ProcessesPerPod, 1)
	if wanted == 0 {
		return
	}
	left := (wanted+perPod-1)/perPod*perPod - perPod
	plan.Worker = spec(map[string]any{"processes": left})
	plan.Worker.Locked = true
	plan.Done += fmt.Sprintf("; processes goes from %d to %d", wanted, left)
}

// afterwards says what becomes of a job whose only try was interrupted.
const afterwards = "is lost to the queue; only `kubectl queueworker failed retry` puts it back, where the application keeps failed jobs."

// danger says which jobs a kill interrupts and what becomes of them.
func danger(in Input) string {
	var out strings.Builder
	where := "QueueWorker " + in.Worker.Name
	if in.Pod != nil {
		where = "worker " + in.Pod.Name
	}
	fmt.Fprintf(&out, "Every process of %s is killed now, in the middle of its job.", where)
	if jobs := running(in); len(jobs) > 0 {
		fmt.Fprintf(&out, " Jobs running when last seen: %s.", strings.Join(jobs, ", "))
	}
	out.WriteString(" An interrupted job runs again once its connection's retry_after has passed")
	switch tries := tries(in.Worker); tries {
	case 0:
		out.WriteString(".")
	case 1:
		out.WriteString(", unless it has one try: with tries=1, as here, it has failed then and " + afterwards)
	default:
		fmt.Fprintf(&out, ", if it has a try left of its %d; a job with tries=1 %s", tries, afterwards)
	}
	return out.String()
}

func running(in Input) []string {
	const shown = 10
	var jobs []string
	more := 0
	for i := range in.Worker.Status.Workers {
		row := &in.Worker.Status.Workers[i]
		pod, _, _ := strings.Cut(row.Name, "/")
		if row.CurrentJob == nil || in.Pod != nil && pod != in.Pod.Name {
			continue
		}
		if len(jobs) == shown {
			more++
			continue
		}
		name := row.CurrentJob.Class
		if name == "" {
			name = "a job of unknown class"
		}
		if row.CurrentJob.ID != "" {
			name += " " + row.CurrentJob.ID
		}
		jobs = append(jobs, name+" on "+row.Name)
	}
	if more > 0 {
		jobs = append(jobs, fmt.Sprintf("and %d more", more))
	}
	return jobs
}

// processes returns the size that the spec asks for; the default is 1.
func processes(worker *v1alpha1.QueueWorker) int32 {
	if worker.Spec.Processes == nil {
		return 1
	}
	return *worker.Spec.Processes
}

// tries returns how often a job is attempted; the default is 1, and 0 means without
// limit.
func tries(worker *v1alpha1.QueueWorker) int32 {
	if worker.Spec.Tries == nil {
		return 1
	}
	return *worker.Spec.Tries
}
