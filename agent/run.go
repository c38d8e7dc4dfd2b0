// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"queueworker.dev/queueworker/agent/control"
	"queueworker.dev/queueworker/agent/output"
	"queueworker.dev/queueworker/agent/process"
	"queueworker.dev/queueworker/agent/report"
	"queueworker.dev/queueworker/agent/supervisor"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/runtimes"
)

// The agent shares the container's memory with its workers, so it trades a little CPU for
// a small heap. It runs one thread of Go code at a time. Because it reads output in
// batches, it is far from busy, and a second thread would cost more than it helps.
const (
	memoryLimit   = 10 << 20  // bytes, of the Go runtime; a soft limit
	perProcess    = 512 << 10 // additional bytes for the buffers of each process
	heapGrowth    = 50        // percent
	mostParallel  = 1
	lastLinesTime = time.Second // for writing the agent's own last lines
)

// run supervises workers until the pod ends and returns the exit code.
func run(p paths, command []string, version string) int {
	// First of all, because until then SIGTERM ends the agent without a final report.
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM, syscall.SIGINT)
	debug.SetGCPercent(heapGrowth)
	runtime.GOMAXPROCS(min(runtime.NumCPU(), mostParallel))
	// A closed stdout must not end the agent. SIGPIPE is handled, not ignored, because the
	// workers would inherit an ignored signal.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)

	stderr := output.NewSink(os.Stderr)
	lines := newLog(stderr)
	defer lines.close(lastLinesTime)
	log := lines.printf
	config, err := parseConfig(os.Getenv(protocol.ConfigEnv), command)
	if err != nil {
		log("%v", err)
		refuse(p, err)
		return exitUsage
	}
	debug.SetMemoryLimit(memoryLimit + int64(config.Processes)*perProcess)
	_ = os.Unsetenv(protocol.ConfigEnv) // hidden from the workers
	interrupted, err := supervise(p, config, version, ends, stderr, log)
	switch {
	case err != nil:
		log("%v", err)
		refuse(p, err)
		return exitFailed
	case interrupted:
		return protocol.CodeInterrupted
	}
	return exitOK
}

// refuse writes the final report of an agent that cannot work, with the counts of the
// containers before it.
func refuse(p paths, cause error) {
	past, _ := report.Load(p.state)
	_ = report.WriteFinal(p.terminationMessage, protocol.Final{
		Version: protocol.Version, Counters: past.Counters, Complete: true, Message: cause.Error(),
	})
}

// supervise runs until the pod ends, and reports whether its batch run was not over by
// then.
func supervise(p paths, config protocol.Config, version string, ends <-chan os.Signal, stderr *output.Sink, log func(string, ...any)) (interrupted bool, err error) {
	past, err := report.Load(p.state)
	if err != nil {
		log("%v; counts begin at zero", err)
	}
	listeners, err := report.Listen(p.listen)
	if err != nil {
		return false, err
	}
	reaper, err := process.NewReaper()
	if err != nil {
		return false, err
	}
	program := programs[runtimes.Name(config.Runtime)]
	keeper := report.NewKeeper(p.state, p.terminationMessage, log)
	executor := &supervisor.Executor{
		Reaper: reaper, Cgroup: process.OpenCgroup(p.cgroup), Program: program.open(config, log),
		Stdout: output.NewSink(os.Stdout), Stderr: stderr, Log: log, Changed: keeper.Changed,
	}
	executor.Begin(supervisor.New(settings(config, os.Getenv(protocol.PodNameEnv)), program.facts, past, time.Now()))
	keeper.Changed(executor.State(), true)

	report.NewServers(report.Source{
		State: executor.State, Agent: version, PodUID: os.Getenv(protocol.PodUIDEnv),
		Namespace: config.Namespace, Name: config.Name, App: config.App,
	}, filepath.Join(p.control, protocol.OperatorFile)).Serve(listeners, func(err error) {
		log("the agent no longer serves the status: %v", err)
	})
	listen(executor, ends, p.control)
	executor.Run()
	keeper.Close(executor.State())
	return executor.State().Interrupted(), nil
}

// listen turns signals and control documents into events.
func listen(executor *supervisor.Executor, ends <-chan os.Signal, dir string) {
	go func() {
		for range ends {
			executor.Tell(supervisor.Terminate{})
		}
	}()
	go control.Watch(context.Background(), dir, func(change control.Change) {
		event := supervisor.ControlRead{Document: change.Document}
		if change.Err != nil {
			event.Err = change.Err.Error()
		}
		executor.Tell(event)
	})
}
