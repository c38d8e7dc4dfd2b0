// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package effective computes what a spec means: every setting with its default filled in.
//
// The API server fills in the defaults of the CRDs, but an object may have been stored
// before a field existed, and tools also read manifests that no API server has seen. The
// operator, the plugin and the importers therefore all read settings through this
// package. A test compares every default here with the generated CRDs.
//
// All functions are pure and change nothing.
package effective
