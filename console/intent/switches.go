// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package intent

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
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

// about returns a message about the pool, or about its one worker.
func (in Input) about(code Code) Message {
	message := Message{Code: code, Worker: in.Worker.Name}
	if in.Pod != nil {
		message.Pod = in.Pod.Name
	}
	return message
}

// Start lets a stopped pool have pods again.
func Start(in Input) (Plan, error) {
	plan := Plan{Done: in.about(Started)}
	if in.Worker.Spec.Stopped {
		plan.Worker = spec(map[string]any{"stopped": false})
	} else {
		plan.Done = in.about(NotStopped)
	}
	switch {
	case in.Worker.Spec.Paused:
		plan.note(StillPaused, in.Worker)
	case in.Worker.Spec.Autoscaling == nil && effective.SpecProcesses(&in.Worker.Spec) == 0:
		plan.note(NoProcesses, in.Worker)
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
		return Plan{Done: in.about(AlreadyPaused)}, nil
	}
	plan := Plan{Worker: spec(map[string]any{"paused": true}), Done: in.about(Paused)}
	if in.Worker.Spec.Stopped {
		plan.note(StillStopped, in.Worker)
	}
	return plan, nil
}

func pauseUntil(in Input, until time.Time) (Plan, error) {
	if in.Worker.Spec.Paused {
		return Plan{}, refuse(Message{Code: PausedWithoutEnd, Worker: in.Worker.Name})
	}
	if !until.After(in.Now) {
		return Plan{}, refuse(Message{Code: PauseInPast, Worker: in.Worker.Name})
	}
	done := in.about(PausedUntil)
	done.Until = until.UTC().Truncate(time.Second)
	return Plan{Worker: spec(map[string]any{"pausedUntil": done.Until.Format(time.RFC3339)}), Done: done}, nil
}

func pausePod(in Input, until *time.Time) (Plan, error) {
	if err := Belongs(in.Worker, in.Pod); err != nil {
		return Plan{}, err
	}
	if until != nil {
		return Plan{}, refuse(in.about(WorkerPauseHasNoEnd))
	}
	if in.Pod.Annotations[v1alpha1.AnnotationPaused] == v1alpha1.AnnotationTrue {
		return Plan{Done: in.about(PausedBefore)}, nil
	}
	return Plan{Pod: annotation(v1alpha1.AnnotationPaused, v1alpha1.AnnotationTrue), Done: in.about(WorkerPaused)}, nil
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
		return Plan{Done: in.about(NotPaused)}, nil
	}
	plan := Plan{Worker: spec(values).annotate(v1alpha1.AnnotationResumedAt, in.Token), Done: in.about(Resumed)}
	if in.Worker.Spec.Stopped {
		plan.note(StillStopped, in.Worker)
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
		return Plan{Done: in.about(WorkerNotPaused)}, nil
	}
	plan := Plan{Pod: annotation(v1alpha1.AnnotationPaused, nil), Done: in.about(WorkerResumed)}
	if in.Worker.Spec.Paused {
		plan.note(PoolPaused, in.Worker)
	}
	return plan, nil
}

// Restart replaces the processes of a pool or of one worker, each after its job. With
// pods it replaces the pods themselves.
func Restart(in Input, pods bool) (Plan, error) {
	switch {
	case in.Pod != nil && pods:
		return Plan{}, refuse(in.about(PodsOfOneWorker))
	case in.Pod != nil:
		if err := Belongs(in.Worker, in.Pod); err != nil {
			return Plan{}, err
		}
		return Plan{Pod: annotation(v1alpha1.AnnotationRestartedAt, in.Token), Done: in.about(WorkerRestarted)}, nil
	case pods && effective.IsBatch(&in.Worker.Spec):
		return Plan{}, refuse(Message{Code: RunKeepsPods, Worker: in.Worker.Name})
	case pods:
		return Plan{Worker: annotation(v1alpha1.AnnotationRecreatedAt, in.Token), Done: in.about(PodsReplaced)}, nil
	}
	return Plan{Worker: annotation(v1alpha1.AnnotationRestartedAt, in.Token), Done: in.about(Restarted)}, nil
}
