// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/received"
	"queueworker.dev/queueworker/backlog"
)

// answer is the expected document.
type answer struct {
	Queues []depth `json:"queues"`
}

// depth is the endpoint's answer about one queue. A nil pointer is a field that was left
// out.
type depth struct {
	Queue             string   `json:"queue"`
	Error             string   `json:"error"`
	Ready             *int64   `json:"ready"`
	Delayed           int64    `json:"delayed"`
	Reserved          int64    `json:"reserved"`
	DueSoon           int64    `json:"dueSoon"`
	OldestSeconds     *float64 `json:"oldestSeconds"`
	NextDueSeconds    *float64 `json:"nextDueSeconds"`
	Failed            *int64   `json:"failed"`
	MaxTimeoutSeconds *int64   `json:"maxTimeoutSeconds"`
}

// maxCount is more than the jobs that any queue holds.
const maxCount = 1_000_000_000_000

// maxValues is how many elements, as received.Elements counts them, an answer may have
// for each of the MaxBacklogQueues queues of a request. A queue has at most 10.
const maxValues = 16

// parse reads an answer strictly and returns the depths of the requested queues, in the
// order of the request. A queue that the answer leaves out gets an error as its depth.
func parse(body []byte, asked []backlog.Queue) ([]protocol.QueueDepth, error) {
	if received.Elements(body) > protocol.MaxBacklogQueues*maxValues {
		return nil, fmt.Errorf("it has more values than %d queues have", protocol.MaxBacklogQueues)
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	var a answer
	if err := decoder.Decode(&a); err != nil {
		return nil, notJSON(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON document")
	}
	if a.Queues == nil {
		return nil, errors.New("the list queues is missing")
	}
	told := make(map[string]*depth, len(a.Queues))
	for i := range a.Queues {
		d := &a.Queues[i]
		if told[d.Queue] != nil {
			return nil, fmt.Errorf("a queue is named twice, the second time in queues[%d]", i)
		}
		if field := d.wrong(); field != "" {
			return nil, fmt.Errorf("queues[%d].%s", i, field)
		}
		told[d.Queue] = d
	}
	depths := make([]protocol.QueueDepth, 0, len(asked))
	for _, queue := range asked {
		depths = append(depths, told[queue.Name].depth(queue))
	}
	return depths, nil
}

// notJSON returns an error that says what is wrong with a document, without its content.
func notJSON(err error) error {
	if field, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("the field %s must not be a %s", field.Field, kindOf(field.Value))
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return errors.New("it is not JSON")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it is not JSON, or ends too early")
	}
	return errors.New("it has a field that is not documented")
}

// kindOf returns the JSON kind in an error of encoding/json, where the value may follow
// it.
func kindOf(value string) string {
	for i, r := range value {
		if r == ' ' {
			return value[:i]
		}
	}
	return value
}

// wrong returns the first field that makes no sense, and why.
func (d *depth) wrong() string {
	if d.Error == "" && d.Ready == nil {
		return "ready is missing"
	}
	for _, count := range []struct {
		name  string
		value *int64
	}{
		{"ready", d.Ready}, {"delayed", &d.Delayed}, {"reserved", &d.Reserved}, {"dueSoon", &d.DueSoon},
		{"failed", d.Failed}, {"maxTimeoutSeconds", d.MaxTimeoutSeconds},
	} {
		switch {
		case count.value == nil:
		case *count.value < 0:
			return count.name + " is negative"
		case *count.value > maxCount:
			return count.name + " is too large"
		}
	}
	if absurd(d.OldestSeconds) {
		return "oldestSeconds is negative or too large"
	}
	if absurd(d.NextDueSeconds) {
		return "nextDueSeconds is negative or too large"
	}
	return ""
}

func absurd(seconds *float64) bool {
	return seconds != nil && (*seconds < 0 || *seconds > backlog.MaxSeconds)
}

func (d *depth) depth(queue backlog.Queue) protocol.QueueDepth {
	switch {
	case d == nil:
		return protocol.QueueDepth{
			Queue: queue.Name, Reason: protocol.BacklogNotFound,
			Message: "The endpoint did not report this queue: it must report every requested queue.",
		}
	case d.Error != "":
		return protocol.QueueDepth{
			Queue: queue.Name, Reason: protocol.BacklogUnreadable,
			Message: "The endpoint could not measure this queue; its own log says why.",
		}
	}
	depth := protocol.QueueDepth{
		Queue: queue.Name, Ready: *d.Ready, Delayed: d.Delayed, Reserved: d.Reserved,
		NextDueSeconds: d.NextDueSeconds, Failed: d.Failed, MaxTimeoutSeconds: d.MaxTimeoutSeconds,
	}
	if queue.Soon > 0 {
		depth.DueSoon = d.DueSoon
	}
	if depth.Ready > 0 {
		depth.OldestSeconds = d.OldestSeconds
	}
	return depth
}
