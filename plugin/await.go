// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/intent"
	"queueworker.dev/queueworker/plugin/view"
)

// glance is how often a command that waits looks.
const glance = 500 * time.Millisecond

// within bounds a wait; 0 means for ever. Who waits in vain is told of allowed, the time that
// the user gave.
func within(ctx context.Context, length, allowed time.Duration) (context.Context, context.CancelFunc) {
	if length <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, length, fmt.Errorf("not within %s", allowed))
}

// until looks until met says so, or until ctx, made by within, has ended. What may pass by
// itself is waited out: what is waited for goes on whether the cluster answers or not.
func until(ctx context.Context, what string, met func(context.Context) (done bool, seen string, err error)) error {
	var seen string
	err := wait.PollUntilContextCancel(ctx, glance, true, func(ctx context.Context) (bool, error) {
		done, now, err := met(ctx)
		switch {
		case err == nil:
		case ctx.Err() != nil: // it says no more than that
			err = nil
		case passes(err):
			_, now = Explain(err)
			err = nil
		}
		if now != "" {
			seen = now
		}
		return done, err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return TimedOut("%s: %w; last seen: %s", what, context.Cause(ctx), view.Clean(seen))
	}
	return err
}

// passes tells whether an error is one of a cluster that is busy, restarts or is out of
// reach for a while, rather than its answer.
func passes(err error) bool {
	var unreachable net.Error
	return apierrors.IsTooManyRequests(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err) ||
		apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || errors.As(err, &unreachable)
}

// await waits until all that were changed have obeyed.
func (s *steering) await(ctx context.Context, cluster *Cluster, inputs []intent.Input) error {
	var problems []error
	for _, in := range inputs {
		if err := s.awaitOne(ctx, cluster, in); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

func (s *steering) awaitOne(ctx context.Context, cluster *Cluster, in intent.Input) error {
	ctx, cancel := within(ctx, s.timeout, s.timeout)
	defer cancel()
	return until(ctx, "QueueWorker "+in.Worker.Name, func(ctx context.Context) (bool, string, error) {
		worker := &v1alpha1.QueueWorker{}
		if err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(in.Worker), worker); err != nil {
			return false, "", fmt.Errorf("read QueueWorker %s: %w", in.Worker.Name, err)
		}
		if worker.Status.ObservedGeneration < in.Worker.Generation {
			return false, "The operator has not taken the change up; does it run?", nil
		}
		seen := in
		seen.Worker = worker
		return s.settled(ctx, cluster, seen)
	})
}

// isReady tells whether a pool is as its spec wants it.
func isReady(_ context.Context, _ *Cluster, in intent.Input) (bool, string, error) {
	ready, seen := is(in.Worker, v1alpha1.ConditionReady)
	return ready, seen, nil
}

// is tells whether a condition is true for the present spec, and its message.
func is(worker *v1alpha1.QueueWorker, kind string) (bool, string) {
	condition := meta.FindStatusCondition(worker.Status.Conditions, kind)
	if condition == nil {
		return false, "The operator has said nothing yet."
	}
	return condition.Status == metav1.ConditionTrue && condition.ObservedGeneration >= worker.Generation, condition.Message
}

// isPaused tells whether the last job has been finished: of the pool, or of one worker.
func isPaused(ctx context.Context, cluster *Cluster, in intent.Input) (bool, string, error) {
	if in.Pod == nil {
		paused, seen := is(in.Worker, v1alpha1.ConditionPaused)
		return paused, seen, nil
	}
	status, seen, err := agentOf(ctx, cluster, in.Pod)
	running := slices.ContainsFunc(status.Workers, func(worker protocol.Worker) bool { return worker.PID != 0 })
	return status.Phase == protocol.PhasePaused && !running, seen, err
}

// isResumed tells whether jobs are taken again.
func isResumed(ctx context.Context, cluster *Cluster, in intent.Input) (bool, string, error) {
	if in.Pod == nil {
		if paused, seen := is(in.Worker, v1alpha1.ConditionPaused); paused {
			return false, seen, nil
		}
		return isReady(ctx, cluster, in)
	}
	status, seen, err := agentOf(ctx, cluster, in.Pod)
	// A process that was asked to end before is still to be replaced.
	leaving := slices.ContainsFunc(status.Workers, func(worker protocol.Worker) bool {
		return worker.PID == 0 || worker.State == protocol.WorkerRetiring
	})
	return status.Phase == protocol.PhaseRunning && !leaving, seen, err
}

// agentOf asks the agent of a pod what it is about. An agent that does not answer, or
// that nobody understands, is asked again.
func agentOf(ctx context.Context, cluster *Cluster, pod *corev1.Pod) (status protocol.Status, seen string, err error) {
	raw, err := cluster.Core.Pods(pod.Namespace).
		ProxyGet("http", pod.Name, strconv.Itoa(protocol.Port), protocol.StatusPath, nil).DoRaw(ctx)
	if err == nil {
		err = json.Unmarshal(raw, &status)
	}
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return status, "", fmt.Errorf("ask the agent of pod %s: %w", pod.Name, err)
	}
	seen = "The worker is " + strings.ToLower(string(status.Phase)) + ", and finishes what it did before."
	if err != nil {
		seen = "The agent does not answer: " + err.Error()
	}
	return status, seen, nil
}

// isGone tells whether the pods are gone: all of the pool, or the one.
func isGone(ctx context.Context, cluster *Cluster, in intent.Input) (bool, string, error) {
	if in.Pod != nil {
		pod := &corev1.Pod{}
		err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(in.Pod), pod)
		if apierrors.IsNotFound(err) || err == nil && pod.UID != in.Pod.UID {
			return true, "", nil
		}
		return false, "Pod " + in.Pod.Name + " finishes its jobs.", err
	}
	pods, err := podsOf(ctx, cluster, in.Worker)
	switch {
	case apierrors.IsForbidden(err): // the operator says it too
		ready, seen := is(in.Worker, v1alpha1.ConditionReady)
		return ready && in.Worker.Status.State == v1alpha1.StateStopped, seen, nil
	case err != nil:
		return false, "", err
	}
	return len(pods) == 0, fmt.Sprintf("%d pod(s) finish their jobs.", len(pods)), nil
}

// isRecreated tells whether every pod is one that was made for the command, or for a later
// one. Each carries the token it was made for; clocks need not agree.
func isRecreated(ctx context.Context, cluster *Cluster, in intent.Input) (bool, string, error) {
	pods, err := podsOf(ctx, cluster, in.Worker)
	if err != nil {
		return false, "", err
	}
	token := in.Worker.Annotations[v1alpha1.AnnotationRecreatedAt]
	old := 0
	for i := range pods {
		if pods[i].Annotations[v1alpha1.AnnotationRecreatedAt] != token {
			old++
		}
	}
	if old > 0 {
		return false, fmt.Sprintf("%d old pod(s) are still there.", old), nil
	}
	return isReady(ctx, cluster, in)
}

// podsOf are the pods of a pool but those that have ended, which stay with the runs of mode
// Batch as its history.
func podsOf(ctx context.Context, cluster *Cluster, worker *v1alpha1.QueueWorker) ([]corev1.Pod, error) {
	pods := &corev1.PodList{}
	if err := cluster.Client.List(ctx, pods, client.InNamespace(worker.Namespace), client.MatchingLabels{v1alpha1.LabelName: worker.Name}); err != nil {
		return nil, fmt.Errorf("list the pods of QueueWorker %s: %w", worker.Name, err)
	}
	return slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool {
		return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	}), nil
}
