// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package wording

import "queueworker.dev/queueworker/console/podlog"

// Log returns what happened to a pod whose log is shown.
func Log(n podlog.Note) string { return logTexts[n.Code](n) }

var logTexts = map[podlog.Code]func(podlog.Note) string{
	podlog.NotStarted: func(n podlog.Note) string { return "pod " + n.Pod + " has not started yet" },
	podlog.Started:    func(n podlog.Note) string { return "pod " + n.Pod + " has started" },
	podlog.Gone:       func(n podlog.Note) string { return "pod " + n.Pod + " is gone" },
	podlog.BrokenOff:  func(n podlog.Note) string { return n.Err.Error() },
	podlog.TriedAgain: func(n podlog.Note) string { return n.Err.Error() + "; trying again" },
}
