// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

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
)

// commanding is the common part of the commands that create a QueueCommand.
type commanding struct {
	deps    *Deps
	app     string
	dryRun  dryRun
	timeout time.Duration
}

func (c *commanding) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.app, "app", "", "QueueApp whose application is meant; not needed where the namespace has one.")
	cmd.Flags().DurationVar(&c.timeout, "timeout", 5*time.Minute, "How long to wait for the end; 0 means for ever. What runs is not stopped.")
	// It fails for a flag that does not exist; this flag exists.
	_ = cmd.RegisterFlagCompletionFunc("app", c.deps.CompleteApps(1))
}

// addWriteFlags adds the flags of a command that changes something.
func (c *commanding) addWriteFlags(cmd *cobra.Command) {
	c.addFlags(cmd)
	c.dryRun.addFlag(cmd)
}

// create creates a QueueCommand for the operator to carry out. Under a server-side dry
// run nothing is created.
func (c *commanding) create(ctx context.Context, cluster *Cluster, spec v1alpha1.QueueCommandSpec) (*v1alpha1.QueueCommand, error) {
	if spec.WorkerName == "" {
		spec.AppName = c.app
	}
	command := &v1alpha1.QueueCommand{
		ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, GenerateName: strings.ToLower(string(spec.Action)) + "-"},
		Spec:       spec,
	}
	err := cluster.Client.Create(ctx, command, c.dryRun.createOptions()...)
	if apierrors.IsInvalid(err) {
		return nil, Usage("the cluster refuses this: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("create a QueueCommand: %w", err)
	}
	return command, nil
}

// within limits all waiting for one command to --timeout.
func (c *commanding) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return within(ctx, c.timeout, c.timeout)
}

// end waits until a command has ended or ctx, which within made, is over. It returns an
// error if the command failed.
func (c *commanding) end(ctx context.Context, cluster *Cluster, command *v1alpha1.QueueCommand) error {
	err := until(ctx, "QueueCommand "+command.Name, func(ctx context.Context) (bool, string, error) {
		err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(command), command)
		if err != nil {
			err = fmt.Errorf("read QueueCommand %s: %w", command.Name, err)
		}
		seen := command.Status.Message
		if command.Status.State == "" {
			seen = "The operator has not taken it up; does it run?"
		}
		return err == nil && ended(command), seen, err
	})
	if err != nil {
		return err
	}
	if command.Status.State == v1alpha1.CommandFailed {
		return errors.New(view.CleanText(strings.TrimSpace(command.Status.Message)))
	}
	return nil
}

func ended(command *v1alpha1.QueueCommand) bool {
	return command.Status.State == v1alpha1.CommandSucceeded || command.Status.State == v1alpha1.CommandFailed
}

// do creates a command, waits for its end and shows its output.
func (c *commanding) do(ctx context.Context, spec v1alpha1.QueueCommandSpec, done string) error {
	cluster, err := c.deps.Connect()
	if err != nil {
		return err
	}
	return c.doIn(ctx, cluster, spec, done)
}

func (c *commanding) doIn(ctx context.Context, cluster *Cluster, spec v1alpha1.QueueCommandSpec, done string) error {
	if c.dryRun == dryRunClient {
		_, err := fmt.Fprintln(c.deps.Streams.Out, done+c.dryRun.suffix())
		return err
	}
	command, err := c.create(ctx, cluster, spec)
	if err != nil {
		return err
	}
	if !c.dryRun.is() {
		ctx, cancel := c.within(ctx)
		defer cancel()
		err = c.end(ctx, cluster, command)
		c.print(command.Status.Output)
		if err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(c.deps.Streams.Out, done+c.dryRun.suffix())
	return err
}

// print shows the output of a command.
func (c *commanding) print(text string) {
	if text = strings.TrimSpace(text); text != "" {
		fmt.Fprintln(c.deps.Streams.Out, view.CleanText(text))
	}
}
