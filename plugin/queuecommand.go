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
	"queueworker.dev/queueworker/plugin/view"
)

// commanding is what the commands that go by way of a QueueCommand have in common.
type commanding struct {
	deps    *Deps
	app     string
	dryRun  dryRun
	timeout time.Duration
}

func (c *commanding) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.app, "app", "", "QueueApp whose application is meant; not needed where the namespace has one.")
	cmd.Flags().DurationVar(&c.timeout, "timeout", 5*time.Minute, "How long to wait for the end; 0 means for ever. What runs is not stopped.")
	// It fails for a flag that does not exist, which it does.
	_ = cmd.RegisterFlagCompletionFunc("app", c.deps.CompleteApps(1))
}

// addWriteFlags adds what a command needs that changes something.
func (c *commanding) addWriteFlags(cmd *cobra.Command) {
	c.addFlags(cmd)
	c.dryRun.addFlag(cmd)
}

// create has the operator do something; what is returned is on its way, or under a
// dry run nothing.
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

// within bounds all of the waiting for one command by --timeout.
func (c *commanding) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return within(ctx, c.timeout, c.timeout)
}

// end waits until a command has ended, or until ctx, made by within, has; it returns an error
// if the command failed.
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

// do has something done and waits for it. What it printed is shown.
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

// print shows what a command printed.
func (c *commanding) print(text string) {
	if text = strings.TrimSpace(text); text != "" {
		fmt.Fprintln(c.deps.Streams.Out, view.CleanText(text))
	}
}
