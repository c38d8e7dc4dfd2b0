// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package queuecommand is what the commands are built on that let the operator carry out a
// QueueCommand, such as failed and once.
package queuecommand

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/cli"
)

// Command is the common part of the commands that create a QueueCommand.
type Command struct {
	Deps *cli.Deps
	// App is the QueueApp that --app names.
	App string
	// DryRun is the flag --dry-run.
	DryRun cli.DryRun
	// Timeout is the flag --timeout.
	Timeout time.Duration
}

// AddFlags adds the flags of every such command.
func (c *Command) AddFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.App, "app", "", "QueueApp of the application. You can leave it out if the namespace has one QueueApp.")
	cmd.Flags().DurationVar(&c.Timeout, "timeout", 5*time.Minute, "How long to wait for the end; 0 means for ever. The command is not stopped when the time is over.")
	// It fails for a flag that does not exist; this flag exists.
	_ = cmd.RegisterFlagCompletionFunc("app", c.Deps.CompleteApps(1))
}

// AddWriteFlags adds the flags of a command that changes something.
func (c *Command) AddWriteFlags(cmd *cobra.Command) {
	c.AddFlags(cmd)
	c.DryRun.AddFlag(cmd)
}

// Create creates a QueueCommand for the operator to carry out. Under a server-side dry
// run nothing is created.
func (c *Command) Create(ctx context.Context, cluster *cli.Cluster, spec v1alpha1.QueueCommandSpec) (*v1alpha1.QueueCommand, error) {
	if spec.WorkerName == "" {
		spec.AppName = c.App
	}
	command := &v1alpha1.QueueCommand{
		ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, GenerateName: strings.ToLower(string(spec.Action)) + "-"},
		Spec:       spec,
	}
	err := cluster.Client.Create(ctx, command, c.DryRun.CreateOptions()...)
	if apierrors.IsInvalid(err) {
		return nil, cli.Usage("the cluster refuses this: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("create a QueueCommand: %w", err)
	}
	return command, nil
}

// Within limits all waiting for one command to --timeout.
func (c *Command) Within(ctx context.Context) (context.Context, context.CancelFunc) {
	return cli.Within(ctx, c.Timeout, c.Timeout)
}

// End waits until a command has ended or ctx, which Within made, is over. It returns an
// error if the command failed.
func (c *Command) End(ctx context.Context, cluster *cli.Cluster, command *v1alpha1.QueueCommand) error {
	err := cli.Until(ctx, "QueueCommand "+command.Name, func(ctx context.Context) (bool, string, error) {
		err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(command), command)
		if err != nil {
			err = fmt.Errorf("read QueueCommand %s: %w", command.Name, err)
		}
		seen := command.Status.Message
		if command.Status.State == "" {
			seen = "The operator has not observed it; does it run?"
		}
		return err == nil && Ended(command), seen, err
	})
	if err != nil {
		return err
	}
	if command.Status.State == v1alpha1.CommandFailed {
		return errors.New(view.CleanText(strings.TrimSpace(command.Status.Message)))
	}
	return nil
}

// Ended reports whether a command has succeeded or failed.
func Ended(command *v1alpha1.QueueCommand) bool {
	return command.Status.State == v1alpha1.CommandSucceeded || command.Status.State == v1alpha1.CommandFailed
}

// Do creates a command, waits for its end and shows its output.
func (c *Command) Do(ctx context.Context, spec v1alpha1.QueueCommandSpec, done string) error {
	cluster, err := c.Deps.Connect()
	if err != nil {
		return err
	}
	return c.DoIn(ctx, cluster, spec, done)
}

// DoIn does the same as Do in a cluster that is connected already.
func (c *Command) DoIn(ctx context.Context, cluster *cli.Cluster, spec v1alpha1.QueueCommandSpec, done string) error {
	if c.DryRun == cli.DryRunClient {
		_, err := fmt.Fprintln(c.Deps.Streams.Out, done+c.DryRun.Suffix())
		return err
	}
	command, err := c.Create(ctx, cluster, spec)
	if err != nil {
		return err
	}
	if !c.DryRun.Is() {
		ctx, cancel := c.Within(ctx)
		defer cancel()
		err = c.End(ctx, cluster, command)
		c.Print(command.Status.Output)
		if err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(c.Deps.Streams.Out, done+c.DryRun.Suffix())
	return err
}

// Print shows the output of a command.
func (c *Command) Print(text string) {
	if text = strings.TrimSpace(text); text != "" {
		fmt.Fprintln(c.Deps.Streams.Out, view.CleanText(text))
	}
}

// Sure asks the user to confirm a deletion, unless a dry run deletes nothing.
func (c *Command) Sure(ctx context.Context, confirm *cli.Confirmation, danger string) error {
	if c.DryRun.Is() {
		return nil
	}
	return confirm.Ask(ctx, c.Deps, []string{danger})
}

// Validated calls do if the flags are valid.
func (c *Command) Validated(do func() error) error {
	if err := c.DryRun.Validate(); err != nil {
		return err
	}
	return do()
}
