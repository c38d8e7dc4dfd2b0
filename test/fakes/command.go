// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package fakes

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/protocol"
)

// CommandOutcome is how the commands of a namespace end. The zero value means at once,
// successfully and without output.
type CommandOutcome struct {
	// Output is the commands' termination message, Code their exit code.
	Output string
	Code   int32
	// Hold lets the commands run until their pod is removed.
	Hold bool
}

// SetCommands sets how the commands of a namespace end from now on.
func (k *Kubelet) SetCommands(namespace string, outcome CommandOutcome) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.outcomes[namespace] = outcome
}

// Commands returns the commands that a namespace has run, in the order of their start.
func (k *Kubelet) Commands(namespace string) []protocol.Command {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]protocol.Command(nil), k.commands[namespace]...)
}

// oneOff simulates the container of one command.
type oneOff struct {
	outcome CommandOutcome
	ip      string
	ended   chan struct{}
	once    sync.Once
}

// commandOf returns the command of a pod, or nil if it has none.
func commandOf(pod *corev1.Pod) (*protocol.Command, error) {
	for _, variable := range workerContainer(pod).Env {
		if variable.Name != protocol.CommandEnv {
			continue
		}
		command := &protocol.Command{}
		if err := json.Unmarshal([]byte(strings.ReplaceAll(variable.Value, "$$", "$")), command); err != nil {
			return nil, fmt.Errorf("read %s: %w", protocol.CommandEnv, err)
		}
		return command, nil
	}
	return nil, nil
}

func (k *Kubelet) startCommand(pod *corev1.Pod, command protocol.Command) *oneOff {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.commands[pod.Namespace] = append(k.commands[pod.Namespace], command)
	o := &oneOff{outcome: k.outcomes[pod.Namespace], ip: "127.0.0.1", ended: make(chan struct{})}
	if !o.outcome.Hold {
		o.stop()
	}
	return o
}

// IP returns the pod's address, on which nothing listens.
func (o *oneOff) IP() string { return o.ip }

// Ready is always true, because no test depends on it.
func (o *oneOff) Ready() bool { return true }

func (o *oneOff) read(map[string]string)     {}
func (o *oneOff) takeRestart() *containerEnd { return nil }
func (o *oneOff) terminate() <-chan struct{} { o.stop(); return o.ended }
func (o *oneOff) lastWord() string           { return o.outcome.Output }
func (o *oneOff) exitCode() int32            { return o.outcome.Code }
func (o *oneOff) stop()                      { o.once.Do(func() { close(o.ended) }) }

func (o *oneOff) over() bool {
	select {
	case <-o.ended:
		return true
	default:
		return false
	}
}
