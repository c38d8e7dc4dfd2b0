// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"

	"queueworker.dev/queueworker/console/view"
)

// Confirmation is the flag --yes, and the question that it answers.
type Confirmation struct{ Yes bool }

// AddFlag adds the flag to a command.
func (c *Confirmation) AddFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&c.Yes, "yes", "y", false, "Do not ask.")
}

// Ask prints what may be destroyed and needs a confirmation: --yes, or a yes typed at a
// terminal.
func (c *Confirmation) Ask(ctx context.Context, deps *Deps, dangers []string) error {
	for _, danger := range dangers {
		fmt.Fprintln(deps.Streams.ErrOut, "warning: "+view.Clean(danger))
	}
	if c.Yes {
		return nil
	}
	if !printers.IsTerminal(deps.Streams.In) {
		return Usage("nothing was done: this command asks for a yes, but standard input is no terminal; add --yes to confirm")
	}
	fmt.Fprint(deps.Streams.ErrOut, "Type yes to go on: ")
	answer, err := Typed(ctx, bufio.NewReader(deps.Streams.In))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil || !strings.EqualFold(answer, "yes"):
		return Usage("nothing was done")
	}
	return nil
}

// Typed returns the next line that a user types, without the blanks around it. It returns
// when ctx ends, because a blocked read does not notice Ctrl-C.
func Typed(ctx context.Context, in *bufio.Reader) (string, error) {
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := in.ReadString('\n')
		read <- line{strings.TrimSpace(text), err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case line := <-read:
		return line.text, line.err
	}
}
