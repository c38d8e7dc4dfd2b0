// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package chart tests the Helm chart with the real helm. For all values the chart must
// render to objects that Kubernetes knows and agree with the kustomize tree. It must
// refuse wrong values with a message that says what to do.
//
// The first run builds helm from its module (hack/tool.sh), which takes minutes.
package chart
