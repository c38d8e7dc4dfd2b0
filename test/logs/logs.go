// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package logs records what a controller logs, as the operator would write it.
package logs

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"

	"queueworker.dev/queueworker/controllers/plainlog"
)

// Line is one line of a log. Its level is 0 for Info and 1 for V(1).
type Line struct {
	Level   int
	Message string
	Values  map[string]any
}

// Text returns a value of the line as text; empty if the line does not have it.
func (l Line) Text(key string) string {
	if value, ok := l.Values[key]; ok {
		return fmt.Sprint(value)
	}
	return ""
}

// Recorder records lines of level V(1) and below.
type Recorder struct {
	mu    sync.Mutex
	lines []Line
}

// New returns a recorder, and the logger that writes to it through package plainlog.
func New(t *testing.T) (*Recorder, logr.Logger) {
	r := &Recorder{}
	return r, plainlog.New(funcr.NewJSON(func(text string) {
		var line Line
		if err := json.Unmarshal([]byte(text), &line.Values); err != nil {
			t.Errorf("a line of the log is not JSON: %v: %s", err, text)
			return
		}
		level, _ := line.Values["level"].(float64)
		line.Level, line.Message = int(level), fmt.Sprint(line.Values["msg"])
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lines = append(r.lines, line)
	}, funcr.Options{Verbosity: 1}))
}

// Take returns the lines since the last call.
func (r *Recorder) Take() []Line {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.lines
	r.lines = nil
	return out
}
