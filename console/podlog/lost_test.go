// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"queueworker.dev/queueworker/api/protocol"
)

// answer is a fake API server's answer to a request for a pod's log: a text or an error.
type answer struct {
	text  string
	fault *apierrors.StatusError
	// cut breaks off the connection after the text.
	cut bool
}

// fakeLogs is an API server with the logs of pods. It gives each answer once, and repeats
// the last one.
type fakeLogs map[string][]answer

func (f fakeLogs) RoundTrip(request *http.Request) (*http.Response, error) {
	pod := strings.Split(request.URL.Path, "/")[6]
	now := f[pod][0]
	f[pod] = f[pod][min(1, len(f[pod])-1):]
	response := &http.Response{StatusCode: http.StatusOK, Request: request, Header: http.Header{}}
	var body io.Reader = strings.NewReader(now.text)
	if now.fault != nil {
		status := now.fault.ErrStatus
		status.Kind, status.APIVersion = "Status", "v1"
		text, err := json.Marshal(status)
		if err != nil {
			return nil, err
		}
		response.StatusCode, body = int(status.Code), bytes.NewReader(text)
		response.Header.Set("Content-Type", "application/json")
	}
	if now.cut {
		body = io.MultiReader(body, iotest.ErrReader(io.ErrUnexpectedEOF))
	}
	response.Body = io.NopCloser(body)
	return response, nil
}

func coreOf(t *testing.T, server http.RoundTripper) corev1client.CoreV1Interface {
	t.Helper()
	core, err := corev1client.NewForConfigAndClient(&rest.Config{Host: "http://fake"}, &http.Client{Transport: server})
	if err != nil {
		t.Fatal(err)
	}
	return core
}

func running(name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "worker", Env: []corev1.EnvVar{{Name: protocol.ConfigEnv}}}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: "worker", ContainerID: name, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		}}},
	}
}

// TestMergeGoesOnWithoutALog: the logs of other pods are shown even if a pod or its node
// is gone.
func TestMergeGoesOnWithoutALog(t *testing.T) {
	gone := apierrors.NewNotFound(corev1.Resource("pods"), "gone")
	down := apierrors.NewInternalError(errors.New("dial tcp 10.0.0.7:10250: no route to host"))
	refused := apierrors.NewForbidden(corev1.Resource("pods/log"), "refused", errors.New("no"))
	text := answer{text: "2026-11-23T12:00:01Z done\n"}
	tests := map[string]struct {
		pods      []*corev1.Pod
		want      []string
		wantNotes []string
		wantErr   string
	}{
		"one is gone": {
			[]*corev1.Pod{running("gone"), running("well")}, []string{"well done"},
			[]string{`BrokenOff gone: the log of pod gone cannot be read: pods "gone" not found`}, "",
		},
		"a node is down": {
			[]*corev1.Pod{running("well"), running("down")}, []string{"well done"},
			[]string{"BrokenOff down: the log of pod down cannot be read: Internal error occurred: dial tcp 10.0.0.7:10250: no route to host"}, "",
		},
		"one breaks off": {
			[]*corev1.Pod{running("well"), running("cut")}, []string{"cut done", "well done"},
			[]string{"BrokenOff cut: the log of pod cut cannot be read: unexpected EOF"}, "",
		},
		"one has not started": {
			[]*corev1.Pod{running("well"), {ObjectMeta: metav1.ObjectMeta{Name: "new"}}}, []string{"well done"},
			[]string{"NotStarted new"}, "",
		},
		"none can be read": {[]*corev1.Pod{running("gone"), running("down")}, nil, nil, "no route to host"},
		"a right is missing": {
			[]*corev1.Pod{running("well"), running("refused")}, nil, nil, "forbidden",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			core := coreOf(t, fakeLogs{
				"well": {text}, "gone": {{fault: gone}}, "down": {{fault: down}}, "refused": {{fault: refused}}, "cut": {{text: text.text, cut: true}},
			})
			var got, notes []string
			err := Merge(t.Context(), core, tc.pods, Options{Tail: -1}, func(line Line) error {
				got = append(got, line.Pod.Name+" "+line.Text)
				return nil
			}, func(note Note) { notes = append(notes, told(note)) })
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("lines differ (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantNotes, notes); diff != "" {
				t.Errorf("notes differ (-want +got):\n%s", diff)
			}
			if (err == nil) != (tc.wantErr == "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("ended with %v, want %q", err, tc.wantErr)
			}
		})
	}
}

// TestALogThatCannotBeFollowedIsTold: it is reported once, and followed as soon as
// possible.
func TestALogThatCannotBeFollowedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := answer{fault: apierrors.NewServiceUnavailable("the node is down")}
		core := coreOf(t, fakeLogs{"a": {down, down, {text: "2026-11-23T12:00:01Z done\n"}}})
		var said []string
		f := &Follower{
			Core: core, Note: func(note Note) { said = append(said, told(note)) },
			Show: func(line Line) error { said = append(said, line.Pod.Name+" "+line.Text); return nil },
		}
		f.stream(t.Context(), running("a"), &followed{turn: make(chan struct{}, 1)}, Options{Tail: -1})
		if diff := cmp.Diff([]string{"TriedAgain a: the log of pod a cannot be read: the node is down", "a done"}, said); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
