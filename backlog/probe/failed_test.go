// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// fakeLister lists what it is told to, or fails.
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

// keyFile is a file with the hash of a key.
func keyFile(t *testing.T, key string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sha256")
	sum := sha256.Sum256([]byte(key))
	if err := os.WriteFile(path, []byte(hex.EncodeToString(sum[:])), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func askFailed(failed *Failed, authorization, body string) *httptest.ResponseRecorder {
	server := NewServer(New(nil, nil, quietly), failed, Identity{PodUID: "uid-1"})
	request := httptest.NewRequest(http.MethodPost, protocol.FailedPath, strings.NewReader(body))
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response := httptest.NewRecorder()
	server.Handler.ServeHTTP(response, request)
	return response
}

func TestFailedJobsNeedTheKey(t *testing.T) {
	const body = `{"limit": 5}`
	path := keyFile(t, "open sesame")
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("open sesame"))
	for name, tc := range map[string]struct {
		path, authorization string
		want                int
	}{
		"the key":                    {path, "Bearer open sesame", http.StatusOK},
		"none":                       {path, "", http.StatusUnauthorized},
		"another":                    {path, "Bearer open barley", http.StatusUnauthorized},
		"the hash itself":            {path, "Bearer " + hex.EncodeToString(sum[:]), http.StatusUnauthorized},
		"another scheme":             {path, "Basic open sesame", http.StatusUnauthorized},
		"before the hash is written": {empty, "Bearer ", http.StatusUnauthorized},
		"without a file":             {"/no/such/file", "Bearer ", http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			lister := &fakeLister{list: protocol.FailedList{Jobs: []protocol.FailedJob{{ID: "7"}}}}
			response := askFailed(NewFailed(lister, nil, tc.path), tc.authorization, body)
			if response.Code != tc.want || strings.Contains(response.Body.String(), `"7"`) != (tc.want == http.StatusOK) {
				t.Errorf("status %d, want %d: %s", response.Code, tc.want, response.Body)
			}
			if (lister.asked.Limit != 0) != (tc.want == http.StatusOK) {
				t.Errorf("the database was asked for %+v", lister.asked)
			}
		})
	}
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
			response := askFailed(NewFailed(&fakeLister{}, nil, keyFile(t, "k")), "Bearer k", tc.body)
			if response.Code != tc.want {
				t.Errorf("status %d, want %d: %s", response.Code, tc.want, response.Body)
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
		"no settings": {NewFailed(nil, backlog.Errorf(protocol.BacklogMisconfigured, "Set DB_HOST."), ""), protocol.BacklogMisconfigured, "Set DB_HOST."},
		"nothing":     {NewFailed(nil, nil, ""), protocol.BacklogMisconfigured, "not known"},
		"a refusal":   {NewFailed(&fakeLister{err: backlog.Errorf(protocol.BacklogDenied, "No.")}, nil, ""), protocol.BacklogDenied, "No."},
		"a fault":     {NewFailed(&fakeLister{panic: true}, nil, ""), protocol.BacklogUnreadable, "please report"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.failed.keyFile = keyFile(t, "k")
			response := askFailed(tc.failed, "Bearer k", `{"limit":1}`)
			var list protocol.FailedList
			if err := json.Unmarshal(response.Body.Bytes(), &list); err != nil {
				t.Fatal(err)
			}
			if list.Reason != tc.reason || !strings.Contains(list.Message, tc.says) || list.PodUID != "uid-1" || list.Version != protocol.Version {
				t.Errorf("%+v", list)
			}
		})
	}
}

func TestTwoListsAtOnceWaitForEachOther(t *testing.T) {
	failed := NewFailed(&fakeLister{list: protocol.FailedList{Jobs: []protocol.FailedJob{{ID: "7"}}}}, nil, "")
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
