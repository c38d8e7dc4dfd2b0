// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/runtimes"
	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	// commandComponent is the value of LabelComponent of a QueueCommand's Job.
	commandComponent = "command"
	// commandMemory is the memory of every command except Once: it may hold a page of
	// thousands of failed jobs.
	commandMemory = 256 * mebibyte
	// commandTime is how long a command may take including its start. onceTime is how
	// long Once may take in addition to its job's timeout.
	commandTime = 30 * time.Minute
	onceTime    = 10 * time.Minute
	// commandGrace is how long a command may take to end when it is stopped.
	commandGrace = 30 * time.Second
)

// CommandInput holds everything that decides the Job of a QueueCommand.
type CommandInput struct {
	Command *v1alpha1.QueueCommand
	App     *v1alpha1.QueueApp
	// Worker is the QueueWorker whose options a job runs with; nil means the defaults.
	Worker *v1alpha1.QueueWorker
	// AgentImage is the agent image of this operator.
	AgentImage string
}

// CommandJobName returns the name of a QueueCommand's Job. The name includes a hash of
// the UID. Otherwise the Job of an earlier command of the same name could stand in the
// way while it is still being deleted.
func CommandJobName(name string, uid types.UID) string {
	sum := sha256.Sum256([]byte(uid))
	return name + "-" + hex.EncodeToString(sum[:4])
}

// CommandJob returns the Job that runs a QueueCommand: one pod of the application's
// template with only the worker's container. The Job is created suspended, and resumed
// once the status names it, so that a command never runs twice.
//
// Init containers stay, including those that run beside the worker. They prepare what
// the application needs, such as a proxy to its database, and Kubernetes ends them with
// the pod. Other containers would keep the pod alive for ever and are left out.
func CommandJob(in CommandInput) (*batchv1.Job, *effective.Problem) {
	if runtime := runtimes.Of(in.App.Spec.Runtime); !runtime.Does(string(in.Command.Spec.Action)) {
		return nil, &effective.Problem{Reason: v1alpha1.ReasonAppInvalid, Message: fmt.Sprintf(
			"The QueueApp %q has the runtime %s, and %s is a command of Laravel; do it with the application's own means.",
			in.App.Name, runtime.Name, in.Command.Spec.Action)}
	}
	container, problem := workerContainer(in.App)
	if problem != nil {
		return nil, problem
	}
	if in.Worker != nil && in.Command.Spec.Action == v1alpha1.ActionOnce {
		if refused, _ := consent(Input{Worker: in.Worker, App: in.App}); refused != nil {
			return nil, refused
		}
	}
	worker := commandWorker(in)
	template, _ := podTemplate(Input{Worker: worker, App: in.App}, container)
	template.Labels = commandLabels(in, template.Labels)
	commandPod(&template.Spec, in, worker, container)
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: in.Command.Namespace,
			Name:      CommandJobName(in.Command.Name, in.Command.UID),
			Labels:    ownCommandLabels(in),
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "QueueCommand",
				Name: in.Command.Name, UID: in.Command.UID, Controller: new(true),
			}},
		},
		Spec: batchv1.JobSpec{
			Parallelism: new(int32(1)), Completions: new(int32(1)), BackoffLimit: new(int32(0)),
			Suspend:               new(true),
			ActiveDeadlineSeconds: new(int64(commandDeadline(in.Command, worker) / time.Second)),
			Template:              *template,
		},
	}, nil
}

// commandWorker returns the QueueWorker whose options the command's pod has.
func commandWorker(in CommandInput) *v1alpha1.QueueWorker {
	worker := &v1alpha1.QueueWorker{}
	worker.Namespace, worker.Name = in.Command.Namespace, in.Command.Name
	once := in.Command.Spec.Action == v1alpha1.ActionOnce
	switch {
	case once && in.Worker != nil:
		worker = in.Worker.DeepCopy()
		worker.Spec.Recycle = "" // this pod ends after its job, and is not replaced
	case !once:
		worker.Spec.Memory = new(bytesQuantity(commandMemory))
		worker.Spec.GracePeriod = &metav1.Duration{Duration: commandGrace}
	}
	worker.Spec.ProcessesPerPod = 1
	if once && in.Command.Spec.Queue != "" {
		worker.Spec.Queue = in.Command.Spec.Queue
	}
	return worker
}

