// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/printable"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/received"
)

// ParseFinal reads an agent's final report from a container's termination message. It
// is as strict as the reading of a status document.
func ParseFinal(message string) (*protocol.Final, error) {
	message = strings.TrimSpace(message)
	if message == "" {
		return nil, errors.New("the termination message is empty")
	}
	if len(message) > protocol.MaxFinalBytes {
		return nil, fmt.Errorf("the termination message is longer than %d bytes", protocol.MaxFinalBytes)
	}
	final := &protocol.Final{}
	if err := Decode([]byte(message), final, &final.Version); err != nil {
		return nil, fmt.Errorf("the termination message %w", err)
	}
	if err := received.Counters(&final.Counters); err != nil {
		return nil, fmt.Errorf("the termination message %w", err)
	}
	final.Message = printable.Line(final.Message, received.MaxMessage)
	final.Killed = received.Killed(final.Killed)
	return final, nil
}

// Decode reads the single JSON document data into out, whose Version field
// version points to. Unknown fields are errors. If the version is not understood, only
// the version is read, because everything else may have changed.
func Decode(data []byte, out any, version *int) error {
	if received.Elements(data) > received.MaxElements {
		return fmt.Errorf("has more than %d elements", received.MaxElements)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(out)
	if err != nil {
		var probe struct {
			Version int `json:"version"`
		}
		if json.Unmarshal(data, &probe) == nil && !Understood(probe.Version) {
			return versionError(probe.Version)
		}
		return fmt.Errorf("cannot be read: %s", printable.Line(err.Error(), received.MaxMessage))
	}
	if !Understood(*version) {
		return versionError(*version)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("cannot be read: something follows the JSON document")
	}
	return nil
}

// Understood reports whether this operator understands documents of a version.
func Understood(version int) bool {
	return version >= protocol.OldestVersion && version <= protocol.Version
}

// versionError says which side must be replaced.
func versionError(version int) error {
	switch {
	case version > protocol.Version:
		return fmt.Errorf("has version %d, this operator understands up to %d: upgrade the operator", version, protocol.Version)
	case version > 0:
		return fmt.Errorf("has version %d, this operator understands from %d on: replace the pod so that it gets a current agent",
			version, protocol.OldestVersion)
	}
	return errors.New("names no version: this is not a QueueWorker agent")
}

// FinalOf returns the final report in the termination message of an ended container;
// nil if there is none or it cannot be read.
func FinalOf(container *corev1.ContainerStatus) *protocol.Final {
	terminated := container.State.Terminated
	if terminated == nil {
		return nil
	}
	final, err := ParseFinal(terminated.Message)
	if err != nil {
		return nil
	}
	return final
}
