// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fakes stands in for what a control plane without machines lacks: nodes
// with a kubelet, the agents in worker pods, and the backlog probes. Everything else (apiserver,
// Deployment and ReplicaSet controllers, scheduler, garbage collector) is real.
//
// A pod of the fake kubelet goes through what the real one's goes through, in
// the same API writes: running with a pod IP (a loopback address), ready when
// its agent is, on deletion first Succeeded with the agent's last word in the
// termination message and then gone. ConfigMaps reach a mounted volume late, as
// they do in the real kubelet: only when the pod is synced for another reason,
// or within SyncPeriod.
package fakes
