// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package objects builds the objects that a QueueWorker should have in the cluster: a
// Deployment of supervised worker pods, the ConfigMap with its control document, and a
// PodDisruptionBudget.
//
// Explicit settings of the QueueApp's template win over the defaults here. If such a
// setting breaks a promise, the result carries a Finding that says so.
//
// The output for one input must not change between versions of the operator, except for
// the agent's image: a change would replace every worker pod of every cluster at an
// upgrade. The golden files in testdata pin the output.
package objects
