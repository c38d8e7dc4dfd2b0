// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
)

// ownerFile names the state directory of the machine's one cluster. /run does
// not outlive the boot, and neither does a cluster.
const ownerFile = "/run/queueworker-cluster.state"

// checkOwner refuses to touch the bridge and the control groups of a cluster
// that runs from another state directory. One that has ended there is cleaned.
func checkOwner(l layout) error {
	state, err := otherState(l, ownerFile)
	if err != nil || state == "" {
		return err
	}
	l.state = state
	return clean(l)
}

// otherState returns the state directory that a cluster left which ended
// without down, if it is not ours; an error when that cluster still runs.
func otherState(l layout, file string) (string, error) {
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read which cluster this machine runs: %w", err)
	}
	other := layout{state: strings.TrimSpace(string(text)), cache: l.cache}
	if other.state == l.state || other.state == "" {
		return "", nil
	}
	for _, c := range components(other, "") {
		if running(other, c.name) {
			return "", fmt.Errorf("this machine runs another cluster, from %s, and can hold only one; use that one, or stop it first: %s=%s and the command down", other.state, stateVariable, other.state)
		}
	}
	if _, err := os.Stat(other.state); err != nil {
		return "", nil //nolint:nilerr // a state that is gone was cleaned
	}
	return other.state, nil
}

// setOwner writes down whose the machine's cluster is.
func setOwner(l layout, file string) error {
	return os.WriteFile(file, []byte(l.state+"\n"), 0o644)
}