func ownCommandLabels(in CommandInput) map[string]string {
	return map[string]string{
		v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelComponent: commandComponent,
		v1alpha1.LabelApp: in.App.Name, v1alpha1.LabelCommand: in.Command.Name,
	}
}

// commandLabels keeps the pod out of every pool.
func commandLabels(in CommandInput, template map[string]string) map[string]string {
	labels := maps.Clone(template)
	delete(labels, v1alpha1.LabelName)
	maps.Copy(labels, ownCommandLabels(in))
	return labels
}

// commandPod turns a worker's pod into a pod that runs a command and ends.
func commandPod(pod *corev1.PodSpec, in CommandInput, worker *v1alpha1.QueueWorker, container int) {
	own := func(name string) bool { return name == stateVolume || name == controlVolume }
	pod.Volumes = slices.DeleteFunc(pod.Volumes, func(v corev1.Volume) bool { return own(v.Name) })
	pod.InitContainers[0].Image = in.AgentImage
	pod.Containers = pod.Containers[container : container+1 : container+1]
	pod.RestartPolicy = corev1.RestartPolicyNever
	pod.Affinity, pod.TopologySpreadConstraints = nodeAffinity(pod.Affinity), nil

	c := &pod.Containers[0]
	// The arguments of `run` stay: the path of the termination message and the wrapper.
	c.Args[0] = "exec"
	c.Ports, c.LivenessProbe, c.ReadinessProbe, c.StartupProbe, c.Lifecycle = nil, nil, nil, nil, nil
	c.VolumeMounts = slices.DeleteFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return own(m.Name) })
	c.Env = slices.DeleteFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == protocol.ConfigEnv || e.Name == protocol.CommandEnv })
	c.Env = append(c.Env, corev1.EnvVar{Name: protocol.CommandEnv, Value: encodeCommand(in, worker)})
	// The kubelet would replace an empty message by the end of the log.
	c.TerminationMessagePolicy = corev1.TerminationMessageReadFile
	awaitAgent(c, pod)
}

// encodeCommand encodes the command as encodeConfig encodes the agent's configuration.
func encodeCommand(in CommandInput, worker *v1alpha1.QueueWorker) string {
	spec := &in.Command.Spec
	memory := effective.MemoryLimitsOf(&worker.Spec, in.App.Spec.Runtime)
	command := protocol.Command{
		Version: protocol.Version,
		Action:  string(spec.Action),
		All:     spec.All,
		Queue:   spec.Queue,
		Worker:  agentConfig(Input{Worker: worker, App: in.App}, memory, effective.Grace(&worker.Spec, &in.App.Spec.Template.Spec)),
	}
	for _, id := range spec.IDs {
		command.IDs = append(command.IDs, string(id))
	}
	if spec.Hours != nil {
		command.Hours = *spec.Hours
	}
	document, err := json.Marshal(command)
	if err != nil {
		panic(err) // a struct of strings and numbers always encodes
	}
	return strings.ReplaceAll(string(document), "$", "$$")
}

// commandDeadline returns how long the Job may take including its start.
func commandDeadline(command *v1alpha1.QueueCommand, worker *v1alpha1.QueueWorker) time.Duration {
	if command.Spec.Action != v1alpha1.ActionOnce {
		return commandTime
	}
	if timeout := effective.Timeout(&worker.Spec); timeout > 0 {
		return timeout + onceTime
	}
	return 24 * time.Hour
}

// CommandWorker returns a Problem if the QueueWorker that a command names does not exist.
func CommandWorker(command *v1alpha1.QueueCommand, worker *v1alpha1.QueueWorker) *effective.Problem {
	if command.Spec.WorkerName == "" || worker != nil {
		return nil
	}
	return &effective.Problem{Reason: v1alpha1.ReasonWorkerNotFound, Message: fmt.Sprintf(
		"The QueueWorker %q, which spec.workerName names, does not exist in namespace %s; create it or name another.",
		command.Spec.WorkerName, command.Namespace)}
}
