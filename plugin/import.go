// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/importing/files"
	"queueworker.dev/queueworker/plugin/importing/horizon"
	"queueworker.dev/queueworker/plugin/importing/manifest"
	"queueworker.dev/queueworker/plugin/importing/supervisor"
)

// NewImportCommand returns `kubectl queueworker import`.
func NewImportCommand(deps *cli.Deps) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "import",
		Short:   "Make QueueWorkers from the configuration of Supervisor or Horizon",
		Long:    "Make QueueApps and QueueWorkers from a configuration that runs queue workers elsewhere.\nThe command reads the files and never executes them, and it does not ask the cluster. It\nprints YAML, with a comment for each line that it could not translate. Read the YAML, then\napply it with `kubectl apply -f -`.",
		GroupID: cli.GroupSetUp,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newImportSupervisorCommand(deps), newImportHorizonCommand(deps))
	return cmd
}

func newImportSupervisorCommand(deps *cli.Deps) *cobra.Command {
	i := &importCommand{deps: deps}
	cmd := &cobra.Command{
		Use:     "supervisor FILE...",
		Short:   "Make QueueWorkers from a Supervisor configuration",
		Example: "  kubectl queueworker import supervisor /etc/supervisor/conf.d/*.conf --image=registry.example.com/shop:1.4 | kubectl apply -f -",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			return i.run(cmd.Context(), func() (manifest.Draft, error) {
				directory, err := os.Getwd()
				if err != nil {
					return manifest.Draft{}, fmt.Errorf("find the working directory: %w", err)
				}
				return supervisor.Import(supervisor.Input{
					Paths: arguments, Directory: directory, Environment: i.environment,
					Read: files.AtMost, ReadIncluded: files.Included, Glob: files.Glob,
				})
			})
		},
	}
	i.addFlags(cmd)
	return cmd
}

func newImportHorizonCommand(deps *cli.Deps) *cobra.Command {
	i := &importCommand{deps: deps}
	environment := "production"
	cmd := &cobra.Command{
		Use:     "horizon FILE",
		Short:   "Make QueueWorkers from a Laravel Horizon configuration",
		Example: "  kubectl queueworker import horizon config/horizon.php --image=registry.example.com/shop:1.4 | kubectl apply -f -",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			return i.run(cmd.Context(), func() (manifest.Draft, error) {
				source, err := files.AtMost(arguments[0])
				if err != nil {
					return manifest.Draft{}, fmt.Errorf("read %s: %w", arguments[0], err)
				}
				return horizon.Import(horizon.Input{
					File: arguments[0], Source: source, Environment: environment, Variables: i.environment,
				})
			})
		},
	}
	i.addFlags(cmd)
	cmd.Flags().StringVar(&environment, "environment", environment, "The environment whose supervisors are imported.")
	return cmd
}

// importCommand is the common part of the imports.
type importCommand struct {
	deps *cli.Deps

	images      []string
	envFrom     []string
	variables   []string
	environment map[string]string
	drivers     []string
	output      string
	settings    manifest.Settings
}

func (i *importCommand) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&i.images, "image", nil, "The image of the application; DIRECTORY=IMAGE for one of several applications. Required.")
	f.StringVar(&i.settings.AppName, "app-name", "", "The name of the QueueApp. Default: made from the application's directory.")
	f.StringVar(&i.settings.Connection, "queue-connection", "", "The queue connection of workers that name no connection. Default: the application's own default.")
	f.StringArrayVar(&i.drivers, "driver", nil, "The backend of the queues: Redis, Database or None; CONNECTION=DRIVER for one of several connections. Every driver but None starts a backlog probe.")
	f.DurationVar(&i.settings.RetryAfter, "retry-after", 0, "The connection's retry_after in config/queue.php, such as 90s.")
	f.StringArrayVar(&i.envFrom, "env-from", nil, "Where the application's settings are: secret/NAME or configmap/NAME; may be repeated.")
	f.StringArrayVar(&i.variables, "env", nil, "An environment variable to read the configuration with, as KEY=VALUE; may be repeated.")
	f.StringVarP(&i.output, "output", "o", "yaml", "The format, which is yaml.")
}

// run reads a configuration, completes it with the settings from the flags, and prints
// it.
func (i *importCommand) run(ctx context.Context, read func() (manifest.Draft, error)) error {
	if err := i.readFlags(); err != nil {
		return err
	}
	draft, err := read()
	if err != nil {
		return fmt.Errorf("nothing was imported: %w", err)
	}
	if len(draft.Pools) == 0 {
		i.summary(manifest.Result{Notes: draft.Notes}, true)
		return errors.New("nothing was imported: no queue worker was found")
	}
	if err := i.askImages(ctx, draft.Directories()); err != nil {
		return err
	}
	result := manifest.Assemble(draft, i.settings)
	yaml, err := manifest.Write(result)
	if err != nil {
		return err
	}
	if _, err := i.deps.Streams.Out.Write(yaml); err != nil {
		return fmt.Errorf("print the YAML: %w", err)
	}
	i.summary(result, false)
	return nil
}

