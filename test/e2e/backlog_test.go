// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestBacklogIsShown lists a pool with two queues as a user does.
func TestBacklogIsShown(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Dispatch(lab.Jobs{Kind: "quick", Queue: "high", Count: 3, Run: "shown"})
	l.Dispatch(lab.Jobs{Kind: "quick", Queue: "low", Count: 5, Run: "shown"})
	l.Dispatch(lab.Jobs{Kind: "quick", Queue: "low", Delay: time.Hour, Run: "later"})
	l.Create(builders.QueueWorker(l.Namespace, "mail").Queue("high,low").Processes(0).Obj())
	// A job of Laravel 8 does not say how long it has waited. The probe learns that by
	// watching the queue, and reports it within a minute.
	l.Eventually("the backlog is known", 90*time.Second, func() (bool, string) {
		backlog := l.Worker("mail").Status.Backlog
		return backlog != nil && backlog.Ready == 8 && backlog.Delayed == 1 && backlog.OldestTime != nil && len(backlog.Queues) == 2, fmt.Sprintf("%+v", backlog)
	})
	queues := l.Worker("mail").Status.Backlog.Queues
	if high, low := queues[0], queues[1]; high.Queue != "high" || high.Ready != 3 || low.Queue != "low" || low.Ready != 5 || low.Delayed != 1 {
		t.Errorf("the queues are %+v, want 3 ready on high, and 5 ready and 1 delayed on low", queues)
	}
	columns := kubectlGet(l, "mail")
	if columns["BACKLOG"] != "8" || columns["WAIT"] == "" || columns["WAIT"] == "<unknown>" {
		t.Errorf("kubectl get shows %v, want a BACKLOG of 8 and a WAIT", columns)
	}
	t.Logf("kubectl get queueworkers: BACKLOG %s, WAIT %s; high %d, low %d and 1 delayed", columns["BACKLOG"], columns["WAIT"], queues[0].Ready, queues[1].Ready)
}

// kubectlGet returns the columns of kubectl get queueworkers by their titles.
func kubectlGet(l *lab.Lab, name string) map[string]string {
	l.Helper()
	output, err := exec.CommandContext(l.Ctx, "kubectl", "get", "queueworkers", name, "--namespace", l.Namespace).CombinedOutput()
	if err != nil {
		l.Fatalf("kubectl get: %v: %s", err, output)
	}
	head, row, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
	titles := strings.Fields(head)
	columns := map[string]string{}
	for i, title := range titles {
		// An empty value leaves a gap, so cut the columns where the titles begin.
		from, to := strings.Index(head, title), len(row)
		if i+1 < len(titles) {
			to = strings.Index(head, titles[i+1])
		}
		columns[title] = strings.TrimSpace(row[min(from, len(row)):min(to, len(row))])
	}
	return columns
}

// TestBackendMistakesAreToldWithoutSecrets makes the mistakes that leave the backlog
// unknown, and corrects them.
func TestBackendMistakesAreToldWithoutSecrets(t *testing.T) {
	t.Parallel()
	const right, wrong = "correct-horse-battery", "tr0ub4dor-and-3"
	l := lab.New(t)
	app := l.DemoApp()
	setEnv(app, "REDIS_PASSWORD", right)
	l.StartRedis()
	if err := l.Redis.ConfigSet(l.Ctx, "requirepass", right).Err(); err != nil {
		t.Fatal(err)
	}
	l.Create(app, builders.QueueWorker(l.Namespace, "mail").Processes(0).Obj())
	known := func() {
		l.Helper()
		l.Eventually("the backlog is known", time.Minute, func() (bool, string) {
			found := condition(l, "mail", v1alpha1.ConditionBacklogKnown)
			return found.Status == metav1.ConditionTrue, fmt.Sprintf("%+v", found)
		})
	}
	change := func(name, value string) {
		l.Helper()
		lab.Update(l, "demo", &v1alpha1.QueueApp{}, func(app *v1alpha1.QueueApp) { setEnv(app, name, value) })
	}
	known()
	for _, mistake := range []struct {
		name, variable, wrong, right string
		reason                       string
	}{
		{"wrong password", "REDIS_PASSWORD", wrong, right, "Denied"},
		{"wrong host", "REDIS_HOST", "nowhere.example.com", "redis", "Unreachable"},
	} {
		change(mistake.variable, mistake.wrong)
		l.Eventually(mistake.name+" is told", time.Minute, func() (bool, string) {
			found := condition(l, "mail", v1alpha1.ConditionBacklogKnown)
			return found.Status == metav1.ConditionFalse && found.Reason == mistake.reason && strings.HasSuffix(found.Message, "."), fmt.Sprintf("%+v", found)
		})
		t.Logf("%s: %s", mistake.name, condition(l, "mail", v1alpha1.ConditionBacklogKnown).Message)
		tellsNoSecret(l, right, wrong)
		change(mistake.variable, mistake.right)
		known()
	}
}

