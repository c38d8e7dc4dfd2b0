// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package fakes

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"queueworker.dev/queueworker/api/protocol"
)

// Options configure a Kubelet. The zero value of each field means its default.
type Options struct {
	// Nodes is the number of simulated nodes. Default: 3.
	Nodes int
	// SyncPeriod is the time within which a changed ConfigMap reaches a volume of a pod
	// to which nothing else happens. Default: 60 s, as in the real kubelet.
	SyncPeriod time.Duration
	// Lag is the longest random delay after which the kubelet learns of a changed pod or
	// ConfigMap. Each change has its own delay. Default: 20 ms.
	Lag time.Duration
}

// Kubelet simulates the kubelets of a few nodes.
type Kubelet struct {
	client     kubernetes.Interface
	options    Options
	pods       cache.SharedIndexInformer
	configMaps *laggingConfigMaps

	mu       sync.Mutex
	workers  map[types.UID]*podWorker
	troubles map[string]Trouble
	history  []*Agent
	backends map[string]*Backend
	outcomes map[string]CommandOutcome
	commands map[string][]protocol.Command
	running  sync.WaitGroup
	ctx      context.Context
}

// Trouble is the reason why the containers of an image do not start.
type Trouble struct {
	// Reason and Message are those of the container's waiting state.
	Reason, Message string
}

// The troubles of a real kubelet, in its words.
var (
	// ImagePullBackOff is the trouble of an image that is not in its registry.
	ImagePullBackOff = Trouble{"ImagePullBackOff",
		`Back-off pulling image: ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image: not found`}
	// RunsAsRoot is the trouble of an image whose user is root in a pod that must not run
	// as root.
	RunsAsRoot = Trouble{"CreateContainerConfigError",
		"container has runAsNonRoot and image will run as root"}
)

// StartKubelet registers the nodes and simulates their kubelets until ctx ends.
func StartKubelet(ctx context.Context, config *rest.Config, options Options) (*Kubelet, error) {
	if options.Nodes == 0 {
		options.Nodes = 3
	}
	if options.SyncPeriod == 0 {
		options.SyncPeriod = time.Minute
	}
	if options.Lag == 0 {
		options.Lag = 20 * time.Millisecond
	}
	config = rest.CopyConfig(config)
	config.QPS, config.UserAgent = -1, "fake-kubelet"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make the fake kubelet's client: %w", err)
	}
	k := &Kubelet{client: client, options: options, ctx: ctx,
		workers: map[types.UID]*podWorker{}, troubles: map[string]Trouble{}, backends: map[string]*Backend{},
		outcomes: map[string]CommandOutcome{}, commands: map[string][]protocol.Command{}}
	for i := range options.Nodes {
		if err := k.registerNode(fmt.Sprintf("fake-node-%d", i)); err != nil {
			return nil, err
		}
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	k.configMaps = newLaggingConfigMaps(factory, options.Lag)
	k.pods = factory.Core().V1().Pods().Informer()
	_, err = k.pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { k.observe(object.(*corev1.Pod)) },
		UpdateFunc: func(_, object any) { k.observe(object.(*corev1.Pod)) },
		DeleteFunc: k.gone,
	})
	if err != nil {
		return nil, fmt.Errorf("watch pods: %w", err)
	}
	factory.StartWithContext(ctx)
	factory.WaitForCacheSyncWithContext(ctx)
	return k, ctx.Err()
}

// registerNode creates a node that the scheduler considers ready.
func (k *Kubelet) registerNode(name string) error {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("1000000"), corev1.ResourceMemory: resource.MustParse("1Ei"),
		corev1.ResourcePods: resource.MustParse("100000"), corev1.ResourceEphemeralStorage: resource.MustParse("100Ti"),
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64",
	}}}
	node, err := k.client.CoreV1().Nodes().Create(k.ctx, node, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("register %s: %w", name, err)
	}
	node.Status = corev1.NodeStatus{
		Capacity: capacity, Allocatable: capacity,
		Conditions: []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady",
			LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now(),
		}},
	}
	if node, err = k.client.CoreV1().Nodes().UpdateStatus(k.ctx, node, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("report %s ready: %w", name, err)
	}
	// A new node has a taint that the node lifecycle controller, which does not run here,
	// would remove.
	node.Spec.Taints = nil
	if _, err = k.client.CoreV1().Nodes().Update(k.ctx, node, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("remove the taints of %s: %w", name, err)
	}
	return nil
}

// Break gives an image a trouble from now on, which also affects containers that wait.
func (k *Kubelet) Break(image string, trouble Trouble) {
	k.mu.Lock()
	k.troubles[image] = trouble
	k.mu.Unlock()
	k.wakeAll()
}

// Mend removes an image's trouble.
func (k *Kubelet) Mend(image string) {
	k.mu.Lock()
	delete(k.troubles, image)
	k.mu.Unlock()
	k.wakeAll()
}

func (k *Kubelet) trouble(image string) (Trouble, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	trouble, ok := k.troubles[image]
	return trouble, ok
}

// Agents returns the agents of the running pods in a namespace whose names begin with
// prefix, by pod name.
func (k *Kubelet) Agents(namespace, prefix string) []*Agent {
	k.mu.Lock()
	defer k.mu.Unlock()
	byName := map[string]*Agent{}
	for _, worker := range k.workers {
		if agent, is := worker.currentAgent().(*Agent); is && worker.namespace == namespace && strings.HasPrefix(worker.name, prefix) {
			byName[worker.name] = agent
		}
	}
	agents := make([]*Agent, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		agents = append(agents, byName[name])
	}
	return agents
}

// History returns all agents that a namespace has ever had, in the order of their start.
func (k *Kubelet) History(namespace string) []*Agent {
	k.mu.Lock()
	defer k.mu.Unlock()
	var agents []*Agent
	for _, agent := range k.history {
		if agent.Namespace == namespace {
			agents = append(agents, agent)
		}
	}
	return agents
}

func (k *Kubelet) remember(agent *Agent) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.history = append(k.history, agent)
}

// Wait returns when the kubelet's work has ended after its context.
func (k *Kubelet) Wait() { k.running.Wait() }

func (k *Kubelet) observe(pod *corev1.Pod) {
	if pod.Spec.NodeName == "" {
		return
	}
	k.mu.Lock()
	worker := k.workers[pod.UID]
	if worker == nil {
		worker = newPodWorker(k, pod)
		k.workers[pod.UID] = worker
		k.running.Go(func() {
			worker.run(k.ctx)
			k.mu.Lock()
			delete(k.workers, pod.UID)
			k.mu.Unlock()
		})
	}
	k.mu.Unlock()
	k.later(func() { worker.update(pod) })
}

// gone ends a pod whose object was removed, by the kubelet itself or by force.
func (k *Kubelet) gone(object any) {
	if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = tombstone.Obj
	}
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	k.mu.Lock()
	worker := k.workers[pod.UID]
	k.mu.Unlock()
	if worker != nil {
		worker.kill()
	}
}

func (k *Kubelet) wakeAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, worker := range k.workers {
		worker.poke()
	}
}