// readFlags checks the flags and turns them into settings.
func (i *importCommand) readFlags() error {
	if i.output != "yaml" {
		return cli.Usage("--output must be yaml")
	}
	if err := i.readImages(); err != nil {
		return err
	}
	if err := i.readVariables(); err != nil {
		return err
	}
	if name := i.settings.AppName; name != manifest.Slug(name) {
		return cli.Usage("--app-name must be letters, digits and hyphens, at most 50 characters")
	}
	if i.settings.RetryAfter%time.Second != 0 || i.settings.RetryAfter < 0 || i.settings.RetryAfter > 48*time.Hour {
		return cli.Usage("--retry-after must be in whole seconds, up to 48h")
	}
	if namespace := i.deps.Flags.Namespace; namespace != nil {
		i.settings.Namespace = *namespace
	}
	if err := i.readDrivers(); err != nil {
		return err
	}
	return i.readEnvFrom()
}

// readImages reads the images, by the directory of their application.
func (i *importCommand) readImages() error {
	i.settings.Images = map[string]string{}
	for _, text := range i.images {
		directory, image, named := strings.Cut(text, "=")
		if !named {
			directory, image = "", text
		}
		if image == "" {
			return cli.Usage("--image must be IMAGE or DIRECTORY=IMAGE")
		}
		i.settings.Images[strings.TrimRight(directory, "/")] = image
	}
	return nil
}

// readVariables reads the environment variables that the configuration is read with.
func (i *importCommand) readVariables() error {
	i.environment = map[string]string{}
	for _, text := range i.variables {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return cli.Usage("--env must be KEY=VALUE")
		}
		i.environment[name] = value
	}
	return nil
}

// readDrivers reads the drivers, by the connection they are for.
func (i *importCommand) readDrivers() error {
	i.settings.Drivers = map[string]v1alpha1.Driver{}
	known := []v1alpha1.Driver{v1alpha1.DriverRedis, v1alpha1.DriverDatabase, v1alpha1.DriverNone}
	for _, text := range i.drivers {
		connection, given, named := strings.Cut(text, "=")
		if !named {
			connection, given = "", text
		}
		at := slices.IndexFunc(known, func(driver v1alpha1.Driver) bool { return strings.EqualFold(given, string(driver)) })
		if at < 0 {
			return cli.Usage("--driver must be Redis, Database or None, or CONNECTION=DRIVER; HTTP needs an address, so write it into the YAML")
		}
		i.settings.Drivers[connection] = known[at]
	}
	return nil
}

func (i *importCommand) readEnvFrom() error {
	for _, text := range i.envFrom {
		kind, name, _ := strings.Cut(text, "/")
		reference := corev1.LocalObjectReference{Name: name}
		source := corev1.EnvFromSource{}
		switch {
		case name == "":
			return cli.Usage("--env-from must be secret/NAME or configmap/NAME")
		case strings.EqualFold(kind, "secret"):
			source.SecretRef = &corev1.SecretEnvSource{LocalObjectReference: reference}
		case strings.EqualFold(kind, "configmap"):
			source.ConfigMapRef = &corev1.ConfigMapEnvSource{LocalObjectReference: reference}
		default:
			return cli.Usage("--env-from must be secret/NAME or configmap/NAME")
		}
		i.settings.EnvFrom = append(i.settings.EnvFrom, source)
	}
	return nil
}

// askImages asks for the images that the flags do not name, if a user at a terminal can
// answer.
func (i *importCommand) askImages(ctx context.Context, directories []string) error {
	in, isFile := i.deps.Streams.In.(*os.File)
	answers := bufio.NewReader(i.deps.Streams.In)
	for _, directory := range directories {
		if i.settings.Image(directory) != "" {
			continue
		}
		where := "the application"
		if directory != "" {
			where += " of " + directory
		}
		if !isFile || !term.IsTerminal(int(in.Fd())) {
			return cli.Usage("which image has %s? Give it with --image=IMAGE", where)
		}
		fmt.Fprintf(i.deps.Streams.ErrOut, "Which image has %s? ", where)
		image, _ := cli.Typed(ctx, answers) // an empty answer is no answer, whatever the reason
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case image == "":
			return cli.Usage("an image is needed for %s; give it with --image=IMAGE", where)
		}
		i.settings.Images[directory] = image
	}
	return nil
}

// summary prints to stderr how much was imported and which notes need a look. If nothing
// was imported, it prints every note.
func (i *importCommand) summary(result manifest.Result, all bool) {
	out := i.deps.Streams.ErrOut
	notes := result.Warnings()
	if all {
		notes = result.Notes
	} else {
		fmt.Fprintf(out, "%s of %s imported.\n", count(result.Pools(), "QueueWorker"), count(len(result.Apps), "QueueApp"))
	}
	if len(notes) > 0 {
		fmt.Fprintln(out, "To look at:")
	}
	for _, note := range notes {
		fmt.Fprintln(out, "  "+manifest.Printable(note.String()))
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
