// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/printable"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/podlog"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/wording"
)

const (
	// followTail is how many earlier lines of each worker --follow shows first.
	followTail = 10
	// mostLogs is how many logs are read at a time, because each log is a separate
	// stream.
	mostLogs = 100
)

type logsCommand struct {
	deps       *cli.Deps
	name       string
	follow     bool
	noPrefix   bool
	raw        bool
	timestamps bool
	since      time.Duration
	tail       int64
	job        string
	worker     string

	// jobs finds a job's lines in the log of each pod; it stays empty without --job.
	jobs map[string]*view.JobLog
	// shown counts the lines shown.
	shown int
}

// NewLogsCommand returns `kubectl queueworker logs`.
func NewLogsCommand(deps *cli.Deps) *cobra.Command {
	c := &logsCommand{deps: deps, jobs: map[string]*view.JobLog{}}
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Show what the workers of a QueueWorker print, or the lines of one job",
		Long: "Show the logs of all pods of a QueueWorker by time, each line after the name of its pod. With --follow, the command also shows pods that start later.\n\n" +
			"--job finds the lines of one job, if the workers print job ids: with Laravel's JSON output, with -v (spec.verbose), or before Laravel 9.21.\n\n" +
			"On a terminal, the command removes control sequences: a job may print sequences that move the cursor, write over other lines or fill the clipboard. --raw shows them. A pipe or a file gets the bytes as they were printed.",
		Example: "  kubectl queueworker logs emails --since 10m\n  kubectl queueworker logs emails --follow\n" +
			"  kubectl queueworker logs emails --job 5b9f76a1-e159-43d4-b403-f0cd1ed35d70",
		GroupID:           cli.GroupSee,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: deps.CompleteWorkers(1),
		RunE:              func(cmd *cobra.Command, names []string) error { return c.run(cmd, names[0]) },
	}
	cmd.Flags().BoolVarP(&c.follow, "follow", "f", false, "Continue to show lines as they are printed, until Ctrl-C.")
	cmd.Flags().DurationVar(&c.since, "since", 0, "Show only lines newer than this, such as 30s, 10m or 2h. 0s means all.")
	cmd.Flags().Int64Var(&c.tail, "tail", -1, "Show only this many of the last lines of each worker; -1 means all. With --follow alone the last 10.")
	cmd.Flags().StringVar(&c.job, "job", "", "Show only the lines of the job with this id (or uuid).")
	cmd.Flags().StringVar(&c.worker, "worker", "", "Show only the log of this worker (its pod).")
	cmd.Flags().BoolVar(&c.timestamps, "timestamps", false, "Show when each line was printed.")
	cmd.Flags().BoolVar(&c.raw, "raw", false, "Show colours and other control sequences on a terminal.")
	cmd.Flags().BoolVar(&c.noPrefix, "no-prefix", false, "Show lines without the pod's name.")
	// It fails for a flag that does not exist; this flag exists.
	_ = cmd.RegisterFlagCompletionFunc("worker", deps.CompletePods)
	return cmd
}

func (c *logsCommand) run(cmd *cobra.Command, name string) error {
	if err := c.validate(cmd); err != nil {
		return err
	}
	c.name = name
	cluster, err := c.deps.Connect()
	if err != nil {
		return err
	}
	if err := c.exists(cmd.Context(), cluster); err != nil {
		return err
	}
	pods, err := c.pods(cmd.Context(), cluster)
	if err != nil {
		return err
	}
	if c.follow {
		return c.followAll(cmd.Context(), cluster)
	}
	return c.showAll(cmd.Context(), cluster, pods)
}

func (c *logsCommand) validate(cmd *cobra.Command) (err error) {
	if c.since < 0 || c.tail < -1 {
		return cli.Usage("--since and --tail must not be negative; see %s --help", cmd.CommandPath())
	}
	if c.follow && c.since == 0 && c.job == "" && !cmd.Flags().Changed("tail") {
		c.tail = followTail
	}
	c.worker, _, err = cli.SplitWorker(c.worker)
	return err
}

// showAll shows the logs as they are now.
func (c *logsCommand) showAll(ctx context.Context, cluster *cli.Cluster, pods []*corev1.Pod) error {
	if len(pods) == 0 {
		return cli.NotFound("%s has no pods, so there are no logs; kubectl queueworker status %s says why", c.name, c.name)
	}
	if err := podlog.Merge(ctx, cluster.Core, pods, c.options(), c.show, c.note); err != nil {
		return err
	}
	return c.jobFound()
}

func (c *logsCommand) options() podlog.Options {
	options := podlog.Options{Since: c.since, Tail: c.tail}
	if c.job != "" {
		options.Tail = -1 // the job's lines can be anywhere in the log
	}
	return options
}

