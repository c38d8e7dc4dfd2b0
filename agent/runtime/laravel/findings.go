// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package laravel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/api/protocol"
)

// Findings returns what the facts and settings mean for a pool: whether each promise can
// be kept, and if not, why and what to do. Without an inspection it omits the findings
// about settings.
func Findings(config protocol.Config, facts Facts, inspection *Inspection) []protocol.Finding {
	if !facts.Known {
		return nil
	}
	out := []protocol.Finding{pcntl(facts), output(facts)}
	if inspection == nil {
		return append(out, bad(protocol.FindingSettingsReadable,
			"The application's settings could not be read by booting it from the worker's directory (vendor/autoload.php, bootstrap/app.php), so nothing is known of its connection, log and cache. See whether `php artisan about` works in the container."))
	}
	out = append(out, good(protocol.FindingSettingsReadable, "The application boots, and its settings were read."),
		memory(config, inspection), connection(inspection), logs(inspection), cache(inspection))
	if inspection.Driver != "" {
		out = append(out, blocking(config, inspection), retry(config, inspection))
	}
	return out
}

func good(kind, message string, arguments ...any) protocol.Finding {
	return protocol.Finding{Kind: kind, OK: true, Message: fmt.Sprintf(message, arguments...)}
}

func bad(kind, message string, arguments ...any) protocol.Finding {
	return protocol.Finding{Kind: kind, Message: fmt.Sprintf(message, arguments...)}
}

func pcntl(facts Facts) protocol.Finding {
	if !facts.Pcntl {
		return bad(protocol.FindingPcntl,
			"PHP lacks the pcntl extension: a worker cannot finish its job when it is stopped, and jobs have no timeout. Add it to the image, for example with docker-php-ext-install pcntl.")
	}
	return good(protocol.FindingPcntl, "PHP has pcntl: workers stop after their job, and timeouts work.")
}

// output describes what the agent can read from the worker's lines.
func output(facts Facts) protocol.Finding {
	framework := "Laravel"
	if facts.Version != "" {
		framework += " " + facts.Version
	}
	//exhaustive:ignore
	switch facts.Dialect() {
	case dialect.JSON:
		return good(protocol.FindingOutput, "%s prints JSON: jobs are counted exactly, with their ids and exceptions.", framework)
	case dialect.Text:
		return good(protocol.FindingOutput, "%s prints text in which a retried attempt looks like a failed job, and a released job like a finished job. From 11.27 on it prints JSON, which shows the difference.", framework)
	default:
		return good(protocol.FindingOutput, "%s prints lines in brackets: jobs are counted by class and id, without exceptions; a job that puts itself back counts as done. From 11.27 on it prints JSON, which tells more.", framework)
	}
}

func memory(config protocol.Config, inspection *Inspection) protocol.Finding {
	limit, known := phpBytes(inspection.MemoryLimit)
	switch {
	case !known:
		return good(protocol.FindingMemory, "PHP's memory_limit is %s.", inspection.MemoryLimit)
	case limit < 0:
		return bad(protocol.FindingMemory,
			"The application switches PHP's memory_limit off (ini_set in its code), so a job that leaks grows until the kernel kills the container. Remove that; workers get a limit of %s from spec.memory.", mebibytes(config.HeapLimitBytes))
	case limit < config.MemoryBytes:
		return bad(protocol.FindingMemory,
			"The application sets PHP's memory_limit to %s itself (ini_set in its code), below the pool's memory of %s: jobs die with a fatal error before they may use it. Remove that; workers get a limit of %s from spec.memory.",
			inspection.MemoryLimit, mebibytes(config.MemoryBytes), mebibytes(config.HeapLimitBytes))
	case limit > config.HeapLimitBytes:
		return bad(protocol.FindingMemory,
			"The application sets PHP's memory_limit to %s itself (ini_set in its code), above the %s that the container has room for, so the kernel may kill it first. Remove that, or raise spec.memory.",
			inspection.MemoryLimit, mebibytes(config.HeapLimitBytes))
	}
	return good(protocol.FindingMemory, "PHP's memory_limit of %s fits the pool's memory of %s.", mebibytes(limit), mebibytes(config.MemoryBytes))
}

// phpBytes parses a size in PHP's notation, such as 128M; -1 means no limit.
func phpBytes(text string) (int64, bool) {
	units := map[byte]int64{'k': 1 << 10, 'm': 1 << 20, 'g': 1 << 30}
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" {
		return 0, false
	}
	unit, ok := units[text[len(text)-1]]
	if ok {
		text = text[:len(text)-1]
	} else {
		unit = 1
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number > 1<<40 {
		return 0, false
	}
	return number * unit, true
}

func connection(inspection *Inspection) protocol.Finding {
	switch inspection.Driver {
	case "":
		return bad(protocol.FindingConnection, "config/queue.php has no connection %q; it has: %s. Set connection.name of the QueueApp to one of them, or leave it out for the application's default.",
			inspection.Connection, strings.Join(inspection.Connections, ", "))
	case "sync", "null", "deferred", "background":
		return bad(protocol.FindingConnection, "The connection %q has the driver %s, which keeps no queue: jobs run where they are dispatched, or never, and workers get none. Set QUEUE_CONNECTION, or connection.name of the QueueApp, to one that does.",
			inspection.Connection, inspection.Driver)
	}
	return good(protocol.FindingConnection, "Jobs come from the connection %q with the driver %s.", inspection.Connection, inspection.Driver)
}

// blockLeeway is the part of the grace period, in seconds, that a worker's wait for a job
// must leave.
const blockLeeway = 5

