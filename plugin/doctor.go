// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"queueworker.dev/queueworker/console/doctor"
	"queueworker.dev/queueworker/console/survey"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/cli/output"
	"queueworker.dev/queueworker/plugin/render"
)

type doctorCommand struct {
	deps   *cli.Deps
	output output.Flags
	scope  cli.Scope
}

// NewDoctorCommand returns `kubectl queueworker doctor`.
func NewDoctorCommand(deps *cli.Deps) *cobra.Command {
	d := &doctorCommand{deps: deps}
	cmd := &cobra.Command{
		Use:   "doctor [NAME]",
		Short: "Find problems of the installation and the pools, with cause and cure",
		Long: `Check the installation, your rights and the operator's, what the agents found in the images (pcntl,
memory_limit, log channel, ...), and every pool: connection, timeouts, stuck or failing workers.
The command ends with 1 if anything is wrong; a warning is no failure.`,
		Example:           "  kubectl queueworker doctor\n  kubectl queueworker doctor emails\n  kubectl queueworker doctor -A -o json",
		GroupID:           cli.GroupSetUp,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: deps.CompleteWorkers(1),
		RunE:              func(cmd *cobra.Command, names []string) error { return d.run(cmd.Context(), names) },
	}
	d.output.AddFlags(cmd)
	d.scope.AddFlags(cmd)
	return cmd
}

func (d *doctorCommand) run(ctx context.Context, names []string) error {
	if err := d.output.Validate(); err != nil {
		return cli.Usage("%w", err)
	}
	if len(names) > 0 && (d.scope.AllNamespaces || d.scope.Selector != "") {
		return cli.Usage("name a QueueWorker, or select several with --all-namespaces or --selector, but not both")
	}
	cluster, err := d.deps.Connect()
	if err != nil {
		return err
	}
	in, err := d.read(ctx, cluster, names)
	if err != nil {
		return err
	}
	findings := doctor.Examine(in)
	if err := d.print(findings); err != nil {
		return err
	}
	return verdict(findings)
}

// verdict returns the error that doctor ends with; warnings alone are no failure.
func verdict(findings []doctor.Finding) error {
	if wrong := doctor.Count(findings, doctor.Wrong); wrong > 0 {
		return fmt.Errorf("%d of %d checks failed", wrong, len(findings))
	}
	return nil
}

func (d *doctorCommand) print(findings []doctor.Finding) error {
	if !d.output.Table() || d.output.Wide() {
		return d.output.Print(d.deps.Streams.Out, d.deps.Streams.ErrOut, render.Findings(render.Words(findings, cli.Told)))
	}
	var paint render.Paint
	if d.deps.Colour() {
		paint = render.Colours
	}
	_, err := io.WriteString(d.deps.Streams.Out, render.FindingsText(render.Words(findings, cli.Told), paint))
	return err
}

// read reads what doctor judges: of one QueueWorker, or of the QueueWorkers in scope.
func (d *doctorCommand) read(ctx context.Context, cluster *cli.Cluster, names []string) (doctor.Input, error) {
	look := &survey.Survey{Client: cluster.Client, Config: cluster.Config, Now: d.deps.Now, Namespace: cluster.Namespace}
	if d.scope.AllNamespaces {
		look.Namespace = ""
	}
	if len(names) == 1 {
		look.Name = names[0]
	}
	var err error
	if look.Selector, err = d.scope.Labels(); err != nil {
		return doctor.Input{}, err
	}
	in, err := look.Read(ctx)
	in.Selector = d.scope.Selector
	return in, err
}
