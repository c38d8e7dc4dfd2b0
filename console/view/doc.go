// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package view decides what kubectl queueworker shows. Its pure functions turn the
// objects that were read into tables, trees and sentences. Time is an argument.
package view
