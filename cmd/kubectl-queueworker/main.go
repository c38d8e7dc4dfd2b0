// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command kubectl-queueworker is the plugin behind `kubectl queueworker`. Under the name
// kubectl_complete-queueworker it answers kubectl's requests for completions.
package main

import (
	"os"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"queueworker.dev/queueworker/plugin"
)

// version is set by the linker.
var version = "dev"

func main() {
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	os.Exit(plugin.Main(os.Args, streams, version))
}
