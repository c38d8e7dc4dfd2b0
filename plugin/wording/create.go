// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package wording

import (
	"fmt"
	"strings"

	"queueworker.dev/queueworker/console/intent"
)

// Flag is the flag of `create` that sets a field.
type Flag struct{ Name, Usage string }

// Flags are the flags of `create`, by the path of their field.
var Flags = map[string]Flag{
	"queue":                    {"queue", "Queue to take jobs from, or several queues in priority order such as high,default. Required."},
	"appName":                  {"app", "QueueApp to run in. You can leave it out if the namespace has one QueueApp."},
	"processes":                {"processes", "Number of worker processes, 0 to 1000 (default 1)."},
	"processesPerPod":          {"processes-per-pod", "Number of processes that share a pod, 1 to 64 (default 1)."},
	"autoscaling.minProcesses": {"min", "Autoscaling: the minimum number of processes; 0 is allowed (default 1)."},
	"autoscaling.maxProcesses": {"max", "Autoscaling: the maximum number of processes. Turns autoscaling on."},
	"autoscaling.targetWait":   {"target-wait", "Autoscaling: how long a job may wait (default 60s)."},
	"timeout":                  {"timeout", "How long one job may run (default 60s)."},
	"memory":                   {"memory", "How much memory one process may use, such as 256Mi (default 128Mi)."},
	"sleep":                    {"sleep", "How long an idle worker waits before it asks for a job again (default 3s)."},
	"rest":                     {"rest", "How long a worker pauses after every job (default 0s)."},
	"tries":                    {"tries", "How many times a job is attempted; 0 means without limit (default 1)."},
	"backoff":                  {"backoff", "How long a job that threw an exception waits before each further attempt, such as 10s,60s."},
	"maxJobs":                  {"max-jobs", "Number of jobs after which a process is replaced; 0 means never (default 0)."},
	"maxTime":                  {"max-time", "Time after which a process is replaced; 0s means never (default 0s)."},
	"maxExceptions":            {"max-exceptions", "Number of final failures in a row after which a process is restarted; 0 means never (default 0)."},
	"recycle":                  {"recycle", "Process or Pod: which of them is replaced after --max-jobs or --max-time (default Process)."},
	"gracePeriod":              {"grace-period", "How long a pod that is being deleted may take to finish its jobs (default timeout + rest + 15s)."},
	"mode":                     {"mode", "Continuous: workers run all the time. Batch: workers end when the queues are empty (default Continuous)."},
	"batch.schedule":           {"schedule", "Batch: when runs start, as in a CronJob, such as \"30 4 * * *\" (default one run when the pool is created)."},
	"batch.timeZone":           {"time-zone", "Batch: the time zone of --schedule, such as Europe/Berlin (default UTC)."},
	"batch.waitForDelayed":     {"wait-for-delayed", "Batch: a run continues until delayed jobs are done too (default true)."},
	"priority":                 {"priority", "Pools with a higher priority get processes first if the QueueApp's maxProcesses is reached (default 0)."},
	"priorityClassName":        {"priority-class", "PriorityClass of the pods. Another one than the template's must be permitted by poolsMay of the QueueApp."},
	"cpu":                      {"cpu", "CPU request of one process, such as 250m."},
	"env":                      {"env", "Environment variable NAME=VALUE of this pool's workers; may be repeated. Values from a Secret belong in the QueueApp."},
	"force":                    {"force", "Take jobs even while the application is in maintenance mode."},
	"verbose":                  {"verbose", "Make the workers print more, such as job ids."},
	"paused":                   {"paused", "Create the pool paused."},
	"stopped":                  {"stopped", "Create the pool stopped."},
}

// flagOf returns the name of a field's flag, as a sentence has it.
func flagOf(m intent.Message) string { return "--" + Flags[m.Field].Name }

// invalid are the refusals of a new QueueWorker.
var invalid = map[intent.Code]intentText{
	intent.NameInvalid: func(m intent.Message) string {
		return fmt.Sprintf("%q cannot be the name of a QueueWorker: use lower-case letters, digits, hyphens and dots, at most %d characters", m.Given, m.Limit)
	},
	intent.QueueMissing:       always[intent.Message]("name the queue: --queue emails, or several queues in priority order: --queue high,default"),
	intent.MaximumMissing:     always[intent.Message]("autoscaling needs --max, the maximum number of processes"),
	intent.ProcessesAndBounds: always[intent.Message]("--processes is for a fixed size, --max is for autoscaling; use one or the other"),
	intent.BatchMissing:       always[intent.Message]("--schedule, --time-zone and --wait-for-delayed are for runs; add --mode Batch"),
	intent.ValueMissing:       func(m intent.Message) string { return flagOf(m) + " has no value" },
	intent.NotDuration: func(m intent.Message) string {
		return fmt.Sprintf("%s must be a duration such as 60s or 1h30m, not %q", flagOf(m), m.Given)
	},
	intent.NotQuantity: func(m intent.Message) string {
		return fmt.Sprintf("%s must be an amount such as 256Mi or 250m, not %q", flagOf(m), m.Given)
	},
	intent.NotAmongWords: func(m intent.Message) string {
		return fmt.Sprintf("%s must be %s, not %q", flagOf(m), strings.Join(m.Words, " or "), m.Given)
	},
	intent.NotPair: func(m intent.Message) string { return fmt.Sprintf("%s takes NAME=VALUE, not %q", flagOf(m), m.Given) },
}
