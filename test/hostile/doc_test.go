// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package hostile attacks the product and measures what an attack costs other tenants.
//
// The operator is the real program and runs as in its pod. It has the arguments, the
// environment and the memory limit of config/manager, the token of its service account
// and the rights of config/rbac. It runs in a memory cgroup on one core, and is restarted
// when it dies. etcd, kube-apiserver, kube-controller-manager, the agent and the backlog
// probe are real as well.
//
// Each test prints its figures and fails if a figure is beyond its bound. If it measures
// time, the bound is a ratio: how long a pool of another namespace waits during the
// attack and without it, measured in turns in the same run.
//
// The environment variable HOSTILE_SOURCE names another checkout, whose programs and
// manifests are attacked instead. These commands measure an older version:
//
//	git worktree add /tmp/older COMMIT
//	HOSTILE_SOURCE=/tmp/older make test-hostile
//
// HOSTILE_PROGRAMS names a directory with the programs of that checkout, if `make build`
// has already built them.
package hostile
