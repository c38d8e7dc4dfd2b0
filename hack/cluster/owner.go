// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
)

// ownerFile holds the state directory of the machine's one cluster. Neither /run nor a
// cluster survives a reboot.
const ownerFile = "/run/queueworker-cluster.state"

// checkOwner refuses to touch the bridge and the control groups of a cluster that runs
// from another state directory. If that cluster has ended, checkOwner cleans it up.
func checkOwner(l layout) error {
	state, err := otherState(l, ownerFile)
	if err != nil || state == "" {
		return err
	}
	l.state = state
	return clean(l)
}

// otherState returns the state directory of another cluster that ended without down, or
// "" if there is none. It returns an error if that cluster still runs.
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

// setOwner records the state directory of the machine's cluster.
func setOwner(l layout, file string) error {
	return os.WriteFile(file, []byte(l.state+"\n"), 0o644)
}
