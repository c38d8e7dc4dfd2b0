// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
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
	command, files := "help", []string(nil)
	if len(arguments) > 0 {
		command, files = arguments[0], arguments[1:]
	}
	do, known := commands[command]
	if !known {
		fmt.Fprint(notes, usage)
		return fmt.Errorf("there is no command %q", command)
	}
	if command != "load-image" && len(files) > 0 {
		return fmt.Errorf("%s takes no arguments, but %q was given", command, files)
	}
	l, err := newLayout()
	if err != nil {
		return err
	}
	extendPath()
	return do(call{layout: l, files: files, out: out, say: reporter{notes}})
}

// A call is one command and everything it needs.
type call struct {
	layout layout
	files  []string // the images of load-image
	out    io.Writer
	say    reporter
}

func help(c call) error {
	_, err := fmt.Fprint(c.out, usage)
	return err
}

var commands = map[string]func(call) error{
	"help":       help,
	"--help":     help,
	"up":         func(c call) error { return up(c.layout, c.out, c.say) },
	"down":       func(c call) error { return down(c.layout, c.say) },
	"status":     func(c call) error { return status(c.layout, c.out) },
	"load-image": func(c call) error { return loadImages(c.layout, c.files, c.say) },
	"binaries": func(c call) error {
		bin, err := binaries(c.layout, c.say)
		if err == nil {
			fmt.Fprintln(c.out, bin)
		}
		return err
	},
}
