// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// chartRole returns the name of the chart's ClusterRole with a label.
func chartRole(l *lab.Lab, label string) string {
	l.Helper()
	roles := &rbacv1.ClusterRoleList{}
	if err := l.Client.List(l.Ctx, roles, client.MatchingLabels{"app.kubernetes.io/name": "queueworker", label: "true"}); err != nil || len(roles.Items) != 1 {
		l.Fatalf("find the chart's role with %s: %d roles, %v", label, len(roles.Items), err)
	}
	return roles.Items[0].Name
}

// TestPluginFindsFaults: doctor ends with 0 if all is well. In a cluster with known
// faults it ends with 1 and prints the cause and the cure of each.
func TestPluginFindsFaults(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.StartRedis()
	app := l.DemoApp()
	setEnv(app, "LOG_CHANNEL", "stderr")
	l.StartDemo(app)
	l.Create(builders.QueueWorker(l.Namespace, "emails").Obj())
	l.Ready("emails", 2*time.Minute)
	user := l.Plugin()
	l.Eventually("doctor finds nothing wrong", time.Minute, func() (bool, string) {
		said := user.Run("doctor")
		return said.Code == 0 && !strings.Contains(said.Out, "✘") && strings.Contains(said.Out, "✔ operator ") && strings.Contains(said.Out, "✔ QueueApp demo: Preflight"), said.Out + said.Err
	})

	nowhere := namedApp(l, "nowhere")
	nowhere.Spec.Connection.Name = "nowhere"
	hidden := namedApp(l, "hidden")
	setEnv(hidden, "LOG_CHANNEL", "single")
	l.Create(nowhere, hidden,
		builders.QueueWorker(l.Namespace, "quiet").App("hidden").Obj(),
		builders.QueueWorker(l.Namespace, "slow").App("demo").Timeout(2*time.Minute).Obj(),
		builders.QueueWorker(l.Namespace, "orphan").App("gone").Obj(),
		builders.QueueWorker(l.Namespace, "lost").App("nowhere").Obj(),
	)
	faults := map[string][]string{
		"quiet": {"✘ QueueApp hidden: LogsVisible", "→ Set LOG_CHANNEL=stderr"},
		"slow":  {"✘ QueueWorker slow: TimeoutChain", "retryAfter", "→ Raise retry_after"},
		"lost":  {"QueueWorker lost: ", "nowhere", "kubectl queueworker logs lost"},
		// A missing QueueApp may still be created; after two minutes it is a fault.
		"orphan": {"QueueWorker orphan: ", "gone", "→ Create the QueueApp"},
	}
	for name, phrases := range faults {
		l.Eventually("doctor finds what is wrong with "+name, time.Minute, func() (bool, string) {
			said := user.Run("doctor", name)
			for _, phrase := range phrases {
				if !strings.Contains(said.Out, phrase) {
					return false, "lacks " + phrase + ": " + said.Out + said.Err
				}
			}
			return said.Code == cli.CodeFailed || name == "orphan", said.Out + said.Err
		})
	}
	if said := user.Run("doctor", "-o", "jsonpath={.items[?(@.check=='TimeoutChain')].level}"); said.Out != "Wrong" || said.Code != cli.CodeFailed {
		t.Errorf("doctor -o jsonpath said %+v", said)
	}
	if said := user.Run("doctor", "--all-namespaces", "-o", "jsonpath={.items[?(@.check=='OperatorRights')].level}"); said.Out != "Fine" {
		t.Errorf("doctor says of the operator's rights in all namespaces %+v", said)
	}
	if said := user.Run("doctor", "-l", "team=nobody"); !strings.Contains(said.Out, "No QueueWorker in the namespace "+l.Namespace+" has the labels team=nobody.") {
		t.Errorf("doctor with labels that no QueueWorker has said %+v", said)
	}
	// A user who may only read learns about the pools, about the missing rights, and
	// about what doctor could not check.
	said := l.Viewer().Run("doctor")
	for _, phrase := range []string{"✘ QueueWorker slow: TimeoutChain", "! you: YourRights", "patch queueworkers.queueworker.dev", "? operator: OperatorRuns"} {
		if !strings.Contains(said.Out, phrase) || said.Code != cli.CodeFailed {
			t.Errorf("a viewer's doctor lacks %q: %+v", phrase, said)
		}
	}
	if said := l.User().Run("doctor"); said.Code != cli.CodeFailed || !strings.Contains(said.Out, "✘ you: YourRights") {
		t.Errorf("a stranger's doctor said %+v", said)
	}
}

// canary begins every secret of this test, wherever it is.
const canary = "canary-"

