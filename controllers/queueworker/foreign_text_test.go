// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/status"
)

// TestTheNoteOfAnEventFits: the API server refuses a note of more than 1024 bytes, and
// a pod, a refusal or an image's name may have text of any length.
func TestTheNoteOfAnEventFits(t *testing.T) {
	for _, text := range []string{strings.Repeat("x", 1<<20), strings.Repeat("漢\n", 1<<18), strings.Repeat("\x1b[2J\xff", 1<<18)} {
		recorder := events.NewFakeRecorder(1)
		r := &Reconciler{Recorder: recorder}
		r.emit(&v1alpha1.QueueWorker{}, []status.Event{{Type: corev1.EventTypeWarning, Reason: "Crashed", Action: "Restart", Note: text}})
		note := strings.TrimPrefix(<-recorder.Events, "Warning Crashed ")
		if len(note) > 1024 || len(note) < 900 || !utf8.ValidString(note) || strings.ContainsAny(note, "\x1b\n") {
			t.Errorf("the note has %d bytes: %.100q", len(note), note)
		}
	}
}

// TestTheLastWordOfAPodIsNotLogged: the end of a container is logged, but its message
// is a user's text and is not. The test uses a bare logger, without the sink that would
// clean the message.
func TestTheLastWordOfAPodIsNotLogged(t *testing.T) {
	var out bytes.Buffer
	ctx := ctrl.LoggerInto(t.Context(), zap.New(zap.WriteTo(&out)))
	r := &Reconciler{Collector: collector.New(collector.Options{})}
	r.recordEnd(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "emails-worker-a", Labels: map[string]string{v1alpha1.LabelName: "emails", v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "worker", Ports: []corev1.ContainerPort{{Name: protocol.PortName}}}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "worker", State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: 255, Message: "canary bob@example.com", StartedAt: metav1.NewTime(noon)},
		}}}},
	})
	if line := out.String(); strings.Contains(line, "canary") || !strings.Contains(line, "Pod ended without a final report") || !strings.Contains(line, `"exitCode":255`) {
		t.Errorf("logged is %s", line)
	}
}
