// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// The volumes that the operator adds to a pod.
const (
	binaryVolume  = "queueworker-bin"
	stateVolume   = "queueworker-state"
	controlVolume = "queueworker-control"
)

// queueEnv holds the queues of a Custom worker, for use as $(QUEUEWORKER_QUEUE) in its
// command.
const queueEnv = "QUEUEWORKER_QUEUE"

// wrapWorker makes the agent the first process of the worker's container. The agent
// runs the container's own command and arguments.
func wrapWorker(container *corev1.Container, in Input, memory effective.MemoryLimits, gracePeriod time.Duration) {
	command := slices.Concat(container.Command, container.Args)
	container.Command = []string{protocol.BinaryPath}
	container.Args = []string{"run"}
	if path := container.TerminationMessagePath; path != "" {
		container.Args = append(container.Args, "--"+protocol.TerminationMessageFlag+"="+path)
	}
	if len(command) > 0 {
		container.Args = append(append(container.Args, "--"), command...)
	}

	container.Env = workerEnv(container.Env, in, agentConfig(in, memory, gracePeriod))
	container.Ports = append(container.Ports, ports()...)
	container.VolumeMounts = append(container.VolumeMounts,
		corev1.VolumeMount{Name: binaryVolume, MountPath: protocol.BinaryDir, ReadOnly: true},
		corev1.VolumeMount{Name: stateVolume, MountPath: protocol.StateDir},
		corev1.VolumeMount{Name: controlVolume, MountPath: protocol.ControlDir, ReadOnly: true},
	)
	setResources(&container.Resources, &in.Worker.Spec, memory)
	if container.ReadinessProbe == nil {
		container.ReadinessProbe = readinessProbe()
	}
	awaitAgent(container, &in.App.Spec.Template.Spec)
}

// awaitAgent adds a preStop hook that waits until the agent handles SIGTERM. The agent
// would miss the signal in the first milliseconds of a container whose PID 1 it is; see
// `agent await`.
func awaitAgent(container *corev1.Container, template *corev1.PodSpec) {
	if template.ShareProcessNamespace != nil && *template.ShareProcessNamespace {
		return
	}
	if container.Lifecycle == nil {
		container.Lifecycle = &corev1.Lifecycle{}
	}
	if container.Lifecycle.PreStop == nil {
		container.Lifecycle.PreStop = &corev1.LifecycleHandler{
			Exec: &corev1.ExecAction{Command: []string{protocol.BinaryPath, "await"}},
		}
	}
}

// ports returns the ports of agent and backlog probe. The operator speaks TLS with a
// pod if the pod names OperatorPortName: no answer from the network decides this.
func ports() []corev1.ContainerPort {
	return []corev1.ContainerPort{
		{Name: protocol.PortName, ContainerPort: protocol.Port, Protocol: corev1.ProtocolTCP},
		{Name: protocol.HealthPortName, ContainerPort: protocol.HealthPort, Protocol: corev1.ProtocolTCP},
		{Name: protocol.OperatorPortName, ContainerPort: protocol.OperatorPort, Protocol: corev1.ProtocolTCP},
	}
}

// readinessProbe returns a probe that asks the agent. There is no liveness probe on
// purpose: on a throttled node it would kill jobs.
func readinessProbe() *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: protocol.ReadyPath, Port: intstr.FromString(protocol.HealthPortName),
		}},
		PeriodSeconds:    5,
		TimeoutSeconds:   2,
		FailureThreshold: 3,
	}
}

// setResources fills in resources that the template leaves open.
func setResources(resources *corev1.ResourceRequirements, spec *v1alpha1.QueueWorkerSpec, memory effective.MemoryLimits) {
	if resources.Requests == nil {
		resources.Requests = corev1.ResourceList{}
	}
	if resources.Limits == nil {
		resources.Limits = corev1.ResourceList{}
	}
	if _, set := resources.Limits[corev1.ResourceMemory]; !set {
		resources.Limits[corev1.ResourceMemory] = bytesQuantity(memory.Limit)
	}
	if _, set := resources.Requests[corev1.ResourceMemory]; !set {
		limit := resources.Limits[corev1.ResourceMemory]
		resources.Requests[corev1.ResourceMemory] = bytesQuantity(min(memory.Request, limit.Value()))
	}
	if spec.CPU != nil {
		resources.Requests[corev1.ResourceCPU] = *milliCPU(spec.CPU.MilliValue() * int64(effective.ProcessesPerPod(spec)))
	}
}

