// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/console/view"
)

// dryRun says how far a command that writes goes.
type dryRun string

const (
	// dryRunNone writes.
	dryRunNone dryRun = "none"
	// dryRunClient says what would be written, and asks the cluster nothing more.
	dryRunClient dryRun = "client"
	// dryRunServer lets the cluster check what would be written, and writes nothing.
	dryRunServer dryRun = "server"
)

func (d *dryRun) addFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar((*string)(d), "dry-run", string(dryRunNone), "none, client (say what would be done) or server (have the cluster check it), without doing it.")
	cmd.Flags().Lookup("dry-run").NoOptDefVal = string(dryRunClient)
	// It fails for a flag that does not exist; this flag exists.
	_ = cmd.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions([]string{string(dryRunNone), string(dryRunClient), string(dryRunServer)}, cobra.ShellCompDirectiveNoFileComp))
}

func (d *dryRun) validate() error {
	switch *d {
	case "":
		*d = dryRunNone
	case dryRunNone, dryRunClient, dryRunServer:
	default:
		return Usage("--dry-run must be none, client or server, not %q", string(*d))
	}
	return nil
}

// is reports whether nothing will be written.
func (d *dryRun) is() bool { return *d == dryRunClient || *d == dryRunServer }

// options returns the options of a patch.
func (d *dryRun) options() []client.PatchOption {
	if *d == dryRunServer {
		return []client.PatchOption{client.DryRunAll}
	}
	return nil
}

// createOptions returns the options of a creation.
func (d *dryRun) createOptions() []client.CreateOption {
	if *d == dryRunServer {
		return []client.CreateOption{client.DryRunAll}
	}
	return nil
}

// applyOptions returns the options of an apply.
func (d *dryRun) applyOptions() []client.ApplyOption {
	if *d == dryRunServer {
		return []client.ApplyOption{client.DryRunAll}
	}
	return nil
}

// suffix returns a note, for the end of a message, that a dry run changed nothing.
func (d *dryRun) suffix() string {
	if d.is() {
		return " (" + string(*d) + " dry run: nothing was changed)"
	}
	return ""
}

// confirmation is the flag --yes, and the question that it answers.
type confirmation struct{ yes bool }

func (c *confirmation) addFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&c.yes, "yes", "y", false, "Do not ask.")
}

// ask prints what may be destroyed and needs a confirmation: --yes, or a yes typed at a
// terminal.
func (c *confirmation) ask(ctx context.Context, deps *Deps, dangers []string) error {
	for _, danger := range dangers {
		fmt.Fprintln(deps.Streams.ErrOut, "warning: "+view.Clean(danger))
	}
	if c.yes {
		return nil
	}
	if !printers.IsTerminal(deps.Streams.In) {
		return Usage("nothing was done: this needs a yes, and nobody is at a terminal to say it; give --yes if it is meant")
	}
	fmt.Fprint(deps.Streams.ErrOut, "Type yes to go on: ")
	answer, err := typed(ctx, bufio.NewReader(deps.Streams.In))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil || !strings.EqualFold(answer, "yes"):
		return Usage("nothing was done")
	}
	return nil
}

// typed returns the next line that a user types, without the blanks around it. It returns
// when ctx ends, because a blocked read does not notice Ctrl-C.
func typed(ctx context.Context, in *bufio.Reader) (string, error) {
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
