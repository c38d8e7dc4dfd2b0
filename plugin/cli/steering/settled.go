// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package steering

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/console/source"
	"queueworker.dev/queueworker/plugin/cli"
)

// Ready reports whether a pool is Ready for its present spec.
func Ready(_ context.Context, _ *cli.Cluster, in intent.Input) (bool, string, error) {
	ready, seen := is(in.Worker, v1alpha1.ConditionReady)
	return ready, seen, nil
}

// is reports whether a condition is true for the present spec, and returns its message.
func is(worker *v1alpha1.QueueWorker, kind string) (bool, string) {
	condition := meta.FindStatusCondition(worker.Status.Conditions, kind)
	if condition == nil {
		return false, "The operator has not reported yet."
	}
	return condition.Status == metav1.ConditionTrue && condition.ObservedGeneration >= worker.Generation, condition.Message
}

// Paused reports whether the last running job has ended, in the pool or in one worker.
func Paused(ctx context.Context, cluster *cli.Cluster, in intent.Input) (bool, string, error) {
	if in.Pod == nil {
		paused, seen := is(in.Worker, v1alpha1.ConditionPaused)
		return paused, seen, nil
	}
	status, seen, err := agentOf(ctx, cluster, in.Pod)
	running := slices.ContainsFunc(status.Workers, func(worker protocol.Worker) bool { return worker.PID != 0 })
	return status.Phase == protocol.PhasePaused && !running, seen, err
}

// Resumed reports whether the pool or the worker takes jobs again.
func Resumed(ctx context.Context, cluster *cli.Cluster, in intent.Input) (bool, string, error) {
	if in.Pod == nil {
		if paused, seen := is(in.Worker, v1alpha1.ConditionPaused); paused {
			return false, seen, nil
		}
		return Ready(ctx, cluster, in)
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
func agentOf(ctx context.Context, cluster *cli.Cluster, pod *corev1.Pod) (status protocol.Status, seen string, err error) {
	answer, err := source.Ask(ctx, cluster.Core, pod.Namespace, pod.Name, pod.UID)
	switch {
	case apierrors.IsForbidden(err) || apierrors.IsNotFound(err):
		return status, "", fmt.Errorf("ask the agent of pod %s: %w", pod.Name, err)
	case err != nil:
		return status, "The agent does not answer: " + err.Error(), nil //nolint:nilerr // it is told, and the agent is asked again
	}
	return *answer, "The worker is " + strings.ToLower(string(answer.Phase)) + ", and still finishes its jobs.", nil
}

// Gone reports whether the pods are gone: all pods of the pool, or the one worker.
func Gone(ctx context.Context, cluster *cli.Cluster, in intent.Input) (bool, string, error) {
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

// Recreated reports whether every pod was made for this command or for a later one.
// Each pod carries the token of the command it was made for, so clocks need not agree.
func Recreated(ctx context.Context, cluster *cli.Cluster, in intent.Input) (bool, string, error) {
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
		return false, fmt.Sprintf("%d old pod(s) still exist.", old), nil
	}
	return Ready(ctx, cluster, in)
}

// podsOf lists the pods of a pool, except pods that have ended: in mode Batch, runs keep
// them as their history.
func podsOf(ctx context.Context, cluster *cli.Cluster, worker *v1alpha1.QueueWorker) ([]corev1.Pod, error) {
	pods := &corev1.PodList{}
	if err := cluster.Client.List(ctx, pods, client.InNamespace(worker.Namespace), client.MatchingLabels{v1alpha1.LabelName: worker.Name}); err != nil {
		return nil, fmt.Errorf("list the pods of QueueWorker %s: %w", worker.Name, err)
	}
	return slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool {
		return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	}), nil
}

// Sized reports whether a pool has the desired number of processes.
func Sized(ctx context.Context, cluster *cli.Cluster, in intent.Input) (bool, string, error) {
	ready, seen, err := Ready(ctx, cluster, in)
	return ready && in.Worker.Status.Processes == in.Worker.Status.Desired, seen, err
}
