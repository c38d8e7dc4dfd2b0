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

// pollEvery is how often the directory is read if no change is reported. The kubelet
// changes it by renaming the ..data link, which inotify reports at once. Polling covers
// file systems that report nothing.
const pollEvery = 15 * time.Second

// Change is the current content of the control directory.
type Change struct {
	// Document is the document in force, or nil before the first was read.
	Document *protocol.Control
	// Err says which document could not be read, and why.
	Err error
}

// Watch reads dir at once and whenever it changes, and calls tell each time, until ctx
// ends.
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
			err = watchErr // explains why there may never be a document
		}
		tell(Change{Document: document, Err: err})
		select {
		case <-ctx.Done():
			return
		case <-changes:
			settle(changes)
		case lost := <-troubles: // events were lost: read again
			watchErr = fmt.Errorf("watch the control directory: %w", lost)
		case <-every.C:
		}
	}
}

// settle discards events that arrived together: one swap by the kubelet causes several.
func settle(changes <-chan fsnotify.Event) {
	for {
		select {
		case <-changes:
		default:
			return
		}
	}
}
