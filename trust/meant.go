// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import "net/http"

// ByOperatorFor returns a function that reports whether a request comes from the
// operator, as byOperator does, and is for this server. It is for this server if a header
// holds the server's name. No request is for a server without a name.
//
// The handshake proves that the operator is at the other end, but not that the operator
// knows which server is at this end. A server that the operator means can relay each byte
// to this server and back. The operator then asks this server without knowing it. Only
// the name, which is inside TLS, shows that the operator meant another server.
func ByOperatorFor(path, header, name string) func(*http.Request) bool {
	known := byOperator(path)
	return func(r *http.Request) bool {
		meant := r.Header.Values(header)
		return name != "" && len(meant) == 1 && meant[0] == name && known(r)
	}
}
