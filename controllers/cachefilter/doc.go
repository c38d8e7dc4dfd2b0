// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cachefilter cuts every object down to what decisions read before the operator's
// cache keeps it, and reads lists in pages. So the operator's memory is bounded whatever
// users write into their objects; docs/memory.md has the figures.
package cachefilter
