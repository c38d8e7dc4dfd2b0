// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// fakeLister returns the list or the error that a test sets, or panics.
type fakeLister struct {
	list  protocol.FailedList
	err   error
	asked protocol.FailedRequest
	panic bool
}

func (f *fakeLister) ListFailed(_ context.Context, request protocol.FailedRequest) (protocol.FailedList, error) {
	if f.panic {
		panic("the database said something odd")
	}
	f.asked = request
	return f.list, f.err
}

func (f *fakeLister) Close() error { return nil }

func askFailed(t *testing.T, failed *Failed, body string) (int, string) {
	t.Helper()
	return serve(t, New(nil, nil, quietly), failed).askAsOperator(t, protocol.FailedPath, body)
}

func TestFailedRequestsAreChecked(t *testing.T) {
	for name, tc := range map[string]struct {
		body string
		want int
	}{
		"no JSON":             {"{", http.StatusBadRequest},
		"no limit":            {`{}`, http.StatusBadRequest},
		"too high a limit":    {`{"limit":101}`, http.StatusBadRequest},
		"two lines to search": {`{"limit":1,"search":"a\nb"}`, http.StatusBadRequest},
		"a zero byte":         {`{"limit":1,"queue":"a\u0000"}`, http.StatusBadRequest},
		"a long search":       {`{"limit":1,"search":"` + strings.Repeat("s", maxSearch+1) + `"}`, http.StatusBadRequest},
		"a long queue":        {`{"limit":1,"queue":"` + strings.Repeat("q", maxNameBytes+1) + `"}`, http.StatusBadRequest},
		"a long token":        {`{"limit":1,"continue":"` + strings.Repeat("q", maxToken+1) + `"}`, http.StatusBadRequest},
		"a huge body":         {`{"limit":1,"search":"` + strings.Repeat("s", maxFailedRequest) + `"}`, http.StatusRequestEntityTooLarge},
		"a good one":          {`{"limit":100,"search":"it's 100% \\ ü","queue":"q","continue":"x","newer":1}`, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			code, answer := askFailed(t, NewFailed(&fakeLister{}, nil), tc.body)
			if code != tc.want {
				t.Errorf("status %d, want %d: %s", code, tc.want, answer)
			}
		})
	}
}

func TestWhatKeepsFailedJobsFromBeingListedIsAnAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		failed *Failed
		reason protocol.BacklogError
		says   string
	}{
		"no settings": {NewFailed(nil, backlog.Errorf(protocol.BacklogMisconfigured, "Set DB_HOST.")), protocol.BacklogMisconfigured, "Set DB_HOST."},
		"nothing":     {NewFailed(nil, nil), protocol.BacklogMisconfigured, "not known"},
		"a refusal":   {NewFailed(&fakeLister{err: backlog.Errorf(protocol.BacklogDenied, "No.")}, nil), protocol.BacklogDenied, "No."},
		"a fault":     {NewFailed(&fakeLister{panic: true}, nil), protocol.BacklogUnreadable, "please report"},
	} {
		t.Run(name, func(t *testing.T) {
			_, answer := askFailed(t, tc.failed, `{"limit":1}`)
			var list protocol.FailedList
			if err := json.Unmarshal([]byte(answer), &list); err != nil {
				t.Fatal(err)
			}
			if list.Reason != tc.reason || !strings.Contains(list.Message, tc.says) || list.PodUID != "uid-1" || list.Version != protocol.Version {
				t.Errorf("%+v", list)
			}
		})
	}
}

func TestTwoListsAtOnceWaitForEachOther(t *testing.T) {
	failed := NewFailed(&fakeLister{list: protocol.FailedList{Jobs: []protocol.FailedJob{{ID: "7"}}}}, nil)
	failed.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if list := failed.answer(ctx, protocol.FailedRequest{Limit: 1}); list.Reason != protocol.BacklogUnreachable || len(list.Jobs) != 0 {
		t.Errorf("while another list is read the answer is %+v", list)
	}
	<-failed.turn
	if list := failed.answer(t.Context(), protocol.FailedRequest{Limit: 1}); len(list.Jobs) != 1 {
		t.Errorf("afterwards it is %+v", list)
	}
}
