// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// attack is PHP code that attacks some pods for some seconds. It holds 48 connections to
// each port, reopens closed ones, and asks the probe for invented queue names. It prints
// how often it got each answer.
const attack = `
[$seconds, $targets] = [(int) $argv[1], array_slice($argv, 2)];
$held = []; $answers = []; $end = microtime(true) + $seconds;
while (microtime(true) < $end) {
  foreach ($targets as $ip) {
    foreach ([9797, 9798, 9799] as $port) {
      for ($i = 0; $i < 48; $i++) {
        $s = &$held["$ip:$port"][$i];
        if (!$s || feof($s)) { $s = @stream_socket_client("tcp://$ip:$port", $e, $m, 1); if ($s) { stream_set_blocking($s, false); } }
        unset($s);
      }
    }
    $names = json_encode(["queues" => array_map(fn ($n) => "invented-$n", range(1, 1000))]);
    @file_get_contents("http://$ip:9797/backlog", false, stream_context_create(["http" => ["method" => "POST", "content" => $names, "timeout" => 2, "ignore_errors" => true]]));
    $answer = explode(" ", $http_response_header[0] ?? "none none")[1];
    $answers[$answer] = ($answers[$answer] ?? 0) + 1;
    foreach (["/failed", "/status"] as $path) {
      $text = @file_get_contents("http://$ip:9797$path", false, stream_context_create(["http" => ["timeout" => 2, "ignore_errors" => true]]));
      if (str_contains((string) $text, "SlowJob")) { $answers["told"] = ($answers["told"] ?? 0) + 1; }
    }
  }
  usleep(500000);
}
echo json_encode($answers);
`

// TestPodsOfAnotherNamespaceHurtNobody: five pods without any rights hold connections to
// a pool's worker and to its backlog probe, and send requests.
func TestPodsOfAnotherNamespaceHurtNobody(t *testing.T) {
	t.Parallel()
	l, foreign := lab.New(t), lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker("", "victim").Queue("default").Spec(func(spec *v1alpha1.QueueWorkerSpec) {
		spec.Timeout = &metav1.Duration{Duration: 5 * time.Minute} // for the job below
	}).Obj())
	l.Ready("victim", 2*time.Minute)
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "120"})
	targets := []string{l.Pods("victim")[0].Status.PodIP}
	probes := &corev1.PodList{}
	l.Eventually("the probe runs", time.Minute, func() (bool, string) {
		if err := l.Client.List(l.Ctx, probes, client.InNamespace(l.Namespace), client.MatchingLabels{v1alpha1.LabelComponent: "backlog"}); err != nil {
			return false, err.Error()
		}
		return len(probes.Items) == 1 && probes.Items[0].Status.PodIP != "", fmt.Sprintf("%d pods", len(probes.Items))
	})
	targets = append(targets, probes.Items[0].Status.PodIP)

	const attackers, seconds = 5, "45"
	answers := make(chan string, attackers)
	for i := range attackers {
		name := fmt.Sprint("attacker-", i)
		attacker := foreign.DemoPod(name, nil, []string{"sleep", "600"})
		// The attack is not meant for the node's CPUs.
		attacker.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}
		foreign.Create(attacker)
		foreign.PodIP(name)
		go func() {
			// The stream of an exec may end before its command does, so the answers go to
			// a file.
			command := []string{"sh", "-c", `php -r "$0" "$@" >/tmp/part 2>&1; mv /tmp/part /tmp/answers`, attack, seconds}
			_, _ = foreign.Exec(name, append(command, targets...)...)
			for range 60 {
				if output, err := foreign.Exec(name, "cat", "/tmp/answers"); err == nil && output != "" {
					answers <- output
					return
				}
				time.Sleep(time.Second)
			}
			answers <- "nothing was written"
		}()
	}
	l.Create(builders.QueueWorker("", "later").Queue("added").Obj())
	refused := 0
	for ended, end := 0, time.Now().Add(3*time.Minute); ended < attackers; {
		select {
		case answer := <-answers:
			ended++
			if strings.Contains(answer, `"200":`) || strings.Contains(answer, `"told":`) {
				t.Errorf("an attacker was answered: %s", answer)
			}
			if strings.Contains(answer, `"401":`) {
				refused++
			}
		case <-time.After(time.Second):
			if time.Now().After(end) {
				t.Fatal("the attackers do not end")
			}
			worker := l.Worker("victim")
			for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionAgentsReporting} {
				if c := meta.FindStatusCondition(worker.Status.Conditions, kind); c != nil && c.Status == metav1.ConditionFalse {
					t.Errorf("%s is false: %s: %s", kind, c.Reason, c.Message)
				}
			}
		}
	}
	if refused == 0 {
		t.Errorf("none of %d attackers says that it was refused, so none may have got through to the probe", attackers)
	}
	l.Ready("later", time.Minute)
	l.Eventually("the queue that was added is measured", 15*time.Second, func() (bool, string) {
		status := l.Worker("later").Status
		return status.Backlog != nil && meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionBacklogKnown), fmt.Sprintf("%+v", status.Conditions)
	})
}
