// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package wording

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"queueworker.dev/queueworker/console/intent"
)

// Intent returns the text of what a command tells the user. The text of an outcome follows
// the name of the QueueWorker.
func Intent(m intent.Message) string { return intents[m.Code](m) }

type intentText = func(intent.Message) string

// intents are the texts of package intent.
var intents = merged(outcomes, notes, dangers, refusals, invalid)

func merged(groups ...map[intent.Code]intentText) map[intent.Code]intentText {
	all := map[intent.Code]intentText{}
	for _, group := range groups {
		maps.Copy(all, group)
	}
	return all
}

// command returns a command of the plugin about a QueueWorker, as a sentence quotes it.
func command(name string, arguments ...string) string {
	return "`kubectl queueworker " + strings.Join(append([]string{name}, arguments...), " ") + "`"
}

// worker returns a text about the one worker.
func worker(before, after string) intentText {
	return func(m intent.Message) string { return before + m.Pod + after }
}

// retired returns a text about a worker that leaves its pool, and the pool's new size if
// the size changes.
func retired(before, after string) intentText {
	return func(m intent.Message) string {
		text := before + "worker " + m.Pod + after
		if m.From != m.To {
			text += fmt.Sprintf("; spec.processes goes from %d to %d", m.From, m.To)
		}
		return text
	}
}

// bounded returns a text about the bounds of autoscaling.
func bounded(already string) intentText {
	return func(m intent.Message) string {
		return fmt.Sprintf("is %skept between %d and %d processes", already, m.Lowest, m.Highest)
	}
}

var outcomes = map[intent.Code]intentText{
	intent.Started:        always[intent.Message]("is started"),
	intent.NotStopped:     always[intent.Message]("is not stopped"),
	intent.Stopped:        always[intent.Message]("is stopped"),
	intent.AlreadyStopped: always[intent.Message]("is already stopped"),
	intent.Killed:         always[intent.Message]("is stopped at once"),
	intent.Paused:         always[intent.Message]("is paused"),
	intent.AlreadyPaused:  always[intent.Message]("is already paused"),
	intent.PausedUntil:    func(m intent.Message) string { return "is paused until " + m.Until.Format(time.RFC3339) },
	intent.Resumed:        always[intent.Message]("is resumed"),
	intent.NotPaused:      always[intent.Message]("is not paused"),
	intent.Restarted:      always[intent.Message]("restarts its processes, each after its current job"),
	intent.PodsReplaced:   always[intent.Message]("replaces its pods, one after the other"),
	intent.Scaled: func(m intent.Message) string {
		return fmt.Sprintf("goes from %d to %d processes", m.From, m.To)
	},
	intent.AlreadyScaled:   func(m intent.Message) string { return "already has " + processes(m.To) },
	intent.Bounded:         bounded(""),
	intent.AlreadyBounded:  bounded("already "),
	intent.RunRequested:    always[intent.Message]("is asked to start a run"),
	intent.WorkerRetired:   retired("removes ", ""),
	intent.AlreadyRetired:  retired("is already removing ", ""),
	intent.WorkerKilled:    retired("removes ", " at once"),
	intent.WorkerPaused:    worker("pauses worker ", ""),
	intent.PausedBefore:    worker("has already paused worker ", ""),
	intent.WorkerResumed:   worker("resumes worker ", ""),
	intent.WorkerNotPaused: worker("leaves worker ", " as it is: the worker itself is not paused"),
	intent.WorkerRestarted: worker("restarts worker ", ""),
}

var notes = map[intent.Code]intentText{
	intent.StillPaused: func(m intent.Message) string {
		return "It is paused and takes no jobs. " + command("resume", m.Worker) + " ends the pause."
	},
	intent.StillStopped: func(m intent.Message) string {
		return "It is stopped until you run " + command("start", m.Worker) + "."
	},
	intent.PoolPaused: func(m intent.Message) string {
		return "The whole pool is paused. " + command("resume", m.Worker) + " ends the pause."
	},
	intent.NoProcesses: func(m intent.Message) string {
		return "It has 0 processes. " + command("scale", m.Worker, "--processes N") + " changes that."
	},
	intent.NoneWhileStopped: func(m intent.Message) string {
		return "It is stopped and has no processes until you run " + command("start", m.Worker) + "."
	},
	intent.WholePods: func(m intent.Message) string {
		return fmt.Sprintf("A pod holds %d processes, so there will be %d.", m.PerPod, m.To)
	},
	intent.FromNextRun: always[intent.Message]("It is of mode Batch, so the size counts from the next run. A run that is under way keeps its size."),
	intent.ReplacedIfNeeded: func(m intent.Message) string {
		return "Autoscaling sets the size of QueueWorker " + m.Worker + ", so the operator replaces the worker if it is still needed."
	},
}

var dangers = map[intent.Code]intentText{intent.InterruptsJobs: interrupts}

// afterwards says what becomes of a job whose only try was interrupted.
const afterwards = "is lost to the queue; only `kubectl queueworker failed retry` puts it back, if the application keeps failed jobs."

