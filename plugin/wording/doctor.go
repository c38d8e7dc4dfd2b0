// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package wording

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/doctor"
)

// Cause returns what a finding found. explain puts an error into words.
func Cause(c doctor.Cause, explain func(error) string) string {
	if c.Code == doctor.NotRead {
		return explain(c.Err)
	}
	return causes[c.Code](c)
}

// Subject names the object that a finding is about.
func Subject(s doctor.Subject) string {
	word := subjects[s.Kind]
	if s.Name == "" {
		return word.all
	}
	return word.one + " " + s.Name
}

var subjects = map[doctor.Kind]struct{ one, all string }{
	doctor.OfCluster:     {"cluster", "cluster"},
	doctor.OfOperator:    {"operator", "operator"},
	doctor.OfCaller:      {"you", "you"},
	doctor.OfQueueApp:    {"QueueApp", "QueueApps"},
	doctor.OfQueueWorker: {"QueueWorker", "QueueWorkers"},
}

// uses name the commands that need a right.
var uses = map[doctor.Use]string{
	doctor.SeePools:      "every command",
	doctor.FindPool:      "every command that names a pool",
	doctor.SeeApps:       "status, doctor",
	doctor.ChangePools:   "start, stop, pause, resume, restart, scale, run, create",
	doctor.CreatePools:   "create",
	doctor.ActOnJobs:     "failed, clear, once",
	doctor.SeeWorkers:    "workers, logs",
	doctor.FollowLogs:    "logs -f",
	doctor.ChangeWorkers: "stop, pause, resume, restart with --worker",
	doctor.ReadLogs:      "logs, once",
	doctor.SeeLive:       "live figures in top",
	doctor.WriteReports:  "report",
}

type causeText = func(doctor.Cause) string

var operatorLabel = v1alpha1.LabelComponent + "=" + doctor.OperatorLabels[v1alpha1.LabelComponent]

var causes = map[doctor.Code]causeText{
	doctor.Reported:     func(c doctor.Cause) string { return c.Message },
	doctor.NotRead:      func(c doctor.Cause) string { return c.Err.Error() },
	doctor.KindsMissing: func(c doctor.Cause) string { return "The cluster does not know " + list(c.Names) + "." },
	doctor.KindsServed:  func(c doctor.Cause) string { return "The cluster knows " + list(c.Names) + "." },
	doctor.NoOperator:   always[doctor.Cause]("No Deployment in the cluster has the label " + operatorLabel + ": no operator is installed."),
	doctor.NoneProven: func(c doctor.Cause) string {
		return fmt.Sprintf("No operator is installed. %d Deployment(s) have the label %s, but their service accounts may not %s.", c.Count, operatorLabel, doctor.Proof())
	},
	doctor.NamespacesShared: func(c doctor.Cause) string {
		return fmt.Sprintf("%d operators are installed, and %s work in the same namespaces, where they undo each other's writes.", c.Count, and(c.Names))
	},
	doctor.NamespacesUnwatched: func(c doctor.Cause) string {
		return "No operator works in the namespace " + list(c.Names) + ", because no operator has it in --watch-namespaces."
	},
	doctor.OperatorRuns: func(c doctor.Cause) string {
		return fmt.Sprintf("%d of %d pods run %s.", c.Available, c.Replicas, cmp.Or(c.Image, "unknown image"))
	},
	doctor.OperatorDown: func(c doctor.Cause) string {
		causes := append([]string{fmt.Sprintf("None of its %d pods is available.", c.Replicas)}, c.Names...)
		return strings.Join(causes, " ") + " Workers continue with their jobs, but changes take no effect."
	},
	doctor.RightsHeld: func(c doctor.Cause) string { return "You may use every command " + where(c.Namespace) + "." },
	doctor.RightsMissing: func(c doctor.Cause) string {
		commands := make([]string, 0, len(c.Uses))
		for _, use := range c.Uses {
			commands = append(commands, uses[use])
		}
		return fmt.Sprintf("You may not %s %s, so the cluster refuses these to you: %s.", list(c.Rights), where(c.Namespace), strings.Join(commands, "; "))
	},
	doctor.OperatorRightsHeld: always[doctor.Cause]("The operator has the rights it needs."),
	doctor.OperatorRightsMissing: func(c doctor.Cause) string {
		return fmt.Sprintf("The operator may not %s %s.", list(c.Rights), where(c.Namespace))
	},
	doctor.ImageUnseen: always[doctor.Cause]("No agent has checked its image yet."),
	doctor.ImageInOrder: func(c doctor.Cause) string {
		return fmt.Sprintf("All %d checks of its image and settings passed.", c.Count)
	},
	doctor.NoPool: func(c doctor.Cause) string { return "There is no QueueWorker " + where(c.Namespace) + "." },
	doctor.NoPoolSelected: func(c doctor.Cause) string {
		return fmt.Sprintf("No QueueWorker %s has the labels %s.", where(c.Namespace), c.Selector)
	},
	doctor.PoolInOrder: always[doctor.Cause]("As desired."),
	doctor.NotObserved: func(c doctor.Cause) string {
		return fmt.Sprintf("Its spec was changed %s ago, and the operator has not observed the change.", c.Age.Round(time.Second))
	},
	doctor.NeverUsed: func(c doctor.Cause) string { return "It has never had a job, and no job waits on " + c.Queue + "." },
}

func list(names []string) string { return strings.Join(names, ", ") }
