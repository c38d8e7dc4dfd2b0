// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package fakes

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// retryStart is how soon a pod that cannot start is tried again.
	retryStart = 250 * time.Millisecond
	// agentReserve is the end of the grace period, in which the agent kills the remaining
	// processes.
	agentReserve = 3 * time.Second
)

// program is what runs in a pod: an Agent, a command or a backlog probe.
type program interface {
	IP() string
	Ready() bool
	// read gives it the current control files.
	read(files map[string]string)
	// takeRestart returns how its container has ended since the last call, or nil if it
	// has not.
	takeRestart() *containerEnd
	// terminate asks it to end. The channel is closed when it has ended.
	terminate() <-chan struct{}
	// over reports whether it has ended by itself.
	over() bool
	// exitCode is the exit code of its container.
	exitCode() int32
	// lastWord is its termination message.
	lastWord() string
	// stop ends it at once.
	stop()
}

// podWorker simulates one pod for its whole life.
type podWorker struct {
	kubelet         *Kubelet
	namespace, name string
	uid             types.UID
	wake            chan struct{}
	killed          chan struct{}
	killOnce        sync.Once

	mu    sync.Mutex
	pod   *corev1.Pod
	agent program

	// Only run's goroutine uses these.
	restarts    int32
	lastState   corev1.ContainerState
	started     metav1.Time
	lastWritten *corev1.PodStatus
}

func newPodWorker(k *Kubelet, pod *corev1.Pod) *podWorker {
	return &podWorker{
		kubelet: k, namespace: pod.Namespace, name: pod.Name, uid: pod.UID,
		wake: make(chan struct{}, 1), killed: make(chan struct{}),
	}
}

// update gives the worker the pod as the kubelet has just learned of it.
func (w *podWorker) update(pod *corev1.Pod) {
	w.mu.Lock()
	if w.pod == nil || newer(pod.ResourceVersion, w.pod.ResourceVersion) {
		w.pod = pod
	}
	w.mu.Unlock()
	w.poke()
}

// poke makes the worker sync its pod now.
func (w *podWorker) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// kill ends the pod at once, without a termination message.
func (w *podWorker) kill() { w.killOnce.Do(func() { close(w.killed) }) }

func (w *podWorker) currentAgent() program {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.agent
}

func (w *podWorker) setAgent(agent program) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.agent = agent
}

func (w *podWorker) run(ctx context.Context) {
	defer func() {
		if agent := w.currentAgent(); agent != nil {
			agent.stop()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.killed:
			return
		case <-w.wake:
		}
		w.mu.Lock()
		pod := w.pod
		w.mu.Unlock()
		if pod == nil {
			continue
		}
		if pod.DeletionTimestamp != nil {
			w.terminate(ctx, pod)
			return
		}
		if again := w.sync(ctx, pod); again > 0 {
			time.AfterFunc(again, w.poke)
		}
	}
}

// sync advances the pod as far as possible and returns when to sync again.
func (w *podWorker) sync(ctx context.Context, pod *corev1.Pod) time.Duration {
	agent := w.currentAgent()
	if agent == nil {
		if waiting, why := w.waitsFor(ctx, pod); waiting {
			w.write(ctx, w.pendingStatus(pod, why))
			return retryStart
		}
		var err error
		agent, err = w.start(pod)
		if err != nil {
			w.write(ctx, w.pendingStatus(pod, map[string]Trouble{workerContainer(pod).Name: {"RunContainerError", err.Error()}}))
			return retryStart
		}
		w.setAgent(agent)
		w.started = metav1.Now()
	}
	if end := agent.takeRestart(); end != nil {
		w.restarts++
		w.lastState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: end.code, Reason: end.reason, Message: agent.lastWord(), StartedAt: w.started, FinishedAt: metav1.Now(),
		}}
		w.started = metav1.Now()
	}
	agent.read(w.volumeOf(pod))
	if agent.over() {
		w.write(ctx, w.endedStatus(pod, agent))
		return 0
	}
	w.write(ctx, w.runningStatus(pod, agent))
	return w.kubelet.options.SyncPeriod
}

// start starts the program of the pod.
func (w *podWorker) start(pod *corev1.Pod) (program, error) {
	config, err := probeConfig(pod)
	if err != nil {
		return nil, err
	}
	if config != nil {
		return startProbe(pod, w.kubelet.Backend(config.Namespace, config.App), w.annotation)
	}
	command, err := commandOf(pod)
	if err != nil {
		return nil, err
	}
	if command != nil {
		return w.kubelet.startCommand(pod, *command), nil
	}
	agent, err := startAgent(pod, w.volumeOf(pod), w.poke)
	if err != nil {
		return nil, err
	}
	w.kubelet.remember(agent)
	return agent, nil
}

// annotation returns an annotation of the pod as it is now.
func (w *podWorker) annotation(key string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pod.Annotations[key]
}

// terminate asks the agent to end and waits for its jobs as long as the grace period
// allows. Then it reports the agent's last word and removes the pod.
func (w *podWorker) terminate(ctx context.Context, pod *corev1.Pod) {
	if agent := w.currentAgent(); agent != nil {
		grace := time.Duration(0)
		if seconds := pod.DeletionGracePeriodSeconds; seconds != nil {
			grace = max(time.Duration(*seconds)*time.Second-agentReserve, 0)
		}
		select {
		case <-agent.terminate():
		case <-time.After(grace):
		case <-w.killed:
			return
		case <-ctx.Done():
			return
		}
		w.write(ctx, w.endedStatus(pod, agent))
		agent.stop()
	}
	err := w.kubelet.client.CoreV1().Pods(w.namespace).Delete(ctx, w.name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64(0)), Preconditions: &metav1.Preconditions{UID: &w.uid},
	})
	if err != nil && !apierrors.IsNotFound(err) && !w.succeeded(ctx, err) && ctx.Err() == nil {
		time.AfterFunc(retryStart, func() { w.kubelet.observe(pod) })
	}
}

// succeeded reports whether a conflict means that another pod has the name now. A busy API
// server also answers with a conflict if the pod changed while it was being deleted.
func (w *podWorker) succeeded(ctx context.Context, conflict error) bool {
	if !apierrors.IsConflict(conflict) {
		return false
	}
	live, err := w.kubelet.client.CoreV1().Pods(w.namespace).Get(ctx, w.name, metav1.GetOptions{})
	return apierrors.IsNotFound(err) || err == nil && live.UID != w.uid
}

// write writes the status if it differs from the last written status.
func (w *podWorker) write(ctx context.Context, status corev1.PodStatus) {
	if w.lastWritten != nil && sameStatus(w.lastWritten, &status) {
		return
	}
	pods := w.kubelet.client.CoreV1().Pods(w.namespace)
	for ctx.Err() == nil {
		live, err := pods.Get(ctx, w.name, metav1.GetOptions{})
		if err != nil || live.UID != w.uid {
			return
		}
		next := status.DeepCopy()
		next.Conditions = append(keepScheduled(live.Status.Conditions), next.Conditions...)
		next.QOSClass, next.StartTime = live.Status.QOSClass, live.Status.StartTime
		if next.StartTime == nil {
			next.StartTime = new(metav1.Now())
		}
		live.Status = *next
		if _, err = pods.UpdateStatus(ctx, live, metav1.UpdateOptions{}); err == nil {
			w.lastWritten = &status
			return
		}
		if !apierrors.IsConflict(err) {
			time.AfterFunc(retryStart, w.poke)
			return
		}
	}
}
