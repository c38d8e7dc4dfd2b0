// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
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
	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/console/source"
	"queueworker.dev/queueworker/console/view"
)

// glance is the interval at which a waiting command looks.
const glance = 500 * time.Millisecond

// within limits a wait to length; 0 means for ever. The error of a wait that ran out
// names allowed, the time that the user gave.
func within(ctx context.Context, length, allowed time.Duration) (context.Context, context.CancelFunc) {
	if length <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, length, fmt.Errorf("not within %s", allowed))
}

// until polls met until it is done, or until ctx, which within made, is over. It ignores
// errors that may pass by themselves, because the work goes on whether the cluster
// answers or not.
func until(ctx context.Context, what string, met func(context.Context) (done bool, seen string, err error)) error {
	var seen string
	err := wait.PollUntilContextCancel(ctx, glance, true, func(ctx context.Context) (bool, error) {
		done, now, err := met(ctx)
		switch {
		case err == nil:
		case ctx.Err() != nil: // the error only repeats that ctx is over
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

// passes reports whether an error comes from a cluster that is busy, restarting or out of
// reach for a while, and is not its answer.
func passes(err error) bool {
	var unreachable net.Error
	return apierrors.IsTooManyRequests(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err) ||
		apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || errors.As(err, &unreachable)
}

// await waits until every changed QueueWorker has settled.
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

// isReady reports whether a pool is Ready for its present spec.
func isReady(_ context.Context, _ *Cluster, in intent.Input) (bool, string, error) {
	ready, seen := is(in.Worker, v1alpha1.ConditionReady)
	return ready, seen, nil
}

// is reports whether a condition is true for the present spec, and returns its message.
func is(worker *v1alpha1.QueueWorker, kind string) (bool, string) {
	condition := meta.FindStatusCondition(worker.Status.Conditions, kind)
	if condition == nil {
		return false, "The operator has said nothing yet."
	}
	return condition.Status == metav1.ConditionTrue && condition.ObservedGeneration >= worker.Generation, condition.Message
}

// isPaused reports whether the last running job has ended, in the pool or in one worker.
func isPaused(ctx context.Context, cluster *Cluster, in intent.Input) (bool, string, error) {
	if in.Pod == nil {
		paused, seen := is(in.Worker, v1alpha1.ConditionPaused)
		return paused, seen, nil
	}
	status, seen, err := agentOf(ctx, cluster, in.Pod)
	running := slices.ContainsFunc(status.Workers, func(worker protocol.Worker) bool { return worker.PID != 0 })
	return status.Phase == protocol.PhasePaused && !running, seen, err
}

// isResumed reports whether the pool or the worker takes jobs again.
func isResumed(ctx context.Context, cluster *Cluster, in intent.Input) (bool, string, error) {
	if in.Pod == nil {
		if paused, seen := is(in.Worker, v1alpha1.ConditionPaused); paused {
			return false, seen, nil
		}
		return isReady(ctx, cluster, in)
	}
	status, seen, err := agentOf(ctx, cluster, in.Pod)
	// A process that was asked to end earlier must still be replaced.
	leaving := slices.ContainsFunc(status.Workers, func(worker protocol.Worker) bool {
		return worker.PID == 0 || worker.State == protocol.WorkerRetiring
	})
	return status.Phase == protocol.PhaseRunning && !leaving, seen, err
}

// agentOf asks the agent of a pod for its status. If the agent does not answer, or its
// answer is refused, the status is empty and the error nil, so that the caller asks
// again.
func agentOf(ctx context.Context, cluster *Cluster, pod *corev1.Pod) (status protocol.Status, seen string, err error) {
	answer, err := source.Ask(ctx, cluster.Core, pod.Namespace, pod.Name, pod.UID)
	switch {
	case apierrors.IsForbidden(err) || apierrors.IsNotFound(err):
		return status, "", fmt.Errorf("ask the agent of pod %s: %w", pod.Name, err)
	case err != nil:
		return status, "The agent does not answer: " + err.Error(), nil //nolint:nilerr // it is told, and the agent is asked again
	}
	return *answer, "The worker is " + strings.ToLower(string(answer.Phase)) + ", and finishes what it did before.", nil
}

// isGone reports whether the pods are gone: all pods of the pool, or the one worker.
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
	case apierrors.IsForbidden(err): // the operator's status says it too
		ready, seen := is(in.Worker, v1alpha1.ConditionReady)
		return ready && in.Worker.Status.State == v1alpha1.StateStopped, seen, nil
	case err != nil:
		return false, "", err
	}
	return len(pods) == 0, fmt.Sprintf("%d pod(s) finish their jobs.", len(pods)), nil
}

// isRecreated reports whether every pod was made for this command or for a later one.
// Each pod carries the token of the command it was made for, so clocks need not agree.
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

// podsOf lists the pods of a pool, except pods that have ended: in mode Batch, runs keep
// them as their history.
func podsOf(ctx context.Context, cluster *Cluster, worker *v1alpha1.QueueWorker) ([]corev1.Pod, error) {
	pods := &corev1.PodList{}
	if err := cluster.Client.List(ctx, pods, client.InNamespace(worker.Namespace), client.MatchingLabels{v1alpha1.LabelName: worker.Name}); err != nil {
		return nil, fmt.Errorf("list the pods of QueueWorker %s: %w", worker.Name, err)
	}
	return slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool {
		return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	}), nil
}