// TestPluginReportsNoSecrets puts secrets wherever people put them, and looks for them in
// the bundle. Everything that a diagnosis needs is in the bundle.
func TestPluginReportsNoSecrets(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.StartRedis()
	app := l.DemoApp()
	app.Annotations = map[string]string{
		"example.com/hook": canary + "annotation",
		"kubectl.kubernetes.io/last-applied-configuration": `{"spec":{"template":{"spec":{"containers":[{"env":[{"name":"DB_PASSWORD","value":"` + canary + `last-applied"}]}]}}}}`,
	}
	setEnv(app, "DB_PASSWORD", canary+"env")
	setEnv(app, "PAYMENTS_QUEUE", "payments-eu") // the subject of a diagnosis is no secret
	setEnv(app, "APP_KEY", "base64:"+strings.Repeat("Q2FuYXJ5", 6))
	app.Spec.Template.Annotations = map[string]string{"vault.example.com/token": canary + "pod-annotation"}
	app.Spec.Template.Spec.Containers[0].Command = []string{"sh", "-c", `: ` + canary + `command; echo ` + canary + `printed >&2; exec "$@"`, "--"}
	app.Spec.Template.Spec.InitContainers = []corev1.Container{{
		Name: "init", Image: lab.DemoImage, ImagePullPolicy: corev1.PullNever, Command: []string{"true"}, Args: []string{"--password=" + canary + "args"},
	}}
	app.Spec.Template.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}}
	l.Create(
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "secret"}, StringData: map[string]string{"key": canary + "secret"}},
		&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: "settings", Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}},
			Data:       map[string]string{"MAIL_PASSWORD": canary + "config-map"},
		},
	)
	l.StartDemo(app)
	l.Create(builders.QueueWorker(l.Namespace, "emails").App(app.Name).Queue("payments-eu").Annotation(v1alpha1.AnnotationRestartedAt, canary+"opaque").
		Spec(func(s *v1alpha1.QueueWorkerSpec) {
			s.Env = []corev1.EnvVar{{Name: "STRIPE", Value: canary + "worker-env"}}
		}).Obj())
	l.Ready("emails", 2*time.Minute)
	// The status of the pod and of the QueueCommand contains what is printed here.
	if printed := l.Plugin().OK("once", "emails"); !strings.Contains(printed, canary+"printed") {
		t.Errorf("once printed %q", printed)
	}

	dies(l)

	directory := l.TempDir()
	said := l.Plugin().RunIn(directory, "report")
	written, err := filepath.Glob(filepath.Join(directory, "queueworker-report-"+l.Namespace+"-*.tar.gz"))
	if err != nil || said.Code != 0 || len(written) != 1 {
		t.Fatalf("report said %+v and wrote %v, %v", said, written, err)
	}
	raw, err := os.ReadFile(written[0])
	if err != nil {
		t.Fatal(err)
	}
	files := unpacked(t, raw)
	var everything strings.Builder
	for name, text := range files {
		everything.WriteString(text)
		for line := range strings.Lines(text) {
			if strings.Contains(line, canary) || strings.Contains(line, "Q2FuYXJ5") || strings.Contains(line, "bob@") || strings.Contains(line, "DE8937") {
				t.Errorf("%s still has %s", name, line)
			}
			if strings.HasSuffix(name, ".log") && strings.Contains(line, `"namespace":"`) && !strings.Contains(line, l.Namespace) {
				t.Errorf("%s tells of another namespace: %s", name, line)
			}
		}
	}
	for _, phrase := range []string{
		"kind: QueueWorker\n", "kind: QueueApp\n", "kind: Pod\n", "kind: Deployment\n", "kind: Event\n", "kind: QueueCommand\n", "image: " + lab.DemoImage, "name: DB_PASSWORD",
		"plugin ", "Kubernetes v", "state: Idle", "✔ operator ", "queue: payments-eu\n",
	} {
		if !strings.Contains(everything.String(), phrase) {
			t.Errorf("the bundle lacks %q", phrase)
		}
	}
	if !hasFile(files, "operator-") {
		t.Errorf("the operator's log is not in the bundle")
	}

	// The log itself, and not only the bundle, contains nothing that the workers printed.
	for line := range strings.Lines(operatorLogs(l)) {
		if strings.Contains(line, canary+"customer") || strings.Contains(line, "\x1b") {
			t.Errorf("the operator logged %s", line)
		}
	}

	// A viewer gets what a viewer may read, and learns what is missing.
	said = l.Viewer().Run("report", "--file", "-")
	if said.Code != 0 {
		t.Fatalf("a viewer's report said %+v", said)
	}
	files = unpacked(t, []byte(said.Out))
	if !hasFile(files, "queueworkers.yaml") || hasFile(files, "pods.yaml") || !hasFile(files, "missing.txt") {
		t.Errorf("a viewer's bundle has %d files", len(files))
	}
	if said := l.User().Run("report"); said.Code != cli.CodeForbidden {
		t.Errorf("a stranger's report said %+v", said)
	}
}

