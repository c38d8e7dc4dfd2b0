// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"queueworker.dev/queueworker/api/protocol"
)

const (
	// maxRequestBytes bounds a request: the most queues allowed, with long names.
	maxRequestBytes = 256 << 10
	// maxNameBytes bounds the name of a queue that is measured; a column of Laravel's
	// jobs table holds 255 characters.
	maxNameBytes = 255
	// maxSoonSeconds bounds BacklogRequest.SoonSeconds.
	maxSoonSeconds = 7 * 24 * 3600
)

// parseRequest parses a request. It ignores unknown fields, because a newer operator may
// send them. The error is a sentence.
func parseRequest(body []byte) (protocol.BacklogRequest, error) {
	var request protocol.BacklogRequest
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&request); err != nil {
		return request, errors.New("the request is no JSON document such as {\"queues\": [\"default\"]}")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return request, errors.New("something follows the JSON document")
	}
	return request, checkRequest(request)
}

// checkRequest returns an error if a request is unusable. A name that is only too long is
// no error, because then the other queues would not be measured either.
func checkRequest(request protocol.BacklogRequest) error {
	switch {
	case len(request.Queues) == 0:
		return errors.New("the list queues is empty; name at least one")
	case len(request.Queues) > protocol.MaxBacklogQueues:
		return fmt.Errorf("queues has %d names; at most %d are allowed", len(request.Queues), protocol.MaxBacklogQueues)
	case !(request.SoonSeconds >= 0 && request.SoonSeconds <= maxSoonSeconds):
		return fmt.Errorf("soonSeconds must be between 0 and %d", maxSoonSeconds)
	}
	seen := make(map[string]bool, len(request.Queues))
	for i, name := range request.Queues {
		switch {
		case name == "":
			return fmt.Errorf("queues[%d] is empty", i)
		case strings.ContainsRune(name, 0):
			return fmt.Errorf("queues[%d] holds a zero byte", i)
		case seen[name]:
			return fmt.Errorf("queues[%d] was named before", i)
		}
		seen[name] = true
	}
	return nil
}

// measurable returns the names that are short enough to measure.
func measurable(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return len(name) > maxNameBytes })
}
