// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"queueworker.dev/queueworker/plugin/cli"
)

// completer is the prefix of the name under which kubectl looks for a program that
// completes a plugin's arguments.
const completer = "kubectl_complete-"

// Main runs the command line, program name first, and returns the exit code.
func Main(arguments []string, streams genericiooptions.IOStreams, version string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program if it is slow to obey the first

	deps := cli.NewDeps(streams, version)
	root := NewRootCommand(deps)
	root.SetArgs(arguments[1:])
	if strings.HasPrefix(filepath.Base(arguments[0]), completer) {
		root.SetArgs(append([]string{"__complete"}, arguments[1:]...))
	}
	err := root.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil {
		return cli.CodeInterrupted
	}
	return cli.Tell(deps.Streams.ErrOut, err)
}
