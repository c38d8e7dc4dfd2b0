// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
)

const usage = `A real single-node Kubernetes on this machine.

Usage: cluster COMMAND

  up                    start the cluster; harmless when it is up already
  down                  stop it and remove everything it made
  status                say what runs; exit code 1 unless all of it does
  load-image FILE...    load images from docker-archive or OCI tar files
  binaries              build etcd, the Kubernetes components and kubectl if need
                        be, and print their directory

Environment:
  QUEUEWORKER_CLUSTER_DIR  state of the cluster; /var/lib/queueworker-cluster
  QUEUEWORKER_CACHE        built binaries and images; ~/.cache/queueworker
`

// run executes one command. Results for scripts go to out, progress to notes.
func run(arguments []string, out, notes io.Writer) error {
	if len(arguments) == 0 {
		return errors.New("no command given\n" + usage)
	}
	command, arguments := arguments[0], arguments[1:]
	if command == "help" || command == "-h" || command == "--help" {
		fmt.Fprint(out, usage)
		return nil
	}
	if command != "load-image" && len(arguments) > 0 {
		return fmt.Errorf("%s takes no arguments, but %q was given", command, arguments)
	}
	l, err := newLayout()
	if err != nil {
		return err
	}
	extendPath()
	say := reporter{notes}
	switch command {
	case "up":
		return up(l, out, say)
	case "down":
		return down(l, say)
	case "status":
		return status(l, out)
	case "load-image":
		return loadImages(l, arguments, say)
	case "binaries":
		bin, err := binaries(l, say)
		if err == nil {
			fmt.Fprintln(out, bin)
		}
		return err
	}
	return fmt.Errorf("there is no command %q\n%s", command, usage)
}
