// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command pin gives every base image of a Dockerfile the digest that its tag has now in
// its registry:
//
//	go -C hack/images run ./pin ../../Dockerfile
//	go -C hack/images run ./pin --check ../../Dockerfile
//
// With --check it changes nothing, asks no registry and fails if an image has no digest.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pin: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, out io.Writer) error {
	flags := flag.NewFlagSet("pin", flag.ContinueOnError)
	check := flags.Bool("check", false, "only fail if an image has no digest")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("give one Dockerfile")
	}
	file := flags.Arg(0)
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if *check {
		return everyPinned(string(old))
	}
	pinned, changes, err := pin(string(old), func(reference string) (string, error) { return digestOf(ctx, reference) })
	if err != nil {
		return err
	}
	for _, change := range changes {
		fmt.Fprintln(out, change)
	}
	if pinned == string(old) {
		fmt.Fprintln(out, "Every base image has the newest digest of its tag.")
		return nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(pinned), info.Mode().Perm())
}
