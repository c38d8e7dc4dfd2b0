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
func retired(after string) intentText {
	return func(m intent.Message) string {
		text := "lets worker " + m.Pod + " go" + after
		if m.From != m.To {
			text += fmt.Sprintf("; processes goes from %d to %d", m.From, m.To)
		}
		return text
	}
}

// bounded returns a text about the bounds of autoscaling.
func bounded(after string) intentText {
	return func(m intent.Message) string {
		return fmt.Sprintf("is kept between %d and %d processes", m.Lowest, m.Highest) + after
	}
}

var outcomes = map[intent.Code]intentText{
	intent.Started:        always[intent.Message]("is started"),
	intent.NotStopped:     always[intent.Message]("is not stopped"),
	intent.Stopped:        always[intent.Message]("is stopped"),
	intent.AlreadyStopped: always[intent.Message]("is stopped already"),
	intent.Killed:         always[intent.Message]("is stopped at once"),
	intent.Paused:         always[intent.Message]("is paused"),
	intent.AlreadyPaused:  always[intent.Message]("is paused already"),
	intent.PausedUntil:    func(m intent.Message) string { return "is paused until " + m.Until.Format(time.RFC3339) },
	intent.Resumed:        always[intent.Message]("is resumed"),
	intent.NotPaused:      always[intent.Message]("is not paused"),
	intent.Restarted:      always[intent.Message]("has its processes restarted, each after its current job"),
	intent.PodsReplaced:   always[intent.Message]("has its pods replaced, one after the other"),
	intent.Scaled: func(m intent.Message) string {
		return fmt.Sprintf("goes from %d to %d processes", m.From, m.To)
	},
	intent.AlreadyScaled:   func(m intent.Message) string { return fmt.Sprintf("has processes %d already", m.To) },
	intent.Bounded:         bounded(""),
	intent.AlreadyBounded:  bounded(" already"),
	intent.RunRequested:    always[intent.Message]("has a run asked for"),
	intent.WorkerRetired:   retired(""),
	intent.AlreadyRetired:  retired(" already"),
	intent.WorkerKilled:    retired(" at once"),
	intent.WorkerPaused:    worker("has worker ", " paused"),
	intent.PausedBefore:    worker("has worker ", " paused already"),
	intent.WorkerResumed:   worker("has worker ", " resumed"),
	intent.WorkerNotPaused: worker("has worker ", " not paused by itself"),
	intent.WorkerRestarted: worker("has worker ", " restarted"),
}

var notes = map[intent.Code]intentText{
	intent.StillPaused: func(m intent.Message) string {
		return "It is paused, so it takes no jobs; " + command("resume", m.Worker) + " ends that."
	},
	intent.StillStopped: func(m intent.Message) string {
		return "It is stopped, and stays so until " + command("start", m.Worker) + "."
	},
	intent.PoolPaused: func(m intent.Message) string {
		return "The pool is paused as a whole; " + command("resume", m.Worker) + " ends that."
	},
	intent.NoProcesses: func(m intent.Message) string {
		return "It has 0 processes; " + command("scale", m.Worker, "--processes N") + " gives it some."
	},
	intent.NoneWhileStopped: func(m intent.Message) string {
		return "It is stopped, and has no processes until " + command("start", m.Worker) + "."
	},
	intent.WholePods: func(m intent.Message) string {
		return fmt.Sprintf("A pod holds %d processes, so there will be %d.", m.PerPod, m.To)
	},
	intent.FromNextRun: always[intent.Message]("It is of mode Batch, so the size counts from the next run; a run that is on its way keeps the one it has."),
	intent.ReplacedIfNeeded: func(m intent.Message) string {
		return "Autoscaling sets the size of QueueWorker " + m.Worker + ", so the worker is replaced if it is still needed."
	},
}

var dangers = map[intent.Code]intentText{intent.InterruptsJobs: interrupts}

// afterwards says what becomes of a job whose only try was interrupted.
const afterwards = "is lost to the queue; only `kubectl queueworker failed retry` puts it back, where the application keeps failed jobs."

