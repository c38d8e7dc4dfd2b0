// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plainlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

const canary = "canary-bob@example.com"

// long is text of a user: a megabyte, with characters that a terminal would obey.
var long = "\x1b[2J\u009b2J\u202e" + strings.Repeat(canary+"\n", 1<<20/len(canary))

// pod returns an object with the canary in every place that a user can write to.
func pod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "emails", Annotations: map[string]string{"note": canary}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Env: []corev1.EnvVar{{Name: "A", Value: canary}}}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: canary}},
		}}},
	}
}

// invalid returns the API server's refusal of an object, which quotes the refused values.
func invalid() error {
	return apierrors.NewInvalid(schema.GroupKind{Group: "apps", Kind: "Deployment"}, "emails-worker", field.ErrorList{
		field.Invalid(field.NewPath("spec", "template", "spec", "containers").Index(0).Child("env").Index(3).Child("name"), canary, "must not"),
		field.NotSupported(field.NewPath("spec", "policy"), canary, []string{"Always"}),
	})
}

// record returns the one line that write logs, as JSON and for a console.
func record(t *testing.T, write func(log klog.Logger)) (line string, fields map[string]any) {
	t.Helper()
	for _, development := range []bool{true, false} {
		var out bytes.Buffer
		write(New(zap.New(zap.UseDevMode(development), zap.WriteTo(&out))))
		line = out.String()
		if strings.ContainsAny(line, "\x1b\u009b\u202e") || strings.Contains(line, canary) {
			t.Errorf("the log holds what a user wrote: %.300q", line)
		}
		if len(line) > 16<<10 {
			t.Errorf("the record has %d bytes", len(line))
		}
	}
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	return line, fields
}

func TestNothingOfAUserIsLogged(t *testing.T) {
	tests := map[string]func(log klog.Logger){
		"an object":                 func(log klog.Logger) { log.Info("Rejected", "event", pod()) },
		"a part of one":             func(log klog.Logger) { log.Info("Ended", "container", pod().Status.ContainerStatuses[0].State) },
		"a list of parts":           func(log klog.Logger) { log.Info("Ended", "containers", pod().Status.ContainerStatuses) },
		"annotations":               func(log klog.Logger) { log.Info("Ended", "annotations", pod().Annotations) },
		"a refusal":                 func(log klog.Logger) { log.Error(invalid(), "Reconciler error") },
		"a refusal that is wrapped": func(log klog.Logger) { log.Error(fmt.Errorf("apply Deployment: %w", invalid()), "Reconciler error") },
		"two refusals": func(log klog.Logger) {
			log.Error(errors.Join(errors.New("first"), invalid(), invalid()), "Reconciler error")
		},
		"a refusal as a value":            func(log klog.Logger) { log.Info("Failed", "err", fmt.Errorf("apply: %w", invalid())) },
		"a request that cannot be read":   func(log klog.Logger) { log.Error(apierrors.NewBadRequest("json: unknown field "+canary), "Failed") },
		"with values":                     func(log klog.Logger) { log.WithValues("object", pod(), "state", pod().Status).Info("Failed") },
		"an object without a name or nil": func(log klog.Logger) { log.Info("Failed", "object", (*corev1.Pod)(nil), "nothing", nil) },
	}
	for name, write := range tests {
		t.Run(name, func(t *testing.T) { record(t, write) })
	}
}

// TestRecordsAreBounded: text that may appear in the log is one line of bounded length.
func TestRecordsAreBounded(t *testing.T) {
	text := strings.ReplaceAll(long, canary, "words")
	_, fields := record(t, func(log klog.Logger) {
		log.WithValues("with", text).Error(errors.New(text), text, "text", text, "named", types.UID(text), "list", []string{text, text})
	})
	for name, value := range fields {
		if said, ok := value.(string); ok && name != "stacktrace" && (len(said) > MaxText || strings.Contains(said, "\n")) {
			t.Errorf("%s has %d bytes: %.100q", name, len(said), said)
		}
	}
}

// TestWhatIsKnownStaysReadable: names, numbers and the operator's own words are logged
// unchanged.
func TestWhatIsKnownStaysReadable(t *testing.T) {
	_, fields := record(t, func(log klog.Logger) {
		log.WithName("collector").WithValues("QueueWorker", klog.KRef("shop", "emails"), "key", types.NamespacedName{Namespace: "shop", Name: "emails"}).
			Error(fmt.Errorf("write status of QueueWorker emails: %w", invalid()), "Reconciler error",
				"pod", pod(), "count", 3, "ok", true, "took", 2*time.Second, "id", types.UID("abc"))
	})
	for _, varies := range []string{"ts", "stacktrace"} {
		delete(fields, varies)
	}
	want := map[string]any{
		"level": "error", "logger": "collector", "msg": "Reconciler error",
		"error": "write status of QueueWorker emails: the API server refused Deployment emails-worker as Invalid: " +
			"spec.template.spec.containers[0].env[3].name (FieldValueInvalid), spec.policy (FieldValueNotSupported)",
		"QueueWorker": map[string]any{"namespace": "shop", "name": "emails"},
		"key":         map[string]any{"namespace": "shop", "name": "emails"},
		"pod":         map[string]any{"kind": "*v1.Pod", "namespace": "shop", "name": "emails"},
		"count":       3.0, "ok": true, "took": 2.0, "id": "abc",
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

// TestTheCallerIsNamed: a developer who reads a record finds the line that wrote it.
func TestTheCallerIsNamed(t *testing.T) {
	var lines []string
	log := New(funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{LogCaller: funcr.All}))
	log.Info("here")
	log.WithName("n").WithValues("a", 1).Error(errors.New("wrong"), "here")
	func() { log.WithCallDepth(1).Info("there") }()
	for _, line := range lines {
		if !strings.Contains(line, `"file"="plainlog_test.go"`) {
			t.Errorf("another caller is named: %s", line)
		}
	}
	if len(lines) != 3 {
		t.Errorf("%d records, want 3", len(lines))
	}
}
