// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/cli/output"
	"queueworker.dev/queueworker/plugin/cli/queuecommand"
	"queueworker.dev/queueworker/plugin/render"
)

// most is how many failed jobs one QueueCommand can list, retry or forget.
const most = 100

// NewFailedCommand returns `kubectl queueworker failed`.
func NewFailedCommand(deps *cli.Deps) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "failed",
		Short: "List, retry and delete the jobs that failed for good",
		Long: `List, retry and delete the jobs that failed for good, as the application keeps them. These commands create
QueueCommands: you need the rights to create and read queuecommands, and no right to enter a pod.`,
		GroupID: cli.GroupJobs,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newFailedList(deps), newFailedRetry(deps), newFailedForget(deps), newFailedFlush(deps))
	return cmd
}

type failedList struct {
	queuecommand.Command
	output        output.Flags
	queue, search string
	limit         int
}

func newFailedList(deps *cli.Deps) *cobra.Command {
	f := &failedList{Command: queuecommand.Command{Deps: deps}}
	return f.command(func(cmd *cobra.Command) error { return f.run(cmd.Context()) })
}

// command returns the cobra command with its flags; do carries it out.
func (f *failedList) command(do func(*cobra.Command) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the failed jobs, the newest first",
		Example: "  kubectl queueworker failed list --search PaymentException\n  kubectl queueworker failed list --queue emails -o name | xargs kubectl queueworker failed retry",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("limit") && f.output.Table() {
				f.limit = most
			}
			return do(cmd)
		},
	}
	f.AddFlags(cmd)
	f.output.AddFlags(cmd)
	cmd.Flags().StringVar(&f.queue, "queue", "", "Only jobs of this queue.")
	cmd.Flags().StringVar(&f.search, "search", "", "Only jobs whose id, class, queue or exception contains this text.")
	cmd.Flags().IntVar(&f.limit, "limit", 0, "At most this many jobs; 0 means all. Default: 100 for a table, otherwise all.")
	return cmd
}

func (f *failedList) run(ctx context.Context) error {
	if err := f.output.Validate(); err != nil {
		return cli.Usage("%w", err)
	}
	if f.limit < 0 {
		return cli.Usage("--limit must be 0 or more")
	}
	cluster, err := f.Deps.Connect()
	if err != nil {
		return err
	}
	return f.list(ctx, cluster)
}

// list prints lines page by page, as it reads them; a JSON or YAML document is printed as
// a whole.
func (f *failedList) list(ctx context.Context, cluster *cli.Cluster) error {
	var jobs []v1alpha1.FailedJob // not printed yet
	shown, next := 0, ""
	for {
		command, err := f.page(ctx, cluster, f.pageSize(shown), next)
		if err != nil {
			return err
		}
		jobs = append(jobs, command.Status.FailedJobs...)
		shown += len(command.Status.FailedJobs)
		next = command.Status.Continue
		over := next == "" || f.limit > 0 && shown >= f.limit
		if over || f.output.Lines() && len(jobs) > 0 {
			if err := f.printPage(command, jobs, shown); err != nil {
				return err
			}
			jobs = nil
		}
		if over {
			return f.tellRest(shown, command)
		}
	}
}

// pageSize returns how many jobs to ask for after shown jobs.
func (f *failedList) pageSize(shown int) int32 {
	if f.limit > 0 {
		return int32(min(most, f.limit-shown))
	}
	return most
}

// printPage prints the jobs that are not printed yet. If there are no failed jobs at all,
// it says so.
func (f *failedList) printPage(command *v1alpha1.QueueCommand, jobs []v1alpha1.FailedJob, shown int) error {
	if len(jobs) == 0 && shown > 0 {
		return nil
	}
	command.Status.FailedJobs, command.Spec.Continue = jobs, ""
	listing := render.FailedJobs(command, f.Deps.Now())
	listing.Empty = "There are no failed jobs."
	if f.filtered() {
		listing.Empty = "There are no such failed jobs."
	}
	err := f.output.Print(f.Deps.Streams.Out, f.Deps.Streams.ErrOut, listing)
	f.output.Continue()
	return err
}

// filtered reports whether only some of the failed jobs are asked for.
func (f *failedList) filtered() bool { return f.search != "" || f.queue != "" }

// tellRest says how many jobs a table leaves out because it ends at the limit.
func (f *failedList) tellRest(shown int, last *v1alpha1.QueueCommand) error {
	if !f.output.Table() || last.Status.Continue == "" {
		return nil
	}
	total := last.Status.Total
	if f.filtered() {
		total = nil // it counts all failed jobs, not only the filtered ones
	}
	_, err := fmt.Fprintln(f.Deps.Streams.ErrOut, render.FailedShown(shown, total)+"; --limit 0 shows all.")
	return err
}

