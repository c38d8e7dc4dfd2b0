// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plan decides everything about one pool from one look at it. Data flows one way:
//
//	World     what was observed, each pod once, and what the operator remembers
//	Decide    size, pods that leave, control documents, objects, runs, alerts
//	StatusInput   the part of both that the status reports
//
// All functions are pure.
package plan
