// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package intent

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

func sorted(p *Patch) *Patch {
	slices.Sort(p.Fields)
	return p
}

// Input is what a command is asked to do.
type Input struct {
	// Worker is the pool.
	Worker *v1alpha1.QueueWorker
	// Pod is the one worker to act on; nil means the whole pool.
	Pod *corev1.Pod
	// Now is the present time.
	Now time.Time
	// Token is a value that no annotation has had before.
	Token string
}

// Start lets a stopped pool have pods again.
func Start(in Input) (Plan, error) {
	plan := Plan{Done: "is started"}
	if in.Worker.Spec.Stopped {
		plan.Worker = spec(map[string]any{"stopped": false})
	} else {
		plan.Done = "is not stopped"
	}
	switch {
	case in.Worker.Spec.Paused:
		plan.Notes = append(plan.Notes, "It is paused, so it takes no jobs; `kubectl queueworker resume "+in.Worker.Name+"` ends that.")
	case in.Worker.Spec.Autoscaling == nil && processes(in.Worker) == 0:
		plan.Notes = append(plan.Notes, "It has 0 processes; `kubectl queueworker scale "+in.Worker.Name+" --processes N` gives it some.")
	}
	return plan, nil
}

// Pause lets a pool or one worker finish its jobs and take no more. With until, the pause
// ends by itself.
func Pause(in Input, until *time.Time) (Plan, error) {
	if in.Pod != nil {
		return pausePod(in, until)
	}
	if until != nil {
		return pauseUntil(in, *until)
	}
	if in.Worker.Spec.Paused {
		return Plan{Done: "is paused already"}, nil
	}
	plan := Plan{Worker: spec(map[string]any{"paused": true}), Done: "is paused"}
	if in.Worker.Spec.Stopped {
		plan.Notes = append(plan.Notes, "It is stopped, and stays so until `kubectl queueworker start "+in.Worker.Name+"`.")
	}
	return plan, nil
}

func pauseUntil(in Input, until time.Time) (Plan, error) {
	if in.Worker.Spec.Paused {
		return Plan{}, refuse("QueueWorker %s is paused without an end, which a time would not change; `kubectl queueworker resume %s` first", in.Worker.Name, in.Worker.Name)
	}
	if !until.After(in.Now) {
		return Plan{}, refuse("a pause must end in the future; --for takes a duration such as 30m or 2h")
	}
	stamp := until.UTC().Truncate(time.Second).Format(time.RFC3339)
	return Plan{Worker: spec(map[string]any{"pausedUntil": stamp}), Done: "is paused until " + stamp}, nil
}

func pausePod(in Input, until *time.Time) (Plan, error) {
	if err := Belongs(in.Worker, in.Pod); err != nil {
		return Plan{}, err
	}
	if until != nil {
		return Plan{}, refuse("--for is for whole pools; a single worker stays paused until `kubectl queueworker resume %s --worker %s`", in.Worker.Name, in.Pod.Name)
	}
	if in.Pod.Annotations[v1alpha1.AnnotationPaused] == v1alpha1.AnnotationTrue {
		return Plan{Done: "has worker " + in.Pod.Name + " paused already"}, nil
	}
	return Plan{Pod: annotation(v1alpha1.AnnotationPaused, v1alpha1.AnnotationTrue), Done: "has worker " + in.Pod.Name + " paused"}, nil
}

// Resume ends the pause of a pool, whatever began it, or the pause of one worker.
func Resume(in Input) (Plan, error) {
	if in.Pod != nil {
		return resumePod(in)
	}
	values := map[string]any{"paused": false}
	if in.Worker.Spec.PausedUntil != nil {
		values["pausedUntil"] = nil
	}
	if !pausedAnyhow(in) {
		return Plan{Done: "is not paused"}, nil
	}
	plan := Plan{Worker: spec(values).annotate(v1alpha1.AnnotationResumedAt, in.Token), Done: "is resumed"}
	if in.Worker.Spec.Stopped {
		plan.Notes = append(plan.Notes, "It is stopped, and stays so until `kubectl queueworker start "+in.Worker.Name+"`.")
	}
	return plan, nil
}

// pausedAnyhow reports whether the spec or the operator pauses the pool. A stale status
// cannot prevent a resume, because the spec alone is enough.
func pausedAnyhow(in Input) bool {
	spec := &in.Worker.Spec
	if spec.Paused || spec.PausedUntil != nil {
		return true
	}
	for _, condition := range in.Worker.Status.Conditions {
		if condition.Type == v1alpha1.ConditionPaused && condition.Status == metav1.ConditionTrue {
			return true
		}
	}
	return false
}

func resumePod(in Input) (Plan, error) {
	if err := Belongs(in.Worker, in.Pod); err != nil {
		return Plan{}, err
	}
	if _, ok := in.Pod.Annotations[v1alpha1.AnnotationPaused]; !ok {
		return Plan{Done: "has worker " + in.Pod.Name + " not paused by itself"}, nil
	}
	plan := Plan{Pod: annotation(v1alpha1.AnnotationPaused, nil), Done: "has worker " + in.Pod.Name + " resumed"}
	if in.Worker.Spec.Paused {
		plan.Notes = append(plan.Notes, "The pool is paused as a whole; `kubectl queueworker resume "+in.Worker.Name+"` ends that.")
	}
	return plan, nil
}

// Restart replaces the processes of a pool or of one worker, each after its job. With
// pods it replaces the pods themselves.
func Restart(in Input, pods bool) (Plan, error) {
	switch {
	case in.Pod != nil && pods:
		return Plan{}, refuse("--pods replaces all pods of a pool, --worker restarts the processes of one; choose one of them, or `kubectl queueworker stop %s --worker %s` and scale up again", in.Worker.Name, in.Pod.Name)
	case in.Pod != nil:
		if err := Belongs(in.Worker, in.Pod); err != nil {
			return Plan{}, err
		}
		return Plan{Pod: annotation(v1alpha1.AnnotationRestartedAt, in.Token), Done: "has worker " + in.Pod.Name + " restarted"}, nil
	case pods && isBatch(in.Worker):
		return Plan{}, refuse("QueueWorker %s is of mode Batch: the pods of a run live as long as the run, and the next run has new ones; `kubectl queueworker restart %s` restarts the processes in them, `kubectl queueworker stop %s` ends the run",
			in.Worker.Name, in.Worker.Name, in.Worker.Name)
	case pods:
		return Plan{Worker: annotation(v1alpha1.AnnotationRecreatedAt, in.Token), Done: "has its pods replaced, one after the other"}, nil
	}
	return Plan{Worker: annotation(v1alpha1.AnnotationRestartedAt, in.Token), Done: "has its processes restarted, each after its current job"}, nil
}
