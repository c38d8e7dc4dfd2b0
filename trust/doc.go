// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package trust is how agents and backlog probes recognize the operator.
//
// The operator has a key pair and proves with the TLS 1.3 handshake that it holds the
// private key. Agents and probes know the public key by its pin, which is stored in an
// object of the cluster that the kubelet mounts as a file. Agents and probes serve TLS
// with a key that they generate when they start. No client knows that key, so it proves
// only that no third party reads along. Because the operator does not know which server
// it reaches, each request names the server that it is for; see ByOperatorFor.
package trust
