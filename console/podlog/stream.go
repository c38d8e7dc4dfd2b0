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
)

// again is the delay before a log that broke off or ended too early is requested again.
const again = time.Second

// followed is the state of a pod that is followed.
type followed struct {
	// id is the last known instance of the worker container, and running is true if it
	// ran. The Follower's state guards both.
	id      string
	running bool

	// turn is held by the one stream that reads the pod's log, and guards shown. A log is
	// requested by the pod's name, so the stream of one instance may read into the next
	// instance's log. The next instance's own stream waits for its turn and continues
	// from there.
	turn  chan struct{}
	shown place
}

// place is how far a log was shown. lines counts the lines of that instant, because the
// pieces of a long line have the same time.
type place struct {
	at    time.Time
	lines int
}

// pass moves the place past a line that was shown.
func (p *place) pass(line Line) {
	if !line.Time.Equal(p.at) {
		*p = place{at: line.Time}
	}
	p.lines++
}

// behind reports whether a line that is read again was shown before. It counts down the
// lines of the instant.
func (p *place) behind(line Line) bool {
	if line.Time.Equal(p.at) && p.lines > 0 {
		p.lines--
		return true
	}
	return line.Time.Before(p.at)
}

// stream shows the log of one instance to its end. The end of a response says little,
// because an API server or a proxy ends it normally at its time limit. The log has truly
// ended if the instance had ended before the log was opened. stream reports once that a
// log cannot be read, and requests it again until it can.
func (f *Follower) stream(ctx context.Context, pod *corev1.Pod, p *followed, options Options) {
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	id, _ := started(pod)
	ask, begun, told := options, time.Now(), false
	for ctx.Err() == nil {
		running := f.runs(p, id)
		over, err := f.read(ctx, pod, p, ask, running)
		if apierrors.IsForbidden(err) {
			f.fail(err)
			return
		}
		if apierrors.IsNotFound(err) || over && !running {
			return
		}
		if err != nil && !told && ctx.Err() == nil {
			f.note(Note{Code: TriedAgain, Pod: pod.Name, Err: err})
		}
		told = err != nil
		pause(ctx)
		ask = options.since(begun)
	}
}

// since returns the options for a log that was opened at begun, if none of its lines was
// shown yet. A tail of 0 asked for no past lines, but lines since begun are not past. The
// node counts back from its own time, so clocks may differ.
func (o Options) since(begun time.Time) Options {
	if o.Tail == 0 {
		return Options{Since: time.Since(begun) + time.Second, Tail: -1}
	}
	return o
}

// runs reports whether an instance was running when its pod was last seen.
func (f *Follower) runs(p *followed, id string) bool {
	f.state.Lock()
	defer f.state.Unlock()
	return p.running && p.id == id
}

// read shows the lines of a log that were not shown before. It reports whether the log is
// over, and fails if the log cannot be opened.
func (f *Follower) read(ctx context.Context, pod *corev1.Pod, p *followed, options Options, running bool) (over bool, err error) {
	r, err := open(ctx, f.Core, pod, options, true, p.shown.at)
	if err != nil {
		return apierrors.IsBadRequest(err), err // a bad request means that the instance is gone
	}
	defer r.close()
	before := p.shown
	for {
		line, err := r.next()
		if err != nil {
			return errors.Is(err, io.EOF), nil
		}
		if r.torn && running {
			return true, nil // the next request returns this line as a whole
		}
		if before.behind(line) {
			continue
		}
		if !f.show(line) {
			return true, nil
		}
		p.shown.pass(line)
	}
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(again):
	}
}
