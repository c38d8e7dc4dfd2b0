// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package trust is how agents and backlog probes know the operator.
//
// The operator has a key pair, and proves by the handshake of TLS 1.3 that it holds the
// private key. Agents and probes know the public key by its pin, which stands in an object
// of the cluster that the kubelet shows them as a file. They serve TLS with a key that they
// draw when they start; nobody knows it, so it proves nothing but that both ends speak to
// each other without another reading along. Whom the operator reaches it does not know, so
// each request names the server that it is for; see ByOperatorFor.
package trust
