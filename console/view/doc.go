// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package view decides what a user interface shows: which workers there are, how old
// their rows are, why a pool has its size, and what to do about a condition. What it tells
// the user is a code with values, because each user interface has its own words. Its
// functions are pure, and time is an argument.
package view
