// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

const usage = `Build container images as docker-archive files; prints their paths.

Usage: images --out DIRECTORY [--tag TAG] IMAGE...

An IMAGE is one of
  operator, agent, backlog
                    the product's programs, as docker.io/queueworker/NAME:TAG
  pause             what holds a pod's namespaces in hack/cluster
  demo              a Laravel application on Debian, with redis-server; also built
                    as TAG2 in the same file, which differs in one file, for rollouts
  NAME=PACKAGE      any Go package of the checkout (path from its root) as a
                    static binary in an image without a shell, run by user 65532;
                    NAME=PACKAGE@UID for another user

Flags:
`

// options are the options and arguments of the command line.
type options struct {
	out, tag string
	targets  []string
}

func parse(arguments []string, notes io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	flags.SetOutput(notes)
	flags.Usage = func() { fmt.Fprint(notes, usage); flags.PrintDefaults() }
	flags.StringVar(&o.out, "out", "", "directory for the files (required)")
	flags.StringVar(&o.tag, "tag", "dev", "tag of the images")
	if err := flags.Parse(arguments); err != nil {
		return options{}, err
	}
	o.targets = flags.Args()
	if o.out == "" || len(o.targets) == 0 {
		return options{}, fmt.Errorf("give --out and at least one image\n%s", usage)
	}
	return o, nil
}

// run builds each target and prints the file of each image to out.
func run(arguments []string, out, notes io.Writer) error {
	o, err := parse(arguments, notes)
	if err != nil {
		return err
	}
	w, err := newWorkshop(notes)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	for _, target := range o.targets {
		started := time.Now()
		images, err := w.build(target, o.tag)
		if err != nil {
			return fmt.Errorf("build image %s: %w", target, err)
		}
		file := filepath.Join(o.out, images[0].name+"_"+o.tag+".tar")
		if err := write(file, images); err != nil {
			return fmt.Errorf("write %s: %w", file, err)
		}
		fmt.Fprintln(out, file)
		w.step("built %s in %s", target, time.Since(started).Round(10*time.Millisecond))
	}
	return nil
}
