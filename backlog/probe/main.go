// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/settings"
	"queueworker.dev/queueworker/gate"
)

// Exit codes of the probe.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// memory is the memory limit of the Go runtime, in bytes. It keeps a pod that only asks
// now and then from growing to the size that one large answer needed.
const memory = 16 << 20

// Main runs the probe until it receives SIGTERM or an interrupt, and returns the exit
// code.
func Main(arguments []string, version string) int {
	flags := flag.NewFlagSet("backlog", flag.ContinueOnError)
	var at gate.Addresses
	flags.StringVar(&at.Public, "listen", fmt.Sprintf(":%d", protocol.Port), "address to serve metrics on")
	flags.StringVar(&at.Health, "listen-health", fmt.Sprintf(":%d", protocol.HealthPort), "address to serve health on")
	flags.StringVar(&at.Operator, "listen-operator", fmt.Sprintf(":%d", protocol.OperatorPort), "address to serve the operator on, by TLS")
	pins := flags.String("operator-pins", protocol.ProbeOperatorFile, "file with the pins of the operator's keys")
	if err := flags.Parse(arguments); err != nil {
		return exitUsage
	}
	debug.SetMemoryLimit(memory)
	debug.SetGCPercent(50)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, at, *pins, version); err != nil {
		tell("%v", err)
		return exitFailed
	}
	return exitOK
}

// tell writes one line to the log.
func tell(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "queueworker-backlog: %s\n", strings.ReplaceAll(fmt.Sprintf(format, arguments...), "\n", " "))
}

func run(ctx context.Context, at gate.Addresses, pins, version string) error {
	config, environment, problem := configure(os.Environ())
	driver, problem := driverOf(config, environment, problem)
	if problem != nil {
		tell("%s", problem.Message)
	}
	if driver != nil {
		defer func() { _ = driver.Close() }()
	}
	failed := listFailed(config, environment, problem)
	ports, err := Listen(at)
	if err != nil {
		return err
	}
	servers := NewServers(New(driver, problem, tell), failed, Identity{
		Version: version, PodUID: os.Getenv(protocol.PodUIDEnv),
		Namespace: config.Namespace, App: config.App, Driver: config.Driver,
	}, pins)
	return serveUntil(ctx, servers, ports)
}

// serveUntil serves until ctx ends or a server fails.
func serveUntil(ctx context.Context, servers *gate.Servers, ports *gate.Ports) error {
	ended := make(chan error, len(servers.All()))
	servers.Serve(ports, func(err error) { ended <- err })
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	var failures []error
	for _, server := range servers.All() {
		if err := server.Shutdown(limited); !errors.Is(err, context.DeadlineExceeded) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// configure reads the configuration and the environment, or returns why it cannot.
func configure(environ []string) (protocol.ProbeConfig, settings.Environment, *backlog.Error) {
	variables := make(map[string]string, len(environ))
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		variables[name] = value
	}
	config, err := parseConfig(variables[protocol.ProbeEnv])
	environment := settings.NewEnvironment(variables, config.Variables)
	if err != nil {
		return config, environment, backlog.AsError(err, nil)
	}
	return config, environment, nil
}

// driverOf returns the driver, unless there is a problem already.
func driverOf(config protocol.ProbeConfig, environment settings.Environment, problem *backlog.Error) (backlog.Driver, *backlog.Error) {
	if problem != nil {
		return nil, problem
	}
	driver, err := open(config, environment)
	if err != nil {
		return nil, backlog.AsError(err, nil)
	}
	return driver, nil
}

// listFailed returns a Failed for the database where the application keeps its failed
// jobs, which need not be where its queues are. A configuration that cannot be read says
// nothing about either.
func listFailed(config protocol.ProbeConfig, environment settings.Environment, problem *backlog.Error) *Failed {
	if config.Version != protocol.Version {
		return NewFailed(nil, problem)
	}
	lister, err := openFailed(config, environment)
	if err != nil {
		return NewFailed(nil, backlog.AsError(err, nil))
	}
	return NewFailed(lister, nil)
}

func parseConfig(document string) (protocol.ProbeConfig, error) {
	var config protocol.ProbeConfig
	misconfigured := func(format string, arguments ...any) error {
		return backlog.Errorf(protocol.BacklogMisconfigured, format, arguments...)
	}
	if document == "" {
		return config, misconfigured("The environment variable %s is not set; it says what to ask, and the operator sets it.", protocol.ProbeEnv)
	}
	if json.Unmarshal([]byte(document), &config) != nil {
		return config, misconfigured("The environment variable %s holds no configuration of a backlog probe; the operator sets it.", protocol.ProbeEnv)
	}
	if config.Version != protocol.Version {
		return config, misconfigured("The configuration in %s has the version %d, and this probe understands %d: use the probe's image of the operator's own version.",
			protocol.ProbeEnv, config.Version, protocol.Version)
	}
	return config, nil
}
