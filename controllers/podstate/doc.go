// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package podstate reads the facts about one pod, or about one Deployment, that decisions
// need, such as whether the pod counts for its ReplicaSet.
package podstate
