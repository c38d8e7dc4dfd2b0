// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package packaging tests what has no code of its own: that the Dockerfile builds the
// same as hack/images, and that the Makefile's help is complete.
package packaging
