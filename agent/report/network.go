// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"os"
	"strconv"

	"queueworker.dev/queueworker/api/protocol"
)

// Network returns the traffic of the pod, without loopback, from its network namespace.
func Network() protocol.Network {
	text, err := os.ReadFile("/proc/self/net/dev")
	if err != nil {
		return protocol.Network{}
	}
	return parseNetwork(text)
}

// parseNetwork parses a proc(5) net/dev: after the name of an interface and a colon, the
// first column is the bytes received, the ninth the bytes sent.
func parseNetwork(text []byte) protocol.Network {
	var sum protocol.Network
	for line := range bytes.Lines(text) {
		name, columns, found := bytes.Cut(line, []byte(":"))
		fields := bytes.Fields(columns)
		if !found || len(fields) < 9 || string(bytes.TrimSpace(name)) == "lo" {
			continue
		}
		received, _ := strconv.ParseInt(string(fields[0]), 10, 64)
		sent, _ := strconv.ParseInt(string(fields[8]), 10, 64)
		sum.ReceivedBytes += received
		sum.TransmittedBytes += sent
	}
	return sum
}
