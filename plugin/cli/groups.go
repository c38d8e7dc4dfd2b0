// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

// The groups in which the help lists commands.
const (
	GroupSee   = "see"
	GroupAct   = "act"
	GroupJobs  = "jobs"
	GroupSetUp = "setup"
)