// exists fails if there is no such QueueWorker. A caller who may read pods but not
// QueueWorkers still gets the logs.
func (c *logsCommand) exists(ctx context.Context, cluster *cli.Cluster) error {
	err := cluster.Client.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: c.name}, &v1alpha1.QueueWorker{})
	if apierrors.IsForbidden(err) {
		return nil
	}
	return err
}

func (c *logsCommand) selector() labels.Selector {
	return labels.SelectorFromSet(labels.Set{v1alpha1.LabelName: c.name})
}

// pods returns the pods whose logs are asked for, sorted by name.
func (c *logsCommand) pods(ctx context.Context, cluster *cli.Cluster) ([]*corev1.Pod, error) {
	list := &corev1.PodList{}
	if err := cluster.Client.List(ctx, list, client.InNamespace(cluster.Namespace), client.MatchingLabelsSelector{Selector: c.selector()}); err != nil {
		return nil, fmt.Errorf("list the pods of %s: %w", c.name, err)
	}
	var pods []*corev1.Pod
	for i := range list.Items {
		if c.worker == "" || list.Items[i].Name == c.worker {
			pods = append(pods, &list.Items[i])
		}
	}
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	switch {
	case c.worker != "" && len(pods) == 0:
		return nil, cli.NotFound("%s has no pod %s; kubectl queueworker workers %s shows its pods", c.name, c.worker, c.name)
	case len(pods) > mostLogs:
		return nil, cli.Usage("%s has %d pods, and at most %d logs are read at a time; select one with --worker", c.name, len(pods), mostLogs)
	}
	return pods, nil
}

func (c *logsCommand) followAll(ctx context.Context, cluster *cli.Cluster) error {
	cli.Quiet()
	// A cache retries for ever if it is refused, so a first watch finds a refusal and
	// reports it.
	watch, err := cluster.Client.Watch(ctx, &corev1.PodList{}, client.InNamespace(cluster.Namespace), client.MatchingLabelsSelector{Selector: c.selector()})
	if err != nil {
		return fmt.Errorf("watch the pods of %s: %w", c.name, err)
	}
	watch.Stop()
	filter := cache.ByObject{Label: c.selector()}
	pods, err := cache.New(cluster.Config, cache.Options{
		Scheme:            cluster.Client.Scheme(),
		DefaultNamespaces: map[string]cache.Config{cluster.Namespace: {}},
		ByObject:          map[client.Object]cache.ByObject{&corev1.Pod{}: filter},
	})
	if err != nil {
		return fmt.Errorf("watch the pods of %s: %w", c.name, err)
	}
	follower := &podlog.Follower{Core: cluster.Core, Options: c.options(), Show: c.show, Note: c.note}
	err = follower.Follow(ctx, pods)
	if ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	return err
}

// show prints a line as the worker printed it, as kubectl logs does.
func (c *logsCommand) show(line podlog.Line) error {
	if c.worker != "" && line.Pod.Name != c.worker || !c.wanted(line) {
		return nil
	}
	c.shown++
	text, out := line.Text, c.deps.Streams.Out
	switch {
	case c.raw:
		out = c.deps.Screen()
	case c.deps.Guards():
		text = printable.Text(text) // the colours that a job prints are not the plugin's
	}
	if c.timestamps {
		text = line.Time.Format("2006-01-02T15:04:05.000Z07:00") + " " + text
	}
	if !c.noPrefix {
		text = c.prefix(line.Pod.Name) + text
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

// wanted reports whether a line belongs to the job that is asked for.
func (c *logsCommand) wanted(line podlog.Line) bool {
	if c.job == "" {
		return true
	}
	finder, ok := c.jobs[line.Pod.Name]
	if !ok {
		finder = view.NewJobLog(c.job, podlog.Processes(line.Pod) == 1)
		c.jobs[line.Pod.Name] = finder
	}
	return finder.Keep(line.Text)
}

// jobFound fails if a job was asked for and no line belonged to it.
func (c *logsCommand) jobFound() error {
	if c.job == "" || c.shown > 0 {
		return nil
	}
	return cli.NotFound("the logs of %s have no line of job %s: its log is no longer kept, its pod is gone, or these workers print no ids (set spec.verbose, or use a Laravel that has queue:work --json)", c.name, c.job)
}

// prefix names a pod; with colours, each pod's name has its own.
func (c *logsCommand) prefix(pod string) string {
	if !c.deps.Colour() {
		return pod + " | "
	}
	sum := 0
	for _, letter := range pod {
		sum = sum*31 + int(letter)
	}
	hues := []int{36, 32, 33, 35, 34, 96, 92, 93, 95, 94}
	return fmt.Sprintf("\x1b[%dm%s |\x1b[0m ", hues[(sum%len(hues)+len(hues))%len(hues)], pod)
}

// note prints news about pods, apart from their lines.
func (c *logsCommand) note(note podlog.Note) {
	fmt.Fprintln(c.deps.Streams.ErrOut, "-- "+wording.Log(note))
}
