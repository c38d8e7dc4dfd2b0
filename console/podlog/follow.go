// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"context"
	"errors"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// Follower shows the logs of pods as they are written, including pods that start later.
type Follower struct {
	Core    corev1client.CoreV1Interface
	Options Options
	// Show shows a line, Note reports what happens to pods. They are never called
	// concurrently.
	Show func(Line) error
	Note func(Note)

	output  sync.Mutex
	failure error
	stop    context.CancelFunc

	// state guards the fields below.
	state   sync.Mutex
	pods    map[types.UID]*followed
	streams sync.WaitGroup
}

// Follow follows the pods of a cache until ctx ends. The cache holds only the pool's
// pods.
func (f *Follower) Follow(ctx context.Context, pods cache.Cache) error {
	ctx, f.stop = context.WithCancel(ctx)
	defer f.stop()
	f.pods = map[types.UID]*followed{}
	ended := make(chan error, 1)
	go func() { ended <- pods.Start(ctx) }()
	informer, err := pods.GetInformer(ctx, &corev1.Pod{})
	if err != nil {
		return fmt.Errorf("watch the pods: %w", err)
	}
	see := func(object any, initial bool) {
		if pod, ok := object.(*corev1.Pod); ok {
			f.see(ctx, pod, initial)
		}
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerDetailedFuncs{
		AddFunc:    see,
		UpdateFunc: func(_, object any) { see(object, false) },
		DeleteFunc: f.gone,
	})
	if err != nil {
		return fmt.Errorf("watch the pods: %w", err)
	}
	err = <-ended
	f.streams.Wait()
	f.output.Lock()
	defer f.output.Unlock()
	return errors.Join(f.failure, err)
}

// see starts to follow a new instance of a pod's worker container. initial is true for
// pods that existed before Follow began.
func (f *Follower) see(ctx context.Context, pod *corev1.Pod, initial bool) {
	id, running := started(pod)
	f.state.Lock()
	p, known := f.pods[pod.UID]
	if !known {
		p = &followed{turn: make(chan struct{}, 1)}
		f.pods[pod.UID] = p
	}
	before := p.id
	p.id, p.running = id, running
	f.state.Unlock()
	if id == "" || id == before {
		return // not started yet, or already followed
	}
	news := known || !initial
	if !news && !running {
		return // it ended before Follow began
	}
	options := f.Options
	if news {
		options = Options{Tail: -1} // it started after Follow began, so all of it is new
		f.note(Note{Code: Started, Pod: pod.Name})
	}
	f.streams.Go(func() { f.stream(ctx, pod, p, options) })
}

// gone forgets a pod.
func (f *Follower) gone(object any) {
	// If the watch missed a deletion, the event has the last known state of the pod.
	if missed, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = missed.Obj
	}
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	f.state.Lock()
	if p, ok := f.pods[pod.UID]; ok {
		p.running = false
		delete(f.pods, pod.UID)
	}
	f.state.Unlock()
	f.note(Note{Code: Gone, Pod: pod.Name})
}

// show shows a line. If that fails, show stops the Follower and returns false.
func (f *Follower) show(line Line) bool {
	f.output.Lock()
	err := f.Show(line)
	f.output.Unlock()
	if err != nil {
		f.fail(err)
	}
	return err == nil
}

// fail stops the Follower with an error.
func (f *Follower) fail(err error) {
	f.output.Lock()
	defer f.output.Unlock()
	if f.failure == nil {
		f.failure = err
	}
	f.stop()
}

func (f *Follower) note(note Note) {
	f.output.Lock()
	defer f.output.Unlock()
	f.Note(note)
}
