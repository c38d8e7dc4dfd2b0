// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package hostile attacks the product and measures what the attack costs others.
//
// The operator is the real program. It runs as its pod does: with the arguments, the
// environment and the memory limit of config/manager, with the token of its service
// account and the rights of config/rbac, in a memory cgroup, on one core, and it is
// started again when it dies. etcd, kube-apiserver and kube-controller-manager are
// real as well. The agent and the backlog probe are the real programs, too.
//
// Each test prints its figures and fails if a figure is beyond its bound. Where time
// is measured, the bound is a ratio: what a pool of another namespace waits during
// the attack, to what it waits without, in turns and in the same run.
//
// The environment variable HOSTILE_SOURCE names another checkout, whose programs and
// manifests are attacked instead. So the figures of an older version are had by
//
//	git worktree add /tmp/older COMMIT
//	HOSTILE_SOURCE=/tmp/older make test-hostile
//
// HOSTILE_PROGRAMS names a directory with the programs of that checkout if they are
// built already, as `make build` builds them.
package hostile
