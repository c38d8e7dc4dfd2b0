// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controllers adds the operator's three controllers to a manager: queueworker,
// queueapp and queuecommand. They share one collector, one CPU budget for each namespace
// and one identity.
package controllers