// interrupts says which jobs a kill interrupts and what becomes of them.
func interrupts(m intent.Message) string {
	var out strings.Builder
	where := "QueueWorker " + m.Worker
	if m.Pod != "" {
		where = "worker " + m.Pod
	}
	fmt.Fprintf(&out, "This kills every process of %s now, in the middle of its job.", where)
	if len(m.Jobs) > 0 {
		fmt.Fprintf(&out, " These jobs ran when last seen: %s.", strings.Join(jobs(m), ", "))
	}
	out.WriteString(" An interrupted job runs again once its connection's retry_after has passed")
	switch m.Tries {
	case 0:
		out.WriteString(".")
	case 1:
		out.WriteString(", unless it has only one try. Here tries is 1, so an interrupted job counts as failed and " + afterwards)
	default:
		fmt.Fprintf(&out, ", if it has a try left of its %d; a job with tries=1 %s", m.Tries, afterwards)
	}
	return out.String()
}

func jobs(m intent.Message) []string {
	named := make([]string, 0, len(m.Jobs)+1)
	for _, job := range m.Jobs {
		name := job.Class
		if name == "" {
			name = "a job of unknown class"
		}
		if job.ID != "" {
			name += " " + job.ID
		}
		named = append(named, name+" on "+job.Worker)
	}
	if m.More > 0 {
		named = append(named, fmt.Sprintf("and %d more", m.More))
	}
	return named
}

var refusals = map[intent.Code]intentText{
	intent.ForeignPod: func(m intent.Message) string {
		return fmt.Sprintf("pod %s is no worker of QueueWorker %s; %s lists its workers", m.Pod, m.Worker, command("workers", m.Worker))
	},
	intent.PodLeaving: func(m intent.Message) string { return "pod " + m.Pod + " is already being deleted" },
	intent.PausedWithoutEnd: func(m intent.Message) string {
		return "QueueWorker " + m.Worker + " is paused without an end, so an end time has no effect; run " + command("resume", m.Worker) + " first"
	},
	intent.PauseInPast: always[intent.Message]("a pause must end in the future; --for takes a duration such as 30m or 2h"),
	intent.WorkerPauseHasNoEnd: func(m intent.Message) string {
		return "--for is for whole pools; a single worker stays paused until you run " + command("resume", m.Worker, "--worker", m.Pod)
	},
	intent.PodsOfOneWorker: func(m intent.Message) string {
		return "--pods replaces all pods of a pool, --worker restarts the processes of one pod; use one of them, or run " +
			command("stop", m.Worker, "--worker", m.Pod) + " and then scale up again"
	},
	intent.RunKeepsPods: func(m intent.Message) string {
		return fmt.Sprintf("QueueWorker %s is of mode Batch: the pods of a run live as long as the run, and the next run has new pods; %s restarts the processes in them, %s ends the run",
			m.Worker, command("restart", m.Worker), command("stop", m.Worker))
	},
	intent.RunKeepsWorkers: func(m intent.Message) string {
		return fmt.Sprintf("QueueWorker %s is of mode Batch: its run keeps its size to the end and would replace worker %s; %s makes the worker take no more jobs, %s ends the run",
			m.Worker, m.Pod, command("pause", "--worker", m.Pod), command("stop", m.Worker))
	},
	intent.SizeMissing:   always[intent.Message]("say how many processes: --processes N, or --min N and --max N if autoscaling sets the size"),
	intent.SizeAndBounds: always[intent.Message]("--processes is for a fixed size, --min and --max are for autoscaling; use one or the other"),
	intent.AutoscalingDecides: func(m intent.Message) string {
		return fmt.Sprintf("autoscaling sets the size of QueueWorker %s, between %d and %d processes, so spec.processes is ignored; change the bounds with %s",
			m.Worker, m.Lowest, m.Highest, command("scale", m.Worker, "--min N --max N"))
	},
	intent.NoBounds: func(m intent.Message) string {
		return fmt.Sprintf("QueueWorker %s has no autoscaling, so there are no bounds to change; set its size with %s, or add spec.autoscaling",
			m.Worker, command("scale", m.Worker, "--processes N"))
	},
	intent.BoundsCross: func(m intent.Message) string {
		return fmt.Sprintf("the minimum, %d, must not be above the maximum, %d; give both --min and --max", m.Lowest, m.Highest)
	},
	intent.NotBatch: func(m intent.Message) string {
		return "QueueWorker " + m.Worker + " is of mode Continuous and has no runs; `run` is for mode Batch"
	},
	intent.RunOfStopped: func(m intent.Message) string {
		return "QueueWorker " + m.Worker + " is stopped; run " + command("start", m.Worker) + " first"
	},
	intent.RunOfPaused: func(m intent.Message) string {
		return "QueueWorker " + m.Worker + " is paused, so no run can start; run " + command("resume", m.Worker) + " first"
	},
	intent.RunNotOver: func(m intent.Message) string {
		return fmt.Sprintf("run %s of QueueWorker %s is still under way, and a pool has one run at a time. This command waits for its end: kubectl wait --for=condition=Complete queueworker/%s --timeout=1h",
			m.Run, m.Worker, m.Worker)
	},
}