// interrupts says which jobs a kill interrupts and what becomes of them.
func interrupts(m intent.Message) string {
	var out strings.Builder
	where := "QueueWorker " + m.Worker
	if m.Pod != "" {
		where = "worker " + m.Pod
	}
	fmt.Fprintf(&out, "Every process of %s is killed now, in the middle of its job.", where)
	if len(m.Jobs) > 0 {
		fmt.Fprintf(&out, " Jobs running when last seen: %s.", strings.Join(jobs(m), ", "))
	}
	out.WriteString(" An interrupted job runs again once its connection's retry_after has passed")
	switch m.Tries {
	case 0:
		out.WriteString(".")
	case 1:
		out.WriteString(", unless it has one try: with tries=1, as here, it has failed then and " + afterwards)
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
		return fmt.Sprintf("pod %s belongs to no worker of QueueWorker %s; %s lists them", m.Pod, m.Worker, command("workers", m.Worker))
	},
	intent.PodLeaving: func(m intent.Message) string { return "pod " + m.Pod + " is being removed already" },
	intent.PausedWithoutEnd: func(m intent.Message) string {
		return "QueueWorker " + m.Worker + " is paused without an end, which a time would not change; " + command("resume", m.Worker) + " first"
	},
	intent.PauseInPast: always[intent.Message]("a pause must end in the future; --for takes a duration such as 30m or 2h"),
	intent.WorkerPauseHasNoEnd: func(m intent.Message) string {
		return "--for is for whole pools; a single worker stays paused until " + command("resume", m.Worker, "--worker", m.Pod)
	},
	intent.PodsOfOneWorker: func(m intent.Message) string {
		return "--pods replaces all pods of a pool, --worker restarts the processes of one; choose one of them, or " +
			command("stop", m.Worker, "--worker", m.Pod) + " and scale up again"
	},
	intent.RunKeepsPods: func(m intent.Message) string {
		return fmt.Sprintf("QueueWorker %s is of mode Batch: the pods of a run live as long as the run, and the next run has new ones; %s restarts the processes in them, %s ends the run",
			m.Worker, command("restart", m.Worker), command("stop", m.Worker))
	},
	intent.RunKeepsWorkers: func(m intent.Message) string {
		return fmt.Sprintf("QueueWorker %s is of mode Batch: its run would replace worker %s, and keeps its size to the end; %s has the worker take no more jobs, %s ends the run",
			m.Worker, m.Pod, command("pause", "--worker", m.Pod), command("stop", m.Worker))
	},
	intent.SizeMissing:   always[intent.Message]("say how many: --processes N, or --min N and --max N where autoscaling sets the size"),
	intent.SizeAndBounds: always[intent.Message]("--processes is for a fixed size, --min and --max are for autoscaling; use one or the other"),
	intent.AutoscalingDecides: func(m intent.Message) string {
		return fmt.Sprintf("autoscaling sets the size of QueueWorker %s, between %d and %d processes, so processes is ignored; move its bounds with %s",
			m.Worker, m.Lowest, m.Highest, command("scale", m.Worker, "--min N --max N"))
	},
	intent.NoBounds: func(m intent.Message) string {
		return fmt.Sprintf("QueueWorker %s has no autoscaling, so there are no bounds to move; set its size with %s, or add spec.autoscaling",
			m.Worker, command("scale", m.Worker, "--processes N"))
	},
	intent.BoundsCross: func(m intent.Message) string {
		return fmt.Sprintf("the minimum, %d, must not be above the maximum, %d; give both --min and --max", m.Lowest, m.Highest)
	},
	intent.NotBatch: func(m intent.Message) string {
		return "QueueWorker " + m.Worker + " runs all the time; `run` is for mode Batch"
	},
	intent.RunOfStopped: func(m intent.Message) string {
		return "QueueWorker " + m.Worker + " is stopped; " + command("start", m.Worker) + " first"
	},
	intent.RunOfPaused: func(m intent.Message) string {
		return "QueueWorker " + m.Worker + " is paused, which holds its runs; " + command("resume", m.Worker) + " first"
	},
	intent.RunNotOver: func(m intent.Message) string {
		return fmt.Sprintf("run %s of QueueWorker %s is not over; one at a time. This waits for it: kubectl wait --for=condition=Complete queueworker/%s --timeout=1h",
			m.Run, m.Worker, m.Worker)
	},
}
