// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fakes simulates what a control plane without machines lacks: nodes with a
// kubelet, the agents in worker pods, and the backlog probes. Everything else (apiserver,
// Deployment and ReplicaSet controllers, scheduler, garbage collector) is real.
//
// A pod of the fake kubelet goes through the same states as with the real kubelet, in the
// same API writes. It runs with a pod IP (a loopback address) and is ready when its agent
// is. On deletion it first becomes Succeeded or Failed, with the agent's last report in the
// termination message, and then disappears. ConfigMaps reach a mounted volume late, as in
// the real kubelet: only when the pod is synced for another reason, or within SyncPeriod.
package fakes
