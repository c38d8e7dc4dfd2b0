// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"queueworker.dev/queueworker/test/fakecluster"
)

// TestAReportHasTheLogsOfItsOwnOperator: another team's operator for other namespaces has
// an operator's rights there. Its log does not belong in this namespace's report.
func TestAReportHasTheLogsOfItsOwnOperator(t *testing.T) {
	cluster, _ := fakecluster.Trusting(t, []string{"queueworker-system/queueworker", "blog/queueworker"},
		fakecluster.Claiming("queueworker-system", 1), fakecluster.Claiming("blog", 1, "--watch-namespaces=blog"), fakecluster.Claiming("another-tenant", 1))
	operators, err := workingIn(t.Context(), cluster)
	if err != nil || len(operators) != 1 || operators[0].Namespace != "queueworker-system" {
		t.Errorf("operators %v, %v", operators, err)
	}
}

// TestOperatorLogsAreBounded: a node sends 9 MiB of each log, whatever the request says.
// The bundle keeps 8 MiB of a log and 32 MiB of all logs, and says what is missing.
func TestOperatorLogsAreBounded(t *testing.T) {
	operator := fakecluster.Claiming("queueworker-system", 1)
	operator.Spec.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{"queueworker"}}}}
	objects := []client.Object{&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "queueworker-system", Name: "neighbour"}}}
	for i := range maxLogPods + 2 {
		objects = append(objects, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "queueworker-system", Name: fmt.Sprintf("queueworker-%d", i), Labels: map[string]string{"app": "queueworker"}}})
	}
	cluster := fakecluster.New(t, interceptor.Funcs{}, objects...)
	core, err := corev1client.NewForConfig(&rest.Config{Host: "http://cluster", QPS: -1, Transport: fakecluster.Log{Text: strings.Repeat("x", 9<<20)}})
	if err != nil {
		t.Fatal(err)
	}
	cluster.Core = core
	logs := &operatorLogs{lines: 5000, left: maxLogs}
	logs.read(t.Context(), cluster, operator)
	total := 0
	for _, log := range logs.files {
		total += len(log.text)
		if len(log.text) > maxLog || strings.Contains(log.name, "neighbour") {
			t.Errorf("%s has %d bytes", log.name, len(log.text))
		}
	}
	missing := strings.Join(logs.missing, "\n")
	if total != maxLogs || len(logs.files) != 4 || !strings.Contains(missing, "those of 2 older pods") || !strings.Contains(missing, "more than 32 MiB") || !strings.Contains(missing, "first 8388608 bytes") {
		t.Errorf("%d logs of %d bytes; missing:\n%s", len(logs.files), total, missing)
	}
}
