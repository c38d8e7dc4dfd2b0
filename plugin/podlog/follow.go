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

// Follower shows the logs of pods as they are written, of pods that come later too.
type Follower struct {
	Core    corev1client.CoreV1Interface
	Options Options
	// Show shows a line, Note says what happens to pods; both are called by one at a time.
	Show func(Line) error
	Note func(string)

	output  sync.Mutex
	failure error
	stop    context.CancelFunc

	// state guards what is below.
	state   sync.Mutex
	pods    map[types.UID]*followed
	streams sync.WaitGroup
}

// Follow follows the pods of a cache until ctx ends. The cache holds the pool's pods
// and nothing else.
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

// see begins to follow an instance of a pod's worker container that is new. The
// initial pods are those that were there before us.
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
		return // not started yet, or followed already
	}
	news := known || !initial
	if !news && !running {
		return // over before we came
	}
	options := f.Options
	if news {
		options = Options{Tail: -1} // it began while we were here, and all of it is news
		f.note("pod " + pod.Name + " has started")
	}
	f.streams.Go(func() { f.stream(ctx, pod, p, options) })
}

// gone forgets a pod.
func (f *Follower) gone(object any) {
	// A deletion that the watch missed comes with what was known of the pod.
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
	f.note("pod " + pod.Name + " is gone")
}

// show shows a line; it ends everything, and tells so, where that fails.
func (f *Follower) show(line Line) bool {
	f.output.Lock()
	err := f.Show(line)
	f.output.Unlock()
	if err != nil {
		f.fail(err)
	}
	return err == nil
}

// fail ends everything with an error.
func (f *Follower) fail(err error) {
	f.output.Lock()
	defer f.output.Unlock()
	if f.failure == nil {
		f.failure = err
	}
	f.stop()
}

func (f *Follower) note(text string) {
	f.output.Lock()
	defer f.output.Unlock()
	f.Note(text)
}
