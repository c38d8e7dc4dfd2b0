// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"context"
	"errors"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
)

// Merge shows what the pods have logged so far, by time. A note names each pod that has
// not started or whose log cannot be read. Merge fails if the caller may not read logs,
// or if pods have started but none of their logs can be read.
func Merge(ctx context.Context, core corev1client.CoreV1Interface, pods []*corev1.Pod, options Options, show func(Line) error, note func(Note)) error {
	var sources []source
	defer func() {
		for _, s := range sources {
			s.close()
		}
	}()
	var lost []Note
	for _, pod := range pods {
		if id, _ := started(pod); id == "" {
			note(Note{Code: NotStarted, Pod: pod.Name})
			continue
		}
		r, err := open(ctx, core, pod, options, false, time.Time{})
		switch {
		case apierrors.IsForbidden(err) || ctx.Err() != nil:
			return err
		case err != nil:
			lost = append(lost, Note{Code: BrokenOff, Pod: pod.Name, Err: err})
		default:
			sources = append(sources, r)
		}
	}
	if len(sources) == 0 {
		return joined(lost)
	}
	for _, one := range lost {
		note(one)
	}
	if err := merge(sources, show, note); err != nil {
		return err
	}
	return ctx.Err()
}

// joined returns the errors of notes as one error; nil without notes.
func joined(notes []Note) error {
	problems := make([]error, 0, len(notes))
	for _, note := range notes {
		problems = append(problems, note.Err)
	}
	return errors.Join(problems...)
}

// source is a log that merge reads lines from.
type source interface {
	next() (Line, error)
	close()
}

// merge shows the lines of all sources by time; each source is in order. A note reports a
// source that breaks off.
func merge(sources []source, show func(Line) error, note func(Note)) error {
	heads := make([]*Line, len(sources))
	advance := func(i int) {
		line, err := sources[i].next()
		heads[i] = &line
		if err != nil {
			heads[i] = nil
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
			note(Note{Code: BrokenOff, Pod: line.Pod.Name, Err: err})
		}
	}
	for i := range sources {
		advance(i)
	}
	for {
		first := earliest(heads)
		if first < 0 {
			return nil
		}
		if err := show(*heads[first]); err != nil {
			return err
		}
		advance(first)
	}
}

// earliest returns the index of the earliest line; -1 if there is none.
func earliest(heads []*Line) int {
	first := -1
	for i, head := range heads {
		if head != nil && (first < 0 || head.Time.Before(heads[first].Time)) {
			first = i
		}
	}
	return first
}
