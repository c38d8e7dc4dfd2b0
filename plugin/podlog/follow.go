// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// again is after how long a log that broke off is asked for again.
const again = time.Second

var zero time.Time

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
	state     sync.Mutex
	instances map[types.UID]string
	streams   sync.WaitGroup
}

// Follow follows the pods of a cache until ctx ends. The cache holds the pool's pods
// and nothing else.
func (f *Follower) Follow(ctx context.Context, pods cache.Cache) error {
	ctx, f.stop = context.WithCancel(ctx)
	defer f.stop()
	f.instances = map[types.UID]string{}
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
		DeleteFunc: func(object any) {
			if pod, ok := object.(*corev1.Pod); ok {
				f.note("pod " + pod.Name + " is gone")
			}
		},
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
	before, known := f.instances[pod.UID]
	f.instances[pod.UID] = id
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
	f.streams.Go(func() { f.stream(ctx, pod, options) })
}

// stream shows the log of one instance until it ends. One that cannot be read is told once,
// and asked for again until it can.
func (f *Follower) stream(ctx context.Context, pod *corev1.Pod, options Options) {
	var after time.Time
	told := false
	for ctx.Err() == nil {
		r, err := open(ctx, f.Core, pod, options, true, after)
		if apierrors.IsForbidden(err) {
			f.fail(err)
			return
		}
		if apierrors.IsNotFound(err) || apierrors.IsBadRequest(err) {
			return // the pod or this instance is gone
		}
		if err == nil {
			whole := f.copy(r, after)
			r.close()
			if whole {
				return
			}
			after = r.last
		} else if !told && ctx.Err() == nil {
			f.note(err.Error() + "; it is tried again")
		}
		told = err != nil
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

// copy shows what a reader has, but for what is not after an instant; it tells
// whether it came to the end.
func (f *Follower) copy(r *reader, after time.Time) (whole bool) {
	for {
		line, err := r.next()
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		if !after.IsZero() && !line.Time.After(after) {
			continue
		}
		f.output.Lock()
		err = f.Show(line)
		f.output.Unlock()
		if err != nil {
			f.fail(err)
			return true
		}
	}
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
