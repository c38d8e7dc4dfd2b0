// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/cli/output"
	"queueworker.dev/queueworker/plugin/render"
	"queueworker.dev/queueworker/plugin/wording"
)

type createCommand struct {
	deps   *cli.Deps
	output output.Flags
	dryRun cli.DryRun
	// values holds, by path, a pointer to the value of each field's flag.
	values map[string]any
}

// NewCreateCommand returns `kubectl queueworker create`.
func NewCreateCommand(deps *cli.Deps) *cobra.Command {
	c := &createCommand{deps: deps, values: map[string]any{}}
	cmd := &cobra.Command{
		Use:   "create NAME --queue QUEUE",
		Short: "Create a pool of workers, or print its manifest",
		Long: `Create a QueueWorker. Write durations as 60s or 1h30m, and memory as 256Mi. A field that you do not set has
the default of the API. With --dry-run the command only prints the manifest, for Git.

The command applies: the same command again changes nothing, and with other flags it changes those fields of
the pool. It does not overwrite a field that another user or another command has set since.`,
		Example: `  kubectl queueworker create emails --queue high,default --processes 4 --timeout 60s --memory 256Mi --tries 3
  kubectl queueworker create reports --queue reports --min 0 --max 20 --target-wait 2m
  kubectl queueworker create nightly --queue reports --mode Batch --schedule "30 4 * * *" --time-zone Europe/Berlin
  kubectl queueworker create emails --queue emails --dry-run > emails.yaml`,
		GroupID:           cli.GroupSetUp,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, names []string) error {
			return c.run(cmd.Context(), names[0], cmd.Flags())
		},
	}
	c.addFlags(cmd.Flags())
	_ = cmd.RegisterFlagCompletionFunc("app", deps.CompleteApps(1))
	c.dryRun.AddFlag(cmd)
	c.output.AddFlags(cmd)
	return cmd
}

// addFlags adds a flag for each field of a pool.
func (c *createCommand) addFlags(flags *pflag.FlagSet) {
	for _, field := range intent.Fields() {
		flag := wording.Flags[field.Path]
		switch field.Kind {
		case intent.Text, intent.Duration, intent.Quantity:
			c.values[field.Path] = flags.String(flag.Name, "", flag.Usage)
		case intent.Number:
			c.values[field.Path] = flags.Int32(flag.Name, 0, flag.Usage)
		case intent.Switch:
			c.values[field.Path] = flags.Bool(flag.Name, false, flag.Usage)
		case intent.Durations:
			c.values[field.Path] = flags.StringSlice(flag.Name, nil, flag.Usage)
		case intent.Pairs:
			c.values[field.Path] = flags.StringArray(flag.Name, nil, flag.Usage)
		}
	}
}

func (c *createCommand) run(ctx context.Context, name string, flags *pflag.FlagSet) error {
	if err := c.validate(flags); err != nil {
		return err
	}
	object, err := c.manifest(name, flags)
	if err != nil {
		return cli.Usage("%w", err)
	}
	done := "is created"
	if c.dryRun == cli.DryRunClient {
		object.SetNamespace(c.namespace())
	} else if done, err = c.create(ctx, object); err != nil {
		return err
	}
	if c.output.Table() && !flags.Changed("output") {
		_, err := fmt.Fprintf(c.deps.Streams.Out, "QueueWorker %s %s%s\n", name, done, c.dryRun.Suffix())
		return err
	}
	return c.output.Print(c.deps.Streams.Out, c.deps.Streams.ErrOut, render.Created(object))
}

// validate checks --dry-run and the output format. A client-side dry run prints YAML by
// default, because the manifest is its only result.
func (c *createCommand) validate(flags *pflag.FlagSet) error {
	if err := c.dryRun.Validate(); err != nil {
		return err
	}
	if c.dryRun == cli.DryRunClient && c.output.Table() && !flags.Changed("output") {
		if err := flags.Set("output", "yaml"); err != nil {
			return fmt.Errorf("choose the format: %w", err)
		}
	}
	if err := c.output.Validate(); err != nil {
		return cli.Usage("%w", err)
	}
	return nil
}

// manifest returns a manifest with the fields whose flags were given.
func (c *createCommand) manifest(name string, flags *pflag.FlagSet) (*unstructured.Unstructured, error) {
	set := map[string]any{}
	for path, value := range c.values {
		if flags.Changed(wording.Flags[path].Name) {
			set[path] = value
		}
	}
	manifest, err := intent.Manifest(name, set)
	return &unstructured.Unstructured{Object: manifest}, wording.Error(err)
}

// namespace returns the namespace that --namespace names; a manifest for Git names no
// other.
func (c *createCommand) namespace() string {
	if named := c.deps.Flags.Namespace; named != nil {
		return *named
	}
	return ""
}

// create applies a QueueWorker and returns whether that created or changed it. It leaves
// alone a QueueWorker that was not made by this command.
func (c *createCommand) create(ctx context.Context, object *unstructured.Unstructured) (done string, err error) {
	cluster, err := c.deps.Connect()
	if err != nil {
		return "", err
	}
	return c.createIn(ctx, cluster, object)
}

func (c *createCommand) createIn(ctx context.Context, cluster *cli.Cluster, object *unstructured.Unstructured) (done string, err error) {
	name := object.GetName()
	object.SetNamespace(cluster.Namespace)
	before := &v1alpha1.QueueWorker{}
	err = cluster.Client.Get(ctx, client.ObjectKeyFromObject(object), before)
	exists := err == nil
	switch {
	case exists && !applied(before):
		return "", cli.Usage("QueueWorker %s exists already in the namespace %s, and create did not create it; `kubectl edit queueworker %s` changes it, `kubectl queueworker scale %s` changes its size",
			name, cluster.Namespace, name, name)
	case err != nil && !apierrors.IsNotFound(err):
		return "", fmt.Errorf("read QueueWorker %s: %w", name, err)
	}
	err = cluster.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), c.dryRun.ApplyOptions()...)
	switch {
	case apierrors.IsConflict(err):
		return "", cli.Usage("QueueWorker %s was changed since it was created, and this command would undo the change; leave these flags out or use the present values: %w", name, err)
	case apierrors.IsInvalid(err):
		return "", cli.Usage("the cluster refuses this QueueWorker: %w", err)
	case err != nil:
		return "", fmt.Errorf("create QueueWorker %s: %w", name, err)
	case !exists:
		return "is created", nil
	case object.GetGeneration() == before.Generation:
		return "is so already", nil
	}
	return "is changed", nil
}

// applied reports whether this command made a QueueWorker.
func applied(worker *v1alpha1.QueueWorker) bool {
	return slices.ContainsFunc(worker.ManagedFields, func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == v1alpha1.CLIFieldManager && entry.Operation == metav1.ManagedFieldsOperationApply
	})
}
