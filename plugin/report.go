// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/cli/bundle"
)

// NewReportCommand returns `kubectl queueworker report`.
func NewReportCommand(deps *cli.Deps) *cobra.Command {
	r := &reportCommand{deps: deps}
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write a support bundle, without secrets",
		Long: `Write a tar.gz with the QueueWorkers, QueueApps, QueueCommands, pods, Deployments, Jobs and events of the
namespace, doctor's findings, versions, and the operator's log if you may read it. The command never reads
Secrets. It removes values of env, args, annotations and ConfigMaps, also where they occur in other text. It
removes what jobs printed and what backends, probes and agents answered: in conditions, events and logs, only
the words of the operator and of Kubernetes stay. Of a URL, only scheme and host stay.

Some values stay on purpose, because a diagnosis is about them: labels, names of objects, queues, connections,
containers, images, hosts and job classes, prefixes of envFrom, hostAliases, and the patterns of a Custom
QueueApp. Still look through the bundle before you send it on.`,
		Example:           "  kubectl queueworker report -n shop\n  kubectl queueworker report --file - | tar tz",
		GroupID:           cli.GroupSetUp,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context()) },
	}
	cmd.Flags().StringVarP(&r.file, "file", "f", "", "Write to this file; - means standard output (default queueworker-report-NAMESPACE-TIME.tar.gz).")
	cmd.Flags().Int64Var(&r.lines, "log-lines", 5000, "Maximum number of lines of each log of the operator. A log also ends after 8 MiB, and all logs together after 32 MiB.")
	return cmd
}

type reportCommand struct {
	deps  *cli.Deps
	file  string
	lines int64
}

func (r *reportCommand) run(ctx context.Context) error {
	if r.file == "-" && r.deps.Guards() {
		return cli.Usage("--file - writes a tar.gz, which a terminal cannot show; name a file, or redirect standard output to one")
	}
	cluster, err := r.deps.Connect()
	if err != nil {
		return err
	}
	// A user who may not list pools gets no file.
	if err := cluster.Client.List(ctx, &v1alpha1.QueueWorkerList{}, client.InNamespace(cluster.Namespace), client.Limit(1)); err != nil {
		return fmt.Errorf("list QueueWorkers: %w", err)
	}
	now := r.deps.Now().UTC()
	name := r.file
	if name == "" {
		name = fmt.Sprintf("queueworker-report-%s-%s.tar.gz", cluster.Namespace, now.Format("20060102-150405"))
	}
	directory := strings.TrimSuffix(strings.TrimSuffix(base(name), ".gz"), ".tar")
	data, missing, err := bundle.Make(ctx, r.deps, cluster, directory, now, r.lines)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if name == "-" {
		_, err := r.deps.Streams.Out.Write(data)
		return err
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	for _, what := range missing {
		fmt.Fprintln(r.deps.Streams.ErrOut, "note: left out: "+what)
	}
	_, err = fmt.Fprintf(r.deps.Streams.Out, "Written: %s\nSecrets were removed as far as the command knows them; look through the bundle before you send it on.\n", name)
	return err
}

// base returns the last part of a path.
func base(path string) string {
	if path == "-" {
		return "queueworker-report"
	}
	return path[strings.LastIndexByte(path, '/')+1:]
}
