// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package render draws what package view decided for a terminal: tables, trees and the
// live picture. Its functions are pure, and time is an argument.
package render