// tellsNoSecret looks for secrets in everything that the product writes.
func tellsNoSecret(l *lab.Lab, secrets ...string) {
	l.Helper()
	status, err := json.Marshal(l.Worker("mail").Status)
	if err != nil {
		l.Fatal(err)
	}
	told := map[string]string{"the status": string(status)}
	events := &eventsv1.EventList{}
	if err := l.Client.List(l.Ctx, events, client.InNamespace(l.Namespace)); err != nil {
		l.Fatal(err)
	}
	for i := range events.Items {
		told["an event"] += events.Items[i].Note + "\n"
	}
	clients, err := kubernetes.NewForConfig(l.Config)
	if err != nil {
		l.Fatal(err)
	}
	probes := podsOf(l, client.MatchingLabels{v1alpha1.LabelComponent: "backlog"})
	for i := range probes {
		log, err := clients.CoreV1().Pods(l.Namespace).GetLogs(probes[i].Name, &corev1.PodLogOptions{}).DoRaw(l.Ctx)
		if err != nil {
			l.Fatalf("read the log of %s: %v", probes[i].Name, err)
		}
		told["the probe's log"] += string(log)
		for _, container := range probes[i].Status.ContainerStatuses {
			if container.RestartCount > 0 {
				l.Errorf("the probe has been restarted %d times", container.RestartCount)
			}
		}
	}
	for where, text := range told {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				l.Errorf("%s tells a password: %s", where, text)
			}
		}
	}
}

// TestTimeoutChainIsTold reverses each link of the chain from a job's timeout to its
// connection's retry_after and its pod's grace period.
func TestTimeoutChainIsTold(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	// Each probe sees this job when it starts, which is at each change of retryAfter.
	l.Dispatch(lab.Jobs{Kind: "quick", Timeout: 2 * time.Minute, Run: "own"})
	l.Create(builders.QueueWorker(l.Namespace, "mail").Processes(0).Timeout(90 * time.Second).Obj())
	chain := func(what string, is metav1.ConditionStatus, reason string, phrases ...string) {
		l.Helper()
		l.Eventually(what, time.Minute, func() (bool, string) {
			found := condition(l, "mail", v1alpha1.ConditionTimeoutChain)
			right := found.Status == is && found.Reason == reason
			for _, phrase := range phrases {
				right = right && strings.Contains(found.Message, phrase)
			}
			return right, fmt.Sprintf("%+v", found)
		})
		t.Logf("%s: %s", what, condition(l, "mail", v1alpha1.ConditionTimeoutChain).Message)
	}
	retryAfter := func(after time.Duration) {
		l.Helper()
		lab.Update(l, "demo", &v1alpha1.QueueApp{}, func(app *v1alpha1.QueueApp) {
			app.Spec.Connection.RetryAfter = &metav1.Duration{Duration: after}
		})
	}
	chain("timeout as long as retry_after", metav1.ConditionFalse, v1alpha1.ReasonRetryAfterBelowTimeout, "1m30s (timeout)", "1m30s (retryAfter)")
	retryAfter(100 * time.Second)
	chain("a waiting job's own timeout above retry_after", metav1.ConditionFalse, v1alpha1.ReasonRetryAfterBelowTimeout, "queue default", "a timeout of 2m0s themselves")
	retryAfter(130 * time.Second)
	chain("a waiting job's own timeout above the grace period", metav1.ConditionFalse, v1alpha1.ReasonGraceBelowTimeout, "queue default", "a timeout of 2m0s themselves")
	l.UpdateWorker("mail", func(worker *v1alpha1.QueueWorker) {
		worker.Spec.GracePeriod = &metav1.Duration{Duration: 125 * time.Second}
	})
	chain("grace period raised", metav1.ConditionTrue, v1alpha1.ReasonInOrder)
}
