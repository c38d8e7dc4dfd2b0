// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func logOf(pod, text string) *reader {
	return &reader{
		pod:    &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: pod}},
		stream: io.NopCloser(strings.NewReader("")), lines: bufio.NewReaderSize(strings.NewReader(text), 64),
	}
}

// noNote fails the test for each note.
func noNote(t *testing.T) func(Note) {
	return func(note Note) { t.Errorf("noted %q", told(note)) }
}

// told writes a note as its code, its pod and its error.
func told(note Note) string {
	text := string(note.Code) + " " + note.Pod
	if note.Err != nil {
		text += ": " + note.Err.Error()
	}
	return text
}

func TestMergeIsByTime(t *testing.T) {
	sources := []source{
		logOf("a", "2026-11-23T12:00:01.5Z a1\n2026-11-23T12:00:03Z a2\n"),
		logOf("b", "2026-11-23T12:00:02Z b1\n2026-11-23T12:00:02Z b2\n2026-11-23T12:00:04Z b3 without an end"),
		logOf("c", ""),
	}
	var got []string
	if err := merge(sources, func(line Line) error {
		got = append(got, line.Pod.Name+" "+line.Text)
		return nil
	}, noNote(t)); err != nil {
		t.Fatal(err)
	}
	want := []string{"a a1", "b b1", "b b2", "a a2", "b b3 without an end"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines differ (-want +got):\n%s", diff)
	}
}

func TestMergeEndsWithTheOutput(t *testing.T) {
	broken := errors.New("broken pipe")
	shown := 0
	err := merge([]source{logOf("a", "2026-11-23T12:00:01Z 1\n2026-11-23T12:00:01Z 2\n")}, func(Line) error {
		shown++
		return broken
	}, noNote(t))
	if !errors.Is(err, broken) || shown != 1 {
		t.Errorf("merge went on after %v: %d lines shown", err, shown)
	}
}

// TestLongLinesAreCut: a line that is longer than the reader's buffer comes in pieces
// with the same time.
func TestLongLinesAreCut(t *testing.T) {
	r := logOf("a", "2026-11-23T12:00:01Z "+strings.Repeat("x", 100)+"\n2026-11-23T12:00:02Z y\n")
	var lines []Line
	for {
		line, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if len(lines) != 3 || lines[0].Text+lines[1].Text != strings.Repeat("x", 100) || lines[2].Text != "y" {
		t.Fatalf("lines are %+v", lines)
	}
	if want := time.Date(2026, 11, 23, 12, 0, 1, 0, time.UTC); !lines[1].Time.Equal(want) {
		t.Errorf("the second piece is of %s, want %s", lines[1].Time, want)
	}
}

func TestContainer(t *testing.T) {
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{
		{Name: "sidecar"},
		{Name: "worker", Env: []corev1.EnvVar{{Name: "QUEUEWORKER_CONFIG", Value: `{"processes":3,"command":["a$$b"]}`}}},
	}}}
	if got := Container(pod); got != "worker" {
		t.Errorf("the worker's container is %q", got)
	}
	if got := Processes(pod); got != 3 {
		t.Errorf("it has %d processes, want 3", got)
	}
	if id, _ := started(pod); id != "" {
		t.Errorf("a pod without status has started as %q", id)
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{
		{Name: "sidecar", ContainerID: "s", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		{Name: "worker", ContainerID: "w", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}},
	}
	if id, running := started(pod); id != "w" || running {
		t.Errorf("it has started as %q, running %t; want w, ended", id, running)
	}
}
