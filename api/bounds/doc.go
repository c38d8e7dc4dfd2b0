// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bounds limits the size of the values that a user writes into Kubernetes' own
// types within our resources: a whole pod template, and the environment, tolerations and
// node selector of a pool.
//
// One table has two readers. hack/manifests writes it into the CustomResourceDefinitions,
// so that the API server refuses larger values and names the field and the bound. The
// operator checks what it reads by the same table, because an object may have been stored
// before there was a bound.
//
// Kubernetes bounds few of these values itself. Without bounds, one object of 1.4 MB
// holds 480,000 tolerations, and every program that reads it needs hundreds of megabytes.
package bounds
