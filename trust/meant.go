// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import "net/http"

// ByOperatorFor returns whether a request comes from the operator, as byOperator does, and
// is for this server: whether a header holds the server's name. A server without a name is
// meant by no request.
//
// The handshake proves that the operator is at the other end, but not that it knows who is
// at this one. A server that the operator does mean can pass each byte on to this one and
// back. The operator then asks this server without knowing it, and only the name, which is
// inside TLS, shows that it meant another.
func ByOperatorFor(path, header, name string) func(*http.Request) bool {
	known := byOperator(path)
	return func(r *http.Request) bool {
		meant := r.Header.Values(header)
		return name != "" && len(meant) == 1 && meant[0] == name && known(r)
	}
}
