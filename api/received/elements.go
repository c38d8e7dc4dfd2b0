// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package received

// MaxElements bounds the members and elements of a status document, as Elements counts
// them. The largest honest status, with 64 workers, has less than half as many. Without
// the bound, 256 KiB of "{},{},..." would become many megabytes of Worker.
const MaxElements = 4096

// Elements returns the number of commas outside the strings of a JSON document. A caller
// compares it with a bound before it decodes a pod's answer, because a decoder builds
// every element before the caller can refuse any.
func Elements(document []byte) int {
	count, quoted := 0, false
	for i := 0; i < len(document); i++ {
		switch c := document[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			count++
		}
	}
	return count
}
