// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// maskingShell is a wrapper that hides pcntl, runs PHP with little memory, as an
// application's own ini_set does, and keeps SIGTERM from the worker.
const maskingShell = `
if [ "$2" = -m ]; then php -m | grep -v pcntl; exit; fi
if [ "$2" = -d ]; then shift 3; set -- php -d memory_limit=64M "$@"; fi
"$@"; exit $?`

// TestPreflightTellsWhatIsWrongWithAnApplication lets real workers inspect an application
// without faults, and an application with many.
func TestPreflightTellsWhatIsWrongWithAnApplication(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.StartRedis()
	good := l.DemoApp()
	setEnv(good, "LOG_CHANNEL", "stderr")
	bad := commandApp(l, "bad", "sh", "-c", maskingShell, "sh")
	for name, value := range map[string]string{
		"LOG_CHANNEL": "single", "REDIS_QUEUE_BLOCK_FOR": "0", "REDIS_QUEUE_RETRY_AFTER": "30", "CACHE_DRIVER": "array",
	} {
		setEnv(bad, name, value)
	}
	l.Create(good, bad,
		builders.QueueWorker(l.Namespace, "good").App("demo").Obj(),
		builders.QueueWorker(l.Namespace, "bad").App("bad").Queue("bad").Spec(func(spec *v1alpha1.QueueWorkerSpec) {
			spec.GracePeriod = &metav1.Duration{Duration: 5 * time.Second} // it will not stop by itself
		}).Obj())

	app := awaitPreflight(l, "demo", metav1.ConditionTrue)
	for _, kind := range protocol.FindingKinds {
		if condition := meta.FindStatusCondition(app.Status.Conditions, kind); condition == nil || condition.Status != metav1.ConditionTrue {
			t.Errorf("%s of a good application is %+v", kind, condition)
		}
	}
	if images := app.Status.Images; len(images) != 1 || !strings.HasPrefix(images[0].Version, "8.83") || !strings.Contains(images[0].Image, "demo") {
		t.Errorf("the images are %+v", images)
	}

	app = awaitPreflight(l, "bad", metav1.ConditionFalse)
	wrong := map[string]string{
		protocol.FindingPcntl:      "docker-php-ext-install pcntl",
		protocol.FindingUnwrapped:  "exec",
		protocol.FindingMemory:     "below the pool's memory of",
		protocol.FindingLogs:       "storage/logs/laravel.log inside the pod",
		protocol.FindingBlockFor:   "block_for is 0",
		protocol.FindingRetryAfter: "is 30s, not longer than the timeout of 60s",
		protocol.FindingCache:      "each pod has for itself",
	}
	for _, kind := range protocol.FindingKinds {
		condition := meta.FindStatusCondition(app.Status.Conditions, kind)
		if condition == nil {
			t.Errorf("nothing is told of %s", kind)
			continue
		}
		want, isWrong := wrong[kind]
		if isWrong != (condition.Status == metav1.ConditionFalse) || !strings.Contains(condition.Message, want) {
			t.Errorf("%s is %s: %s; want %q in it", kind, condition.Status, condition.Message, want)
		}
	}
	doctorTells(l, wrong)
}

// doctorTells lets doctor judge both applications: the good one has no fault, and each
// fault of the bad one has a cause and a cure.
func doctorTells(l *lab.Lab, wrong map[string]string) {
	l.Helper()
	said := l.Plugin().Run("doctor")
	if said.Code != cli.CodeFailed || !strings.Contains(said.Out, "✔ QueueApp demo: Preflight") {
		l.Errorf("doctor said %+v", said)
	}
	for kind, want := range wrong {
		_, after, found := strings.Cut(said.Out, "✘ QueueApp bad: "+kind+"\n")
		finding, _, _ := strings.Cut(after, "\n✘")
		if !found || !strings.Contains(finding, want) || !strings.Contains(finding, "\n  → ") {
			l.Errorf("doctor says of %s %q, want %q in it and a cure", kind, finding, want)
		}
	}
	if told := strings.Count(said.Out, "✘ QueueApp bad: "); told != len(wrong) {
		l.Errorf("doctor finds %d things wrong with the bad application, want %d: %s", told, len(wrong), said.Out)
	}
}

// awaitPreflight waits until the preflight of an application has an outcome.
func awaitPreflight(l *lab.Lab, name string, want metav1.ConditionStatus) *v1alpha1.QueueApp {
	l.Helper()
	app := &v1alpha1.QueueApp{}
	l.Eventually("preflight of "+name, 90*time.Second, func() (bool, string) {
		if err := l.Client.Get(l.Ctx, client.ObjectKey{Namespace: l.Namespace, Name: name}, app); err != nil {
			return false, err.Error()
		}
		passed := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionPreflightPassed)
		return passed != nil && passed.Status == want, fmt.Sprintf("%+v", app.Status.Conditions)
	})
	return app
}
