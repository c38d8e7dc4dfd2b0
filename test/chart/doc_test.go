// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package chart tests the Helm chart with the real helm: that it renders to
// objects Kubernetes knows for every value, says the same as the kustomize tree,
// and refuses wrong values with a message one can act on.
//
// The first run builds helm from its module (hack/tool.sh), which takes minutes.
package chart
