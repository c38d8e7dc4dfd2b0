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

// again is after how long a log is asked for again that broke off, or ended too early.
const again = time.Second

// followed is what is known of a pod that is followed.
type followed struct {
	// id is the instance of its worker container that was seen last, and running whether it
	// ran; the Follower's state guards both.
	id      string
	running bool

	// turn is held by the one stream that reads the pod's log, and guards shown. A log is asked
	// for by the pod's name, so the stream of one instance may come to read the next one's; that
	// one's own stream waits its turn and goes on from there.
	turn  chan struct{}
	shown place
}

// place is how far a log was shown. Lines of one instant, as the pieces of a long one, are
// told apart by their number.
type place struct {
	at    time.Time
	lines int
}

// pass moves on to a line that was shown.
func (p *place) pass(line Line) {
	if !line.Time.Equal(p.at) {
		*p = place{at: line.Time}
	}
	p.lines++
}

// behind tells of each line of a log that is read again whether it was shown before. It
// counts down the lines of the instant.
func (p *place) behind(line Line) bool {
	if line.Time.Equal(p.at) && p.lines > 0 {
		p.lines--
		return true
	}
	return line.Time.Before(p.at)
}

// stream shows the log of one instance until there is no more of it. That a log ends says
// little: an apiserver or a proxy ends it in order at its time limit. It has ended for good
// if the instance had before the log was opened. One that cannot be read is told once, and
// asked for again until it can.
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
			f.note(err.Error() + "; it is tried again")
		}
		told = err != nil
		pause(ctx)
		ask = options.since(begun)
	}
}

// since is what to ask of a log that was opened before, if no line of it was shown yet. None
// of the past was wanted with a tail of 0: what came since then is not of the past. The node
// counts back from its own time, so clocks that differ do not matter.
func (o Options) since(begun time.Time) Options {
	if o.Tail == 0 {
		return Options{Since: time.Since(begun) + time.Second, Tail: -1}
	}
	return o
}

// runs tells whether an instance still ran when its pod was seen last.
func (f *Follower) runs(p *followed, id string) bool {
	f.state.Lock()
	defer f.state.Unlock()
	return p.running && p.id == id
}

// read shows what a log has that was not shown before; it tells whether the log is over, and
// fails if it cannot be had.
func (f *Follower) read(ctx context.Context, pod *corev1.Pod, p *followed, options Options, running bool) (over bool, err error) {
	r, err := open(ctx, f.Core, pod, options, true, p.shown.at)
	if err != nil {
		return apierrors.IsBadRequest(err), err // a bad request is what asks for an instance that is gone
	}
	defer r.close()
	before := p.shown
	for {
		line, err := r.next()
		if err != nil {
			return errors.Is(err, io.EOF), nil
		}
		if r.torn && running {
			return true, nil // the next time it comes whole
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