// blocking checks how long a worker waits in Redis, where no signal reaches it.
func blocking(config protocol.Config, inspection *Inspection) protocol.Finding {
	if inspection.Driver != "redis" || inspection.BlockFor == nil {
		return good(protocol.FindingBlockFor, "An idle worker does not wait in the backend, so it stops at once.")
	}
	wait := *inspection.BlockFor
	switch most := float64(max(config.GraceSeconds-blockLeeway, 1)); {
	case wait <= 0:
		return bad(protocol.FindingBlockFor, "block_for is 0: an idle worker waits in Redis for ever, where no signal reaches it, so it cannot be paused or stopped and is killed at the end of the grace period. Set block_for to a few seconds or null in config/queue.php.")
	case wait >= most:
		return bad(protocol.FindingBlockFor, "block_for is %s: an idle worker waits in Redis so long that it cannot stop within its grace period of %s. Set block_for to a few seconds or null in config/queue.php.",
			seconds(int64(wait*1000))+"s", time.Duration(config.GraceSeconds)*time.Second)
	case config.TimeoutSeconds > 0 && wait >= float64(config.TimeoutSeconds):
		return bad(protocol.FindingBlockFor, "block_for is %ss, not shorter than the timeout of %ds, which also ends an idle worker that waits. Set block_for to a few seconds or null in config/queue.php.",
			seconds(int64(wait*1000)), config.TimeoutSeconds)
	}
	return good(protocol.FindingBlockFor, "An idle worker waits in Redis for %ss at most, and stops after that.", seconds(int64(wait*1000)))
}

// retry compares a job's timeout with the time after which its connection hands it out
// again.
func retry(config protocol.Config, inspection *Inspection) protocol.Finding {
	switch after := inspection.RetryAfter; {
	case after == nil:
		return good(protocol.FindingRetryAfter, "The connection %q has no retry_after.", inspection.Connection)
	case config.TimeoutSeconds == 0:
		return bad(protocol.FindingRetryAfter, "timeout is 0s and retry_after of the connection %q is %ss: a job that runs longer is given to a second worker while it still runs. Set a timeout below retry_after.",
			inspection.Connection, seconds(int64(*after*1000)))
	case *after <= float64(config.TimeoutSeconds):
		return bad(protocol.FindingRetryAfter, "retry_after of the connection %q is %ss, not longer than the timeout of %ds: a slow job is given to a second worker while it still runs. Raise retry_after in config/queue.php, or lower timeout.",
			inspection.Connection, seconds(int64(*after*1000)), config.TimeoutSeconds)
	}
	return good(protocol.FindingRetryAfter, "retry_after of %ss is longer than the timeout of %ds.", seconds(int64(*inspection.RetryAfter*1000)), config.TimeoutSeconds)
}

// logs reports whether the application's log leaves the pod.
func logs(inspection *Inspection) protocol.Finding {
	var files []string
	for _, sink := range inspection.LogSinks {
		switch {
		case sink.toFile():
			files = append(files, sink.Stream)
		case !sink.toNothing():
			return good(protocol.FindingLogs, "The log channel %q writes to %s, which leaves the pod.", inspection.LogChannel, sink.name())
		}
	}
	if len(files) > 0 {
		slices.Sort(files)
		return bad(protocol.FindingLogs, "The log channel %q writes to %s inside the pod: exceptions of jobs do not appear in kubectl logs, and are lost with the pod. Set LOG_CHANNEL=stderr.",
			inspection.LogChannel, files[0])
	}
	if inspection.LogChannel == "" {
		return bad(protocol.FindingLogs, "No log channel is set (LOG_CHANNEL is null or empty), so exceptions of jobs are seen nowhere. Set LOG_CHANNEL=stderr.")
	}
	return bad(protocol.FindingLogs, "The log channel %q drops what is logged, so exceptions of jobs are seen nowhere. Set LOG_CHANNEL=stderr.", inspection.LogChannel)
}

func (s LogSink) toFile() bool {
	switch s.Driver {
	case "single", "daily":
		return !strings.HasPrefix(s.Stream, "php://")
	case "monolog":
		return strings.HasSuffix(s.Handler, `\StreamHandler`) && s.Stream != "" && !strings.HasPrefix(s.Stream, "php://") ||
			strings.HasSuffix(s.Handler, `\RotatingFileHandler`)
	}
	return false
}

func (s LogSink) toNothing() bool {
	return s.Driver == "" || s.Driver == "monolog" && strings.HasSuffix(s.Handler, `\NullHandler`)
}

// name names the target of a log that is not a file. It names no more than the kind of
// target, because an address may hold a secret.
func (s LogSink) name() string {
	if strings.HasPrefix(s.Stream, "php://") {
		return s.Stream
	}
	return fmt.Sprintf("the channel %q (%s)", s.Channel, s.Driver)
}

// cache reports whether all pods share the cache, on which `queue:restart`, unique jobs
// and rate limits depend.
func cache(inspection *Inspection) protocol.Finding {
	switch inspection.CacheDriver {
	case "file", "array", "null", "apc":
		return bad(protocol.FindingCache, "The cache store %q has the driver %s, which each pod has for itself: queue:restart, unique jobs, overlapping locks and rate limits do not reach other pods. Use a store that all share, such as redis or database.",
			inspection.CacheStore, inspection.CacheDriver)
	}
	return good(protocol.FindingCache, "The cache store %q with the driver %s is shared by all pods.", inspection.CacheStore, inspection.CacheDriver)
}

func mebibytes(bytes int64) string { return strconv.FormatInt(bytes>>20, 10) + "Mi" }