// page reads one page and deletes its QueueCommand, which is done by then. If the caller
// may not delete it, its TTL removes it a minute later.
func (f *failedList) page(ctx context.Context, cluster *cli.Cluster, size int32, next string) (*v1alpha1.QueueCommand, error) {
	command, err := f.Create(ctx, cluster, v1alpha1.QueueCommandSpec{
		Action: v1alpha1.ActionListFailed, Queue: f.queue, Search: f.search, Limit: &size, Continue: next,
		TTL: &metav1.Duration{Duration: time.Minute},
	})
	if err != nil {
		return nil, err
	}
	waiting, cancel := f.Within(ctx)
	defer cancel()
	if err := f.End(waiting, cluster, command); err != nil {
		return nil, err
	}
	_ = cluster.Client.Delete(ctx, command.DeepCopy(), client.PropagationPolicy(metav1.DeletePropagationBackground))
	return command, nil
}

func newFailedRetry(deps *cli.Deps) *cobra.Command {
	c := &queuecommand.Command{Deps: deps}
	var all bool
	var queue string
	cmd := &cobra.Command{
		Use:     "retry ID... | --all",
		Short:   "Put failed jobs back onto their queues",
		Example: "  kubectl queueworker failed retry 3f0e6d2a-5a3e-4a26-9d0e-0d6f3b1c2a11\n  kubectl queueworker failed retry --all --queue emails",
		RunE: func(cmd *cobra.Command, ids []string) error {
			switch {
			case all && len(ids) > 0:
				return cli.Usage("name ids, or use --all, but not both")
			case queue != "" && !all:
				return cli.Usage("--queue needs --all")
			case all:
				what := "All failed jobs are put back"
				if queue != "" {
					what = "All failed jobs of the queue " + queue + " are put back"
				}
				return c.Validated(func() error {
					return c.Do(cmd.Context(), v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionRetryFailed, All: true, Queue: queue}, what)
				})
			}
			return byID(cmd.Context(), c, v1alpha1.ActionRetryFailed, ids, "put back onto their queues")
		},
	}
	c.AddWriteFlags(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "All failed jobs.")
	cmd.Flags().StringVar(&queue, "queue", "", "With --all: only the failed jobs of this queue.")
	return cmd
}

func newFailedForget(deps *cli.Deps) *cobra.Command {
	c := &queuecommand.Command{Deps: deps}
	cmd := &cobra.Command{
		Use:   "forget ID...",
		Short: "Delete failed jobs",
		RunE: func(cmd *cobra.Command, ids []string) error {
			return byID(cmd.Context(), c, v1alpha1.ActionForgetFailed, ids, "deleted")
		},
	}
	c.AddWriteFlags(cmd)
	return cmd
}

func newFailedFlush(deps *cli.Deps) *cobra.Command {
	c := &queuecommand.Command{Deps: deps}
	var confirm cli.Confirmation
	var hours int32
	cmd := &cobra.Command{
		Use:   "flush",
		Short: "Delete all failed jobs, or only old ones",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			spec := v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionFlushFailed}
			what := "All failed jobs"
			if cmd.Flags().Changed("hours") {
				spec.Hours = &hours
				what = fmt.Sprintf("All jobs that failed more than %d hours ago", hours)
			}
			return c.Validated(func() error {
				if err := c.Sure(cmd.Context(), &confirm, what+" are deleted; nothing brings them back."); err != nil {
					return err
				}
				return c.Do(cmd.Context(), spec, what+" are deleted")
			})
		},
	}
	c.AddWriteFlags(cmd)
	confirm.AddFlag(cmd)
	cmd.Flags().Int32Var(&hours, "hours", 0, "Keep jobs that failed within this many hours; needs Laravel 9 or later.")
	return cmd
}

// byID acts on failed jobs, a hundred at a time.
func byID(ctx context.Context, c *queuecommand.Command, action v1alpha1.CommandAction, ids []string, done string) error {
	if len(ids) == 0 {
		return cli.Usage("name failed jobs by their ids; `kubectl queueworker failed list` shows them")
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	return c.Validated(func() error {
		cluster, err := c.Deps.Connect()
		if err != nil {
			return err
		}
		for chunk := range slices.Chunk(ids, most) {
			spec := v1alpha1.QueueCommandSpec{Action: action}
			for _, id := range chunk {
				spec.IDs = append(spec.IDs, v1alpha1.FailedJobID(strings.TrimSpace(id)))
			}
			if err := c.DoIn(ctx, cluster, spec, fmt.Sprintf("%d failed job(s) are %s", len(chunk), done)); err != nil {
				return err
			}
		}
		return nil
	})
}
