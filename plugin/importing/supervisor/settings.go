// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"strings"

	"queueworker.dev/queueworker/plugin/importing/flags"
)

const (
	logs     = "the output of a worker is the log of its container, which the kubelet rotates: kubectl logs"
	restarts = "the agent restarts a process at once, waits longer after each crash, up to a limit, and never gives up"
)

// withoutField are the settings that no field takes, and why none is needed.
var withoutField = map[string]string{
	"process_name":            "pods have their own names",
	"numprocs_start":          "processes have no numbers",
	"directory":               "the working directory of the image is used; set workingDir in the QueueApp's template if the application lies elsewhere",
	"umask":                   "no field sets it, and the image's entry point does not run; set it in a wrapper script, as the command of the container in the QueueApp's template",
	"priority":                "all pools start at the same time; the field priority only orders pools under maxProcesses of the QueueApp",
	"startsecs":               restarts,
	"startretries":            restarts,
	"exitcodes":               restarts,
	"stopasgroup":             "all processes of a pod end with it",
	"killasgroup":             "all processes of a pod end with it",
	"redirect_stderr":         "stdout and stderr both go to the log of the container",
	"stdout_logfile":          logs,
	"stdout_logfile_maxbytes": logs,
	"stdout_logfile_backups":  logs,
	"stdout_capture_maxbytes": logs,
	"stdout_events_enabled":   logs,
	"stdout_syslog":           logs,
	"stderr_logfile":          logs,
	"stderr_logfile_maxbytes": logs,
	"stderr_logfile_backups":  logs,
	"stderr_capture_maxbytes": logs,
	"stderr_events_enabled":   logs,
	"stderr_syslog":           logs,
	"serverurl":               "the API server takes its place",
}

// carried are the settings that are read elsewhere.
var carried = map[string]bool{"command": true, "numprocs": true, "autostart": true, "environment": true}

// setting notes what became of one setting of a program.
func (b *builder) setting(given setting) {
	latest, _ := b.program.section.get(given.key)
	if latest != given {
		b.note(given.line, false, show(given), "the setting is repeated below, and the last one counts")
		return
	}
	if carried[given.key] {
		return
	}
	switch given.key {
	case "autorestart":
		b.autorestart(given)
	case "stopsignal":
		b.stopsignal(given)
	case "stopwaitsecs":
		if b.program.stopWait >= 0 {
			if outcome := flags.Grace(&b.pool.Spec, b.program.stopWait); outcome.Why != "" {
				b.note(given.line, outcome.Warning, show(given), outcome.Why)
			}
		}
	case "user":
		if b.worker.User == "" {
			b.runAs(given)
		}
	default:
		why, known := withoutField[given.key]
		if !known {
			why = "Supervisor has no such setting"
		}
		b.note(given.line, !known, show(given), why)
	}
}

func (b *builder) autorestart(given setting) {
	switch strings.ToLower(given.value) {
	case "unexpected":
		b.note(given.line, false, show(given), "the agent also starts another process after a normal end, for example after max-jobs")
	default:
		if truth, ok := truths[strings.ToLower(given.value)]; ok && !truth {
			b.note(given.line, true, show(given), "the agent always starts another process; for workers that end when their queues are empty, set mode: Batch")
		}
	}
}

func (b *builder) stopsignal(given setting) {
	switch strings.TrimPrefix(strings.ToUpper(given.value), "SIG") {
	case "TERM", "QUIT", "INT", "15", "3", "2":
		// To a worker they all mean the same.
	default:
		b.note(given.line, true, show(given), "the agent always sends SIGTERM, after which a worker finishes its job and ends")
	}
}

// show returns a setting as its file has it, shortened.
func show(given setting) string {
	return given.key + "=" + strings.ReplaceAll(shorten(given.value), "\n", " ")
}
