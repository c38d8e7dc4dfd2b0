// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"flag"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"queueworker.dev/queueworker/plugin/cli"
)

// usageTemplate is cobra's template without the flags that every command has: kubectl's
// own, two dozen of them.
const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND{{else}}{{.UseLine}}{{end}}
{{- if .HasExample}}

Examples:
{{.Example}}
{{- end}}
{{- if .HasAvailableSubCommands}}{{$commands := .Commands}}
{{- range $group := .Groups}}

{{.Title}}
{{- range $commands}}{{if and (eq .GroupID $group.ID) .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}
{{- end}}{{end}}{{end}}
{{- if not .AllChildCommandsHaveGroup}}
{{if .Groups}}
Other:{{else}}
Commands:{{end}}
{{- range $commands}}{{if and (eq .GroupID "") .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}
{{- end}}{{end}}{{end}}{{end}}
{{- if .HasAvailableLocalFlags}}{{if .HasParent}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{- end}}{{end}}

Every flag of kubectl works too, such as --namespace and --context; kubectl options lists them.
`

// NewRootCommand returns `kubectl queueworker` with all its commands.
func NewRootCommand(deps *cli.Deps) *cobra.Command {
	root := &cobra.Command{
		Use:           "queueworker",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl queueworker"},
		Short:         "Run queue workers: see them, steer them, manage their jobs",
		SilenceErrors: true, // tell prints them as sentences
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.DisableDefaultCmd = true // kubectl has its own way to complete plugins
	root.SetIn(deps.Streams.In)
	root.SetOut(deps.Streams.Out)
	root.SetErr(deps.Streams.ErrOut)
	root.SetUsageTemplate(usageTemplate)
	root.AddGroup(
		&cobra.Group{ID: cli.GroupSee, Title: "See what happens:"},
		&cobra.Group{ID: cli.GroupAct, Title: "Steer workers:"},
		&cobra.Group{ID: cli.GroupJobs, Title: "Manage jobs:"},
		&cobra.Group{ID: cli.GroupSetUp, Title: "Set up and find problems:"},
	)
	root.SetHelpCommandGroupID(cli.GroupSetUp)
	deps.Flags.AddFlags(root.PersistentFlags())
	addVerbosity(root)
	root.AddCommand(
		// See what happens.
		NewListCommand(deps),
		NewStatusCommand(deps),
		NewWorkersCommand(deps),
		NewTopCommand(deps),
		NewLogsCommand(deps),
		NewExplainCommand(deps),
		// Steer workers.
		NewStartCommand(deps),
		NewStopCommand(deps),
		NewPauseCommand(deps),
		NewResumeCommand(deps),
		NewRestartCommand(deps),
		NewScaleCommand(deps),
		NewRunCommand(deps),
		// Look after jobs.
		NewFailedCommand(deps),
		NewClearCommand(deps),
		NewOnceCommand(deps),
		// Set up and find faults.
		NewCreateCommand(deps),
		NewDoctorCommand(deps),
		NewReportCommand(deps),
		NewImportCommand(deps),
		NewVersionCommand(deps),
	)
	cli.CompleteFlags(root, deps)
	usageErrors(root)
	return root
}

// addVerbosity adds kubectl's flag -v, which shows the requests to the API server.
func addVerbosity(root *cobra.Command) {
	logging := flag.NewFlagSet("", flag.ContinueOnError)
	klog.InitFlags(logging)
	root.PersistentFlags().AddGoFlag(logging.Lookup("v"))
}

// usageErrors gives every mistake in a command line the code cli.CodeUsage.
func usageErrors(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return cli.Usage("%w; see %s --help", err, cmd.CommandPath())
	})
	if validate := cmd.Args; validate != nil {
		cmd.Args = func(cmd *cobra.Command, arguments []string) error {
			if err := validate(cmd, arguments); err != nil {
				return cli.Usage("%w; see %s --help", err, cmd.CommandPath())
			}
			return nil
		}
	}
	for _, child := range cmd.Commands() {
		usageErrors(child)
	}
}