// workerEnv returns the template's environment, overridden by the pool's, and both
// overridden by the agent's. The queue stands first, so that other variables may refer
// to it.
func workerEnv(template []corev1.EnvVar, in Input, config protocol.Config) []corev1.EnvVar {
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
	}
	return lastOfName(slices.Concat(
		[]corev1.EnvVar{{Name: queueEnv, Value: in.Worker.Spec.Queue}},
		template,
		in.Worker.Spec.Env,
		[]corev1.EnvVar{
			{Name: protocol.ConfigEnv, Value: encodeConfig(config)},
			field(protocol.PodNameEnv, "metadata.name"),
			field(protocol.PodUIDEnv, "metadata.uid"),
		},
	))
}

// lastOfName keeps the last of the variables of each name, in their order.
func lastOfName(all []corev1.EnvVar) []corev1.EnvVar {
	env := make([]corev1.EnvVar, 0, len(all))
	named := make(map[string]bool, len(all))
	for _, variable := range slices.Backward(all) {
		if !named[variable.Name] {
			named[variable.Name] = true
			env = append(env, variable)
		}
	}
	slices.Reverse(env)
	return env
}

// encodeConfig encodes the agent's configuration for an environment variable, in
// which the kubelet takes $(NAME) for a variable and $$ for a dollar sign.
func encodeConfig(config protocol.Config) string {
	document, err := json.Marshal(config)
	if err != nil {
		panic(err) // a struct of strings and numbers always encodes
	}
	return strings.ReplaceAll(string(document), "$", "$$")
}

// decodeConfig reads the output of encodeConfig; nil if the value is something else.
func decodeConfig(value string) *protocol.Config {
	config := &protocol.Config{}
	if json.Unmarshal([]byte(strings.ReplaceAll(value, "$$", "$")), config) != nil {
		return nil
	}
	return config
}

func agentConfig(in Input, memory effective.MemoryLimits, gracePeriod time.Duration) protocol.Config {
	spec := &in.Worker.Spec
	config := protocol.Config{
		Version:           protocol.Version,
		Namespace:         in.Worker.Namespace,
		Name:              in.Worker.Name,
		App:               in.App.Name,
		Runtime:           string(effective.Runtime(in.App)),
		Processes:         effective.ProcessesPerPod(spec),
		Jitter:            true,
		Queue:             spec.Queue,
		TimeoutSeconds:    int64(effective.Timeout(spec) / time.Second),
		SleepMilliseconds: effective.Sleep(spec).Milliseconds(),
		RestMilliseconds:  effective.Rest(spec).Milliseconds(),
		Tries:             effective.Tries(spec),
		MaxJobs:           spec.MaxJobs,
		MaxTimeSeconds:    int64(effective.MaxTime(spec) / time.Second),
		MaxExceptions:     spec.MaxExceptions,
		Force:             spec.Force,
		Verbose:           spec.Verbose,
		MemoryBytes:       memory.Process,
		HeapLimitBytes:    memory.Heap,
		RetireBytes:       memory.Retire,
		GraceSeconds:      int64(gracePeriod / time.Second),
	}
	if spec.Recycle == v1alpha1.RecyclePod {
		config.Recycle = protocol.RecyclePod
	}
	if in.Run != "" {
		config.Run, config.StopWhenEmpty = in.Run, !effective.NeedsProbe(in.App)
	}
	for _, wait := range spec.Backoff {
		config.BackoffSeconds = append(config.BackoffSeconds, int64(wait.Duration/time.Second))
	}
	config.Connection = effective.ConnectionName(in.App)
	if patterns := in.App.Spec.Patterns; patterns != nil {
		config.Patterns = &protocol.Patterns{
			Started: patterns.Started, Done: patterns.Done, Failed: patterns.Failed, Released: patterns.Released,
		}
	}
	return config
}
