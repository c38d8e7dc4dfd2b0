// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controlplane runs a real Kubernetes control plane for tests. etcd and
// kube-apiserver run through controller-runtime's envtest. The real
// kube-controller-manager (Deployments, Jobs, ReplicaSets, garbage collection, disruption
// budgets, namespaces) and kube-scheduler run beside them. Only the kubelet is missing;
// package fakes has one.
//
// Every write, and every request of OperatorGroup, is in the apiserver's audit log, which
// is the impartial witness of who wrote what: see Audit.
package controlplane
