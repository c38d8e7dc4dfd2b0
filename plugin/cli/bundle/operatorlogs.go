// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"context"
	"fmt"
	"io"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/console/doctor"
	"queueworker.dev/queueworker/console/survey"
	"queueworker.dev/queueworker/plugin/cli"
)

// These constants bound the operators' logs in a report, because the report is held in
// memory.
const (
	maxLog     = 8 << 20
	maxLogs    = 32 << 20
	maxLogPods = 10
)

// workingIn finds the operators that work in the namespace of the report. The logs of
// other operators do not belong in the report, and must not influence what the redactor
// removes.
func workingIn(ctx context.Context, cluster *cli.Cluster) ([]appsv1.Deployment, error) {
	operators, _, err := survey.Operators(ctx, cluster.Client, doctor.Input{Namespace: cluster.Namespace})
	return slices.DeleteFunc(operators, func(operator appsv1.Deployment) bool {
		return !doctor.WorksIn(&operator, cluster.Namespace)
	}), err
}

// operatorLogs collects the logs of the operators' pods.
type operatorLogs struct {
	// lines is how many lines are read of each log. left is how many bytes of logs may
	// still be read.
	lines, left int64
	files       []collected
	// missing says which logs were left out or cut.
	missing []string
}

// read reads the last lines of the logs of an operator's pods, including the logs from
// before a restart.
func (l *operatorLogs) read(ctx context.Context, cluster *cli.Cluster, operator *appsv1.Deployment) {
	selector, err := metav1.LabelSelectorAsSelector(operator.Spec.Selector)
	pods := &corev1.PodList{}
	if err == nil {
		err = cluster.Client.List(ctx, pods, client.InNamespace(operator.Namespace), client.MatchingLabelsSelector{Selector: selector})
	}
	if err != nil {
		l.missing = append(l.missing, "operator logs: "+cli.Told(err))
		return
	}
	if more := len(pods.Items) - maxLogPods; more > 0 {
		slices.SortStableFunc(pods.Items, func(a, b corev1.Pod) int { return b.CreationTimestamp.Compare(a.CreationTimestamp.Time) })
		pods.Items = pods.Items[:maxLogPods]
		l.missing = append(l.missing, fmt.Sprintf("operator logs: those of %d older pods", more))
	}
	for i := range pods.Items {
		for _, previous := range []bool{false, true} {
			l.one(ctx, cluster, &pods.Items[i], previous)
		}
	}
}

// one reads one log of one pod.
func (l *operatorLogs) one(ctx context.Context, cluster *cli.Cluster, pod *corev1.Pod, previous bool) {
	name := "operator-" + pod.Name + ".log"
	if previous {
		name = "operator-" + pod.Name + "-previous.log"
	}
	most := min(maxLog, l.left)
	if most == 0 {
		l.missing = append(l.missing, fmt.Sprintf("%s: the operator's logs have more than %d MiB; ask for fewer --log-lines", name, maxLogs>>20))
		return
	}
	text, err := logOf(ctx, cluster, pod, &corev1.PodLogOptions{TailLines: &l.lines, LimitBytes: &most, Previous: previous})
	if err != nil {
		if !previous { // most pods never restarted, and have no previous log
			l.missing = append(l.missing, name+": "+cli.Told(err))
		}
		return
	}
	l.left -= int64(len(text))
	if int64(len(text)) == most {
		l.missing = append(l.missing, fmt.Sprintf("%s: what follows the first %d bytes of its last %d lines; ask for fewer --log-lines", name, most, l.lines))
	}
	l.files = append(l.files, collected{name: name, text: text, log: true})
}

// logOf reads a log up to its LimitBytes, whatever the node sends.
func logOf(ctx context.Context, cluster *cli.Cluster, pod *corev1.Pod, options *corev1.PodLogOptions) (string, error) {
	stream, err := cluster.Core.Pods(pod.Namespace).GetLogs(pod.Name, options).Stream(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = stream.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(stream, *options.LimitBytes))
	return string(text), err
}
