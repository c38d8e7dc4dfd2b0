// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/cli/queuecommand"
)

// longestLine is the length in bytes at which a log line is split.
const longestLine = 64 << 10

// settlingTime is how long the operator may take to record how a pod ended.
const settlingTime = 30 * time.Second

type onceCommand struct {
	queuecommand.Command
	queue string
}

// NewOnceCommand returns `kubectl queueworker once`.
func NewOnceCommand(deps *cli.Deps) *cobra.Command {
	o := &onceCommand{Command: queuecommand.Command{Deps: deps}}
	cmd := &cobra.Command{
		Use:   "once [NAME]",
		Short: "Run one waiting job in its own pod, and show what it prints",
		Long: `Run one waiting job in its own pod, verbosely, and show what it prints. The job comes from the queues of a
pool and runs with the pool's options. With --queue it comes from that queue; without a pool it then runs
with the options of the QueueApp's template. If no job waits, the command ends at once.`,
		Example:           "  kubectl queueworker once emails\n  kubectl queueworker once --queue reports --app shop",
		GroupID:           cli.GroupJobs,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: deps.CompleteWorkers(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			return o.Validated(func() error { return o.run(cmd.Context(), names) })
		},
	}
	o.AddWriteFlags(cmd)
	cmd.Flags().StringVar(&o.queue, "queue", "", "Queue to take the job from, or several queues in priority order. Default: the pool's queues.")
	return cmd
}

func (o *onceCommand) run(ctx context.Context, names []string) error {
	spec := v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionOnce, Queue: o.queue}
	if len(names) == 1 {
		if o.App != "" {
			return cli.Usage("name a QueueWorker or use --app, but not both; a QueueWorker has a QueueApp already")
		}
		spec.WorkerName = names[0]
	}
	cluster, err := o.Deps.Connect()
	if err != nil {
		return err
	}
	if o.DryRun.Is() {
		return o.DoIn(ctx, cluster, spec, "One job is run")
	}
	return o.runIn(ctx, cluster, spec)
}

// runIn creates the command that runs the job, and shows what the job prints.
func (o *onceCommand) runIn(ctx context.Context, cluster *cli.Cluster, spec v1alpha1.QueueCommandSpec) error {
	command, err := o.Create(ctx, cluster, spec)
	if err != nil {
		return err
	}
	waiting, cancel := o.Within(ctx)
	defer cancel()
	streamed, over := o.follow(waiting, cluster, command)
	if over {
		// The pod has ended; the operator now has to record how.
		waiting, cancel = o.settling(ctx, waiting)
		defer cancel()
	}
	err = o.End(waiting, cluster, command)
	switch {
	case streamed:
	case err == nil && strings.TrimSpace(command.Status.Output) == "":
		fmt.Fprintln(o.Deps.Streams.ErrOut, "No job waited"+onQueues(ctx, cluster, command)+"; nothing was run.")
	default:
		o.Print(command.Status.Output)
	}
	return err
}

// onQueues names the queues where a command looked for a job; empty if they cannot be
// read.
func onQueues(ctx context.Context, cluster *cli.Cluster, command *v1alpha1.QueueCommand) string {
	queue := command.Spec.Queue
	if queue == "" {
		worker := &v1alpha1.QueueWorker{}
		if cluster.Client.Get(ctx, client.ObjectKey{Namespace: command.Namespace, Name: command.Spec.WorkerName}, worker) != nil {
			return ""
		}
		queue = worker.Spec.Queue
	}
	return " on " + view.Clean(queue)
}

// settling returns a context for the rest of a wait once the command's pod has ended. It
// leaves the operator at least settlingTime to record the end.
func (o *onceCommand) settling(ctx, waiting context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := waiting.Deadline()
	if !bounded {
		return waiting, func() {}
	}
	return cli.Within(ctx, max(time.Until(deadline), settlingTime), o.Timeout)
}

// follow shows the log of the command's pod as it is written. streamed reports whether
// the whole available log was shown; a caller who may not read logs sees the end of the
// output from the status instead. over reports whether the pod has ended.
func (o *onceCommand) follow(ctx context.Context, cluster *cli.Cluster, command *v1alpha1.QueueCommand) (streamed, over bool) {
	pod, err := o.pod(ctx, cluster, command)
	if err != nil || pod == nil {
		return false, false
	}
	stream, err := cluster.Core.Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
		Container: pod.Spec.Containers[0].Name, Follow: true,
	}).Stream(ctx)
	if err != nil {
		return false, false
	}
	defer stream.Close()
	lines := bufio.NewReaderSize(stream, longestLine)
	for {
		line, _, err := lines.ReadLine() // a longer line comes in pieces
		switch {
		case errors.Is(err, io.EOF):
			return streamed, true
		case err != nil:
			return streamed && ctx.Err() != nil, false
		}
		fmt.Fprintln(o.Deps.Streams.Out, view.Clean(string(line)))
		streamed = true
	}
}

// pod waits until the command's pod has started; it returns nil if the command ended
// before the pod was seen.
func (o *onceCommand) pod(ctx context.Context, cluster *cli.Cluster, command *v1alpha1.QueueCommand) (*corev1.Pod, error) {
	var found *corev1.Pod
	err := cli.Until(ctx, "the pod of QueueCommand "+command.Name, func(ctx context.Context) (bool, string, error) {
		if err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(command), command); err != nil {
			return false, "", err
		}
		pods := &corev1.PodList{}
		if err := cluster.Client.List(ctx, pods, client.InNamespace(command.Namespace), client.MatchingLabels{v1alpha1.LabelCommand: command.Name}); err != nil {
			return false, "", err
		}
		for i := range pods.Items {
			if pods.Items[i].Status.Phase != corev1.PodPending {
				found = &pods.Items[i]
				return true, "", nil
			}
		}
		return queuecommand.Ended(command), command.Status.Message, nil
	})
	return found, err
}
