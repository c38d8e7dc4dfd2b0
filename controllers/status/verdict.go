// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"strings"
	"time"
)

// verdict is the common content of Ready, Reconciling and Stalled.
type verdict struct {
	reason  string
	message string
	// ready reports whether the pool is as wanted.
	ready bool
	// stalled reports whether the pool will not get there without help.
	stalled bool
	// recheck is the time after which the verdict may change without news; zero if it
	// cannot.
	recheck time.Duration
}

// obstacle is a reason why a pool is not as wanted.
type obstacle struct {
	reason  string
	message string
	// final reports whether waiting will not help.
	final bool
}

// sentence bounds a text from elsewhere and ends it with a full stop.
func sentence(text string) string {
	const most = 600
	text = strings.TrimSpace(text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " ..."
	}
	if text == "" {
		return "no reason was given."
	}
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}
