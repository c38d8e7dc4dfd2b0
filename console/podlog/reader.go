// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"queueworker.dev/queueworker/api/protocol"
)

// Line is a line of a pod's log.
type Line struct {
	Pod  *corev1.Pod
	Time time.Time
	Text string
}

// Options say which lines of each pod to read.
type Options struct {
	// Since leaves out older lines; 0 leaves out none.
	Since time.Duration
	// Tail is the highest number of lines to begin with; negative means all.
	Tail int64
}

// longest is the length in bytes at which a line is split.
const longest = 64 << 10

// reader reads the log of a pod's worker container line by line.
type reader struct {
	pod    *corev1.Pod
	stream io.ReadCloser
	lines  *bufio.Reader
	// last is the time of the last line. broken is true if that line goes on, torn if the
	// log ended within it.
	last   time.Time
	broken bool
	torn   bool
}

// open opens a log. If after is set, it reads only lines from that time on.
func open(ctx context.Context, core corev1client.CoreV1Interface, pod *corev1.Pod, options Options, follow bool, after time.Time) (*reader, error) {
	ask := &corev1.PodLogOptions{Container: Container(pod), Follow: follow, Timestamps: true}
	switch {
	case !after.IsZero():
		ask.SinceTime = new(metav1.NewTime(after))
	case options.Since > 0:
		ask.SinceSeconds = new(max(int64(options.Since/time.Second), 1))
	}
	if after.IsZero() && options.Tail >= 0 {
		ask.TailLines = new(options.Tail)
	}
	stream, err := core.Pods(pod.Namespace).GetLogs(pod.Name, ask).Stream(ctx)
	if err != nil {
		return nil, unreadable(pod, err)
	}
	return &reader{pod: pod, stream: stream, lines: bufio.NewReaderSize(stream, longest)}, nil
}

func unreadable(pod *corev1.Pod, err error) error {
	return fmt.Errorf("the log of pod %s cannot be read: %w", pod.Name, err)
}

// next returns the next line, and io.EOF after the last line.
func (r *reader) next() (Line, error) {
	data, err := r.lines.ReadSlice('\n')
	if len(data) == 0 && errors.Is(err, io.EOF) {
		return Line{Pod: r.pod}, err
	}
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
		return Line{Pod: r.pod}, unreadable(r.pod, err)
	}
	text := strings.TrimRight(string(data), "\r\n")
	if !r.broken {
		stamp, rest, _ := strings.Cut(text, " ")
		if at, parseErr := time.Parse(time.RFC3339Nano, stamp); parseErr == nil {
			r.last, text = at, rest
		}
	}
	r.broken, r.torn = errors.Is(err, bufio.ErrBufferFull), errors.Is(err, io.EOF)
	return Line{Pod: r.pod, Time: r.last, Text: text}, nil
}

func (r *reader) close() { _ = r.stream.Close() } // nothing was written

// Container returns the name of the container that the agent runs in.
func Container(pod *corev1.Pod) string {
	for i := range pod.Spec.Containers {
		for _, env := range pod.Spec.Containers[i].Env {
			if env.Name == protocol.ConfigEnv {
				return pod.Spec.Containers[i].Name
			}
		}
	}
	return ""
}

// started returns the ID of the worker container's instance whose log can be read; empty
// if it has not started yet.
func started(pod *corev1.Pod) (id string, running bool) {
	name := Container(pod)
	for i := range pod.Status.ContainerStatuses {
		s := &pod.Status.ContainerStatuses[i]
		if s.Name == name && (s.State.Running != nil || s.State.Terminated != nil) {
			return s.ContainerID, s.State.Running != nil
		}
	}
	return "", false
}

// Processes returns how many worker processes share a pod, according to its agent's
// configuration.
func Processes(pod *corev1.Pod) int {
	for i := range pod.Spec.Containers {
		for _, env := range pod.Spec.Containers[i].Env {
			// In the pod's spec, dollar signs are doubled for the kubelet; that does not
			// matter here.
			config := &protocol.Config{}
			if env.Name == protocol.ConfigEnv && json.Unmarshal([]byte(env.Value), config) == nil {
				return int(config.Processes)
			}
		}
	}
	return 0
}
