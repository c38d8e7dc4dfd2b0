// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package view says what kubectl queueworker shows: pure functions from what was
// read to tables, trees and sentences. Time is an argument.
package view
