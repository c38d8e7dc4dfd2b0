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
func Merge(ctx context.Context, core corev1client.CoreV1Interface, pods []*corev1.Pod, options Options, show func(Line) error, note func(string)) error {
	var sources []source
	defer func() {
		for _, s := range sources {
			s.close()
		}
	}()
	var lost []error
	for _, pod := range pods {
		if id, _ := started(pod); id == "" {
			note("pod " + pod.Name + " has not started yet")
			continue
		}
		r, err := open(ctx, core, pod, options, false, time.Time{})
		switch {
		case apierrors.IsForbidden(err) || ctx.Err() != nil:
			return err
		case err != nil:
			lost = append(lost, err)
		default:
			sources = append(sources, r)
		}
	}
	if len(sources) == 0 {
		return errors.Join(lost...)
	}
	for _, err := range lost {
		note(err.Error())
	}
	if err := merge(sources, show, note); err != nil {
		return err
	}
	return ctx.Err()
}

// source is a log that merge reads lines from.
type source interface {
	next() (Line, error)
	close()
}

// merge shows the lines of all sources by time; each source is in order. A note reports a
// source that breaks off.
func merge(sources []source, show func(Line) error, note func(string)) error {
	heads := make([]*Line, len(sources))
	advance := func(i int) {
		line, err := sources[i].next()
		heads[i] = &line
		if err != nil {
			heads[i] = nil
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
			note(err.Error())
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