// dies starts a pool whose workers print a line about a customer and die, and waits until
// its conditions and events contain that line. The command does not contain the line as
// it is printed.
func dies(l *lab.Lab) {
	l.Helper()
	app := customApp(l, "dying", "sh", "-c", `printf '%s%s: no mail to bob%sexample.com, %s%s\n' cana ry-customer @ DE8937 0400440532013000 >&2; exit 255`)
	l.Create(app, builders.QueueWorker(l.Namespace, "dying").App(app.Name).Queue("dying").Obj())
	l.Eventually("the pool's status says what its workers printed", 2*time.Minute, func() (bool, string) {
		worker := l.Worker("dying")
		ready := meta.FindStatusCondition(worker.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil {
			return false, "there is no condition Ready"
		}
		return strings.Contains(ready.Message, canary+"customer: no mail to bob@example.com"), ready.Message
	})
	l.Eventually("an event says what its workers printed", time.Minute, func() (bool, string) {
		events := &eventsv1.EventList{}
		if err := l.Client.List(l.Ctx, events, client.InNamespace(l.Namespace)); err != nil {
			return false, err.Error()
		}
		for i := range events.Items {
			if strings.Contains(events.Items[i].Note, canary+"customer") {
				return true, ""
			}
		}
		return false, fmt.Sprintf("none of %d does", len(events.Items))
	})
}

// operatorLogs returns everything the operator has logged since it was installed,
// unchanged.
func operatorLogs(l *lab.Lab) string {
	l.Helper()
	clients, err := kubernetes.NewForConfig(l.Config)
	if err != nil {
		l.Fatal(err)
	}
	pods := &corev1.PodList{}
	if err := l.Client.List(l.Ctx, pods, client.MatchingLabels{"app.kubernetes.io/name": "queueworker"}); err != nil || len(pods.Items) == 0 {
		l.Fatalf("find the operator's pods: %d, %v", len(pods.Items), err)
	}
	var all strings.Builder
	for i := range pods.Items {
		log, err := clients.CoreV1().Pods(pods.Items[i].Namespace).GetLogs(pods.Items[i].Name, &corev1.PodLogOptions{}).DoRaw(l.Ctx)
		if err != nil {
			l.Fatalf("read the log of %s: %v", pods.Items[i].Name, err)
		}
		all.Write(log)
	}
	return all.String()
}

func hasFile(files map[string]string, part string) bool {
	for name := range files {
		if strings.Contains(name, "/"+part) {
			return true
		}
	}
	return false
}

// unpacked returns the files of a tar.gz by their names.
func unpacked(t *testing.T, raw []byte) map[string]string {
	t.Helper()
	compressed, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for archive := tar.NewReader(compressed); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(text)
	}
}

// TestPluginRunsBatches starts a run by hand and waits for its end.
func TestPluginRunsBatches(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "nightly").Queue("nightly").Spec(func(s *v1alpha1.QueueWorkerSpec) { s.Mode = v1alpha1.ModeBatch }).Obj())
	l.Create(builders.QueueWorker(l.Namespace, "emails").Stopped(true).Obj())
	user := l.Plugin()
	l.Eventually("the first run is over", 2*time.Minute, func() (bool, string) {
		batch := l.Worker("nightly").Status.Batch
		return batch != nil && batch.ActiveRun == "" && len(batch.Runs) == 1, describeBatch(batch)
	})
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "1", Queue: "nightly", Count: 5, Run: "batch"})
	if said := l.Viewer().Run("run", "nightly"); said.Code != cli.CodeForbidden {
		t.Errorf("a viewer's run said %+v", said)
	}
	user.OK("run", "nightly", "--wait")
	truth, batch := l.Truth("batch"), l.Worker("nightly").Status.Batch
	if truth.Ends != 5 || len(batch.Runs) != 2 || batch.Runs[0].Outcome != v1alpha1.RunComplete || batch.Runs[0].Processed != 5 {
		t.Errorf("the jobs counted %+v, the status says %s", truth, describeBatch(batch))
	}
	if said := user.Run("run", "emails"); said.Code != cli.CodeUsage || !strings.Contains(said.Err, "mode Batch") {
		t.Errorf("to run a pool that is no batch said %+v", said)
	}
}

func describeBatch(batch *v1alpha1.BatchStatus) string { return fmt.Sprintf("%+v", batch) }
