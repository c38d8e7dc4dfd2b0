// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controlplane runs a real Kubernetes control plane for tests: etcd and
// kube-apiserver through controller-runtime's envtest, and beside them the real
// kube-controller-manager (Deployments, ReplicaSets, garbage collection,
// disruption budgets, namespaces) and kube-scheduler. Only the kubelet is
// missing; package fakes has one.
//
// Every write, and every request of a service account, is in the apiserver's
// audit log, which is the unbiased witness of who wrote what: see Audit.
package controlplane
