// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"queueworker.dev/queueworker/plugin/intent"
	"queueworker.dev/queueworker/plugin/output"
	"queueworker.dev/queueworker/plugin/view"
)

type createCommand struct {
	deps   *Deps
	output output.Flags
	dryRun dryRun
	values map[string]any
}

// NewCreateCommand is `kubectl queueworker create`.
func NewCreateCommand(deps *Deps) *cobra.Command {
	c := &createCommand{deps: deps, values: map[string]any{}}
	cmd := &cobra.Command{
		Use:   "create NAME --queue QUEUE",
		Short: "Create a pool of workers, or print its manifest",
		Long: `Create a QueueWorker. Durations are written as 60s or 1h30m, memory as 256Mi; what is not set has
the default of the API. With --dry-run=client -o yaml nothing is created and the manifest is printed,
for Git.`,
		Example: `  kubectl queueworker create emails --queue high,default --processes 4 --timeout 60s --memory 256Mi --tries 3
  kubectl queueworker create reports --queue reports --min 0 --max 20 --target-wait 2m
  kubectl queueworker create emails --queue emails --dry-run=client -o yaml > emails.yaml`,
		GroupID:           groupSetUp,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, names []string) error {
			return c.run(cmd.Context(), names[0], cmd.Flags())
		},
	}
	c.addFlags(cmd.Flags())
	_ = cmd.RegisterFlagCompletionFunc("app", deps.CompleteApps(1))
	c.dryRun.addFlag(cmd)
	c.output.AddFlags(cmd)
	return cmd
}

// addFlags adds a flag for each option of a pool.
func (c *createCommand) addFlags(flags *pflag.FlagSet) {
	for _, option := range intent.Options() {
		switch option.Kind {
		case intent.Text:
			c.values[option.Flag] = flags.String(option.Flag, "", option.Usage)
		case intent.Number:
			c.values[option.Flag] = flags.Int64(option.Flag, 0, option.Usage)
		case intent.Switch:
			c.values[option.Flag] = flags.Bool(option.Flag, false, option.Usage)
		case intent.Texts:
			c.values[option.Flag] = flags.StringSlice(option.Flag, nil, option.Usage)
		case intent.Pairs:
			c.values[option.Flag] = flags.StringArray(option.Flag, nil, option.Usage)
		}
	}
}

func (c *createCommand) run(ctx context.Context, name string, flags *pflag.FlagSet) error {
	if err := c.dryRun.validate(); err != nil {
		return err
	}
	if err := c.output.Validate(); err != nil {
		return Usage("%w", err)
	}
	set := map[string]any{}
	for flag, value := range c.values {
		if flags.Changed(flag) {
			set[flag] = value
		}
	}
	manifest, err := intent.Manifest(name, set)
	if err != nil {
		return Usage("%w", err)
	}
	object := &unstructured.Unstructured{Object: manifest}
	if c.dryRun != dryRunClient {
		if err := c.create(ctx, object); err != nil {
			return err
		}
	}
	if !flags.Changed("output") {
		_, err := fmt.Fprintf(c.deps.Streams.Out, "QueueWorker %s is created%s\n", name, c.dryRun.suffix())
		return err
	}
	return c.output.Print(c.deps.Streams.Out, c.deps.Streams.ErrOut, view.Created(object))
}

func (c *createCommand) create(ctx context.Context, object *unstructured.Unstructured) error {
	cluster, err := c.deps.Connect()
	if err != nil {
		return err
	}
	object.SetNamespace(cluster.Namespace)
	err = cluster.Client.Create(ctx, object, c.dryRun.createOptions()...)
	switch {
	case apierrors.IsAlreadyExists(err):
		return fmt.Errorf("QueueWorker %s exists already in the namespace %s; `kubectl edit queueworker %s` changes it, `kubectl queueworker scale %s` its size",
			object.GetName(), cluster.Namespace, object.GetName(), object.GetName())
	case apierrors.IsInvalid(err):
		return Usage("the cluster refuses this QueueWorker: %w", err)
	case err != nil:
		return fmt.Errorf("create QueueWorker %s: %w", object.GetName(), err)
	}
	return nil
}
