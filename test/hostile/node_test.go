// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// node is a fake kubelet with real pods: it runs the agents and backlog probes of a
// namespace as processes. Each has its own root directory, process IDs and address. The
// node probes their readiness as a kubelet does.
type node struct {
	namespace string

	mu   sync.Mutex
	pods map[types.UID]*runningPod
	done sync.WaitGroup
}

// runningPod is a pod with its process.
type runningPod struct {
	namespace, name string
	container       corev1.Container
	ip              string
	process         *programProcess

	mu sync.Mutex
	// asked and failed count the readiness probes since the pod was first ready.
	asked, failed int
	// notReady is how often the pod became NotReady after it was ready.
	notReady int
	ready    bool
	inARow   int
}

// startNode runs the pods of a namespace until the end of the test.
func startNode(t *testing.T, namespace string) *node {
	t.Helper()
	n := &node{namespace: namespace, pods: map[types.UID]*runningPod{}}
	// They are built here, because a goroutine must not end the test.
	for _, name := range []string{"agent", "backlog"} {
		program(t, name)
	}
	workerProgram(t)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	failures := make(chan error, 100)
	n.done.Go(func() { n.sync(ctx, failures) })
	t.Cleanup(func() {
		cancel()
		n.done.Wait()
		close(failures)
		for err := range failures {
			t.Error(err)
		}
		for _, pod := range n.pods {
			pod.process.stop()
			if t.Failed() {
				t.Logf("the last words of %s:\n%s", pod.name, pod.process.tail())
			}
		}
	})
	return n
}

// sync starts new pods and ends deleted pods until ctx ends.
func (n *node) sync(ctx context.Context, failures chan<- error) {
	for ctx.Err() == nil {
		list := &corev1.PodList{}
		if err := api.List(ctx, list, client.InNamespace(n.namespace)); err == nil {
			for i := range list.Items {
				if err := n.look(ctx, &list.Items[i]); err != nil && ctx.Err() == nil {
					failures <- err
					return
				}
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (n *node) look(ctx context.Context, pod *corev1.Pod) error {
	n.mu.Lock()
	running := n.pods[pod.UID]
	n.mu.Unlock()
	switch {
	case running == nil && pod.DeletionTimestamp == nil:
		started, err := startPod(pod)
		if err != nil {
			return fmt.Errorf("start the pod %s: %w", pod.Name, err)
		}
		n.mu.Lock()
		n.pods[pod.UID] = started
		n.mu.Unlock()
		n.done.Go(func() { started.probe(ctx) })
		return started.report(ctx)
	case running != nil && pod.DeletionTimestamp != nil:
		running.process.stop()
		return client.IgnoreNotFound(api.Delete(ctx, pod, client.GracePeriodSeconds(0)))
	case running != nil:
		return writeVolumes(ctx, running.process.root, pod) // annotations and ConfigMaps change
	}
	return nil
}

// pod returns the running pod whose name begins with a prefix; nil if there is none.
func (n *node) pod(prefix string) *runningPod {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, pod := range n.pods {
		if len(pod.name) > len(prefix) && pod.name[:len(prefix)] == prefix {
			return pod
		}
	}
	return nil
}

// report writes the pod's status.
func (p *runningPod) report(ctx context.Context) error {
	p.mu.Lock()
	ready := p.ready
	p.mu.Unlock()
	condition := corev1.ConditionFalse
	if ready {
		condition = corev1.ConditionTrue
	}
	status := corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: p.ip, PodIPs: []corev1.PodIP{{IP: p.ip}},
		Conditions: []corev1.PodCondition{
			{Type: corev1.PodReady, Status: condition, LastTransitionTime: metav1.Now()},
			{Type: corev1.ContainersReady, Status: condition, LastTransitionTime: metav1.Now()},
		},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: p.container.Name, Image: p.container.Image, Ready: ready, Started: new(true),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
		}},
	}
	pod := &corev1.Pod{}
	if err := api.Get(ctx, client.ObjectKey{Namespace: p.namespace, Name: p.name}, pod); err != nil {
		return client.IgnoreNotFound(err)
	}
	before := pod.DeepCopy()
	pod.Status = status
	return client.IgnoreNotFound(api.Status().Patch(ctx, pod, client.MergeFrom(before)))
}

// probe asks for the pod's readiness as its spec says, but four times as often, and with
// the kubelet's default timeout of one second.
func (p *runningPod) probe(ctx context.Context) {
	spec := p.container.ReadinessProbe
	if spec == nil || spec.HTTPGet == nil {
		return
	}
	url := "http://" + net.JoinHostPort(p.ip, strconv.Itoa(portOf(p.container, spec.HTTPGet.Port))) + spec.HTTPGet.Path
	interval := time.Duration(spec.PeriodSeconds) * time.Second / 4
	asker := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		if p.count(asks(ctx, asker, url), int(spec.FailureThreshold)) {
			_ = p.report(ctx) // the next change reports again
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}

func asks(ctx context.Context, asker *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := asker.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// count takes the result of a probe and reports whether the pod's readiness changed.
func (p *runningPod) count(result error, threshold int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ready || p.notReady > 0 {
		p.asked++
	}
	if result == nil {
		p.inARow = 0
		changed := !p.ready
		p.ready = true
		return changed
	}
	if p.asked > 0 {
		p.failed++
	}
	if p.inARow++; p.ready && p.inARow >= threshold {
		p.ready = false
		p.notReady++
		return true
	}
	return false
}

// readiness returns how many readiness probes were sent, how many of them failed, and how
// often the pod became NotReady.
func (p *runningPod) readiness() (asked, failed, notReady int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked, p.failed, p.notReady
}

func portOf(container corev1.Container, port intstr.IntOrString) int {
	for _, named := range container.Ports {
		if port.Type == intstr.String && named.Name == port.StrVal {
			return int(named.ContainerPort)
		}
	}
	return port.IntValue()
}

// ports returns the ports that a pod declares.
func (p *runningPod) ports() []int {
	out := make([]int, 0, len(p.container.Ports))
	for _, port := range p.container.Ports {
		out = append(out, int(port.ContainerPort))
	}
	return out
}

// programProcess is a program in its own root directory.
type programProcess struct {
	root, log string
	command   *exec.Cmd
	ended     chan struct{}
}

func (p *programProcess) stop() {
	_ = p.command.Process.Signal(syscall.SIGKILL) // unshare takes its child along
	<-p.ended
}

func (p *programProcess) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// runIn runs a command in a root directory, in which it sees only its own processes.
func runIn(root string, environment []string, arguments ...string) (*programProcess, error) {
	if err := os.MkdirAll(filepath.Join(root, "proc"), 0o755); err != nil {
		return nil, err
	}
	p := &programProcess{root: root, log: root + ".log", ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	chroot, err := exec.LookPath("chroot") // the pod's environment has no PATH
	if err != nil {
		return nil, err
	}
	inside := []string{"--mount", "--pid", "--fork", "--kill-child", "--mount-proc=" + filepath.Join(root, "proc"), chroot, root}
	p.command = exec.Command("unshare", append(inside, arguments...)...)
	p.command.Env, p.command.Stdout, p.command.Stderr = environment, log, log
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	atInterrupt(p.stop)
	go func() {
		defer close(p.ended)
		_ = p.command.Wait()
		_ = log.Close()
	}()
	return p, nil
}
