// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"context"
	"errors"
	"io"

	corev1 "k8s.io/api/core/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
)

// Merge reads what the pods have logged so far, by time. Pods that have not started
// are left out and returned.
func Merge(ctx context.Context, core corev1client.CoreV1Interface, pods []*corev1.Pod, options Options, show func(Line) error) (waiting []*corev1.Pod, err error) {
	var sources []source
	defer func() {
		for _, s := range sources {
			s.close()
		}
	}()
	for _, pod := range pods {
		if id, _ := started(pod); id == "" {
			waiting = append(waiting, pod)
			continue
		}
		r, err := open(ctx, core, pod, options, false, zero)
		if err != nil {
			return waiting, err
		}
		sources = append(sources, r)
	}
	return waiting, merge(sources, show)
}

// source is what merge reads lines from.
type source interface {
	next() (Line, error)
	close()
}

// merge shows the lines of all sources by time; each source is in order.
func merge(sources []source, show func(Line) error) error {
	heads := make([]*Line, len(sources))
	advance := func(i int) error {
		line, err := sources[i].next()
		switch {
		case errors.Is(err, io.EOF):
			heads[i] = nil
			return nil
		case err != nil:
			return err
		}
		heads[i] = &line
		return nil
	}
	for i := range sources {
		if err := advance(i); err != nil {
			return err
		}
	}
	for {
		first := earliest(heads)
		if first < 0 {
			return nil
		}
		if err := show(*heads[first]); err != nil {
			return err
		}
		if err := advance(first); err != nil {
			return err
		}
	}
}

// earliest is the index of the earliest line; -1 if there is none.
func earliest(heads []*Line) int {
	first := -1
	for i, head := range heads {
		if head != nil && (first < 0 || head.Time.Before(heads[first].Time)) {
			first = i
		}
	}
	return first
}
