// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"fmt"
	"time"

	"github.com/fsnotify/fsnotify"

	"queueworker.dev/queueworker/api/protocol"
)

// pollEvery is how often the directory is read when nothing is heard of it. The
// kubelet changes it by renaming the ..data link, which inotify tells at once;
// polling covers file systems that do not tell.
const pollEvery = 15 * time.Second

// Change is what the control directory says now.
type Change struct {
	// Document is the one to obey, nil before the first was read.
	Document *protocol.Control
	// Err says which document could not be read and why.
	Err error
}

// Watch reads dir at once and whenever it changes, and tells each time, until
// ctx ends.
func Watch(ctx context.Context, dir string, tell func(Change)) {
	reader := NewReader(dir)
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		poll(ctx, reader, nil, fmt.Errorf("watch the control directory: %w", err), tell)
		return
	}
	defer func() { _ = watcher.Close() }()
	err = watcher.Add(dir)
	if err != nil {
		err = fmt.Errorf("watch the control directory: %w", err)
	}
	poll(ctx, reader, watcher, err, tell)
}

func poll(ctx context.Context, reader *Reader, watcher *fsnotify.Watcher, watchErr error, tell func(Change)) {
	var changes chan fsnotify.Event
	var troubles chan error
	if watcher != nil {
		changes, troubles = watcher.Events, watcher.Errors
	}
	every := time.NewTicker(pollEvery)
	defer every.Stop()
	for {
		document, err := reader.Read()
		if err == nil && document == nil {
			err = watchErr // why nothing may ever come
		}
		tell(Change{Document: document, Err: err})
		select {
		case <-ctx.Done():
			return
		case <-changes:
			settle(changes)
		case lost := <-troubles: // of events: read
			watchErr = fmt.Errorf("watch the control directory: %w", lost)
		case <-every.C:
		}
	}
}

// settle takes the events that came together: one swap of the kubelet makes several.
func settle(changes <-chan fsnotify.Event) {
	for {
		select {
		case <-changes:
		default:
			return
		}
	}
}
