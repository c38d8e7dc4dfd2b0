// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/received"
	"queueworker.dev/queueworker/controllers/telemetry"
)

// maxValues is how many elements, as received.Elements counts them, an answer may have
// for each requested queue or job, and once more for the answer itself.
const maxValues = 16

// readBacklog reads an answer as strictly as a status document: the pod belongs to a
// tenant, and its answer decides how many pods there are.
func readBacklog(content []byte, where Probe, asked []string) (*protocol.Backlog, error) {
	if received.Elements(content) > (len(asked)+1)*maxValues {
		return nil, refusal("answered with more than was asked for")
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	answer := &protocol.Backlog{}
	if err := decoder.Decode(answer); err != nil {
		return nil, refusal("gave an answer that cannot be read: " + cleanText(err.Error(), maxMessage/2))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, refusal("gave an answer that cannot be read: something follows the JSON document")
	}
	if !telemetry.Understood(answer.Version) {
		return nil, refusal(fmt.Sprintf("speaks version %d of the protocol, this operator versions %d to %d", answer.Version, protocol.OldestVersion, protocol.Version))
	}
	if where.UID != "" && answer.PodUID != string(where.UID) {
		return nil, refusal("is another pod than the one expected")
	}
	return answer, cleanBacklog(answer, asked)
}

// cleanBacklog refuses impossible figures and makes texts safe to show.
func cleanBacklog(b *protocol.Backlog, asked []string) error {
	b.Probe = cleanText(b.Probe, maxVersion)
	b.Backend = cleanText(b.Backend, maxMessage)
	b.Message = cleanText(b.Message, maxMessage)
	b.AgeSeconds = within(b.AgeSeconds, maxSeconds)
	if !knownTrouble(b.Reason) {
		return refusal(fmt.Sprintf("gave the unknown reason %q", cleanText(string(b.Reason), maxWord)))
	}
	if b.Reason != "" {
		b.Queues = nil
		return nil
	}
	if len(b.Queues) != len(asked) {
		return refusal(fmt.Sprintf("reported %d queues instead of %d", len(b.Queues), len(asked)))
	}
	for i := range b.Queues {
		if b.Queues[i].Queue != asked[i] {
			return refusal(fmt.Sprintf("reported a queue that was not requested: %q", cleanText(b.Queues[i].Queue, maxWord)))
		}
		if err := cleanDepth(&b.Queues[i]); err != nil {
			return err
		}
	}
	return nil
}

func cleanDepth(d *protocol.QueueDepth) error {
	if !knownTrouble(d.Reason) {
		return refusal(fmt.Sprintf("gave the unknown reason %q", cleanText(string(d.Reason), maxWord)))
	}
	d.Message = cleanText(d.Message, maxMessage)
	for _, number := range []struct {
		is   *int64
		most int64
	}{
		{&d.Ready, maxCount},
		{&d.Delayed, maxCount},
		{&d.Reserved, maxCount},
		{&d.DueSoon, maxCount},
		{d.Failed, maxCount},
		{d.MaxTimeoutSeconds, maxSeconds},
	} {
		if number.is != nil && (*number.is < 0 || *number.is > number.most) {
			return refusal(fmt.Sprintf("reported an impossible number of jobs or seconds, %d", *number.is))
		}
	}
	for _, seconds := range []*float64{d.OldestSeconds, d.NextDueSeconds} {
		if seconds != nil && !(*seconds >= 0 && *seconds <= maxSeconds) { // also false for NaN
			return refusal(fmt.Sprintf("reported an impossible time, %g s", *seconds))
		}
	}
	return nil
}

func knownTrouble(reason protocol.BacklogError) bool {
	switch reason {
	case "", protocol.BacklogMisconfigured, protocol.BacklogUnreachable, protocol.BacklogDenied,
		protocol.BacklogNotFound, protocol.BacklogUnreadable:
		return true
	}
	return false
}
