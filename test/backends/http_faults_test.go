// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"queueworker.dev/queueworker/api/protocol"
)

func TestFaultsOfHTTP(t *testing.T) {
	t.Parallel()
	says := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	queue := func(fields string) http.HandlerFunc {
		return says(http.StatusOK, `{"queues":[{"queue":"default",`+fields+"}]}")
	}
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		reason  protocol.BacklogError
		says    string
	}{
		"a huge answer": {func(w http.ResponseWriter, _ *http.Request) {
			for range 3 << 20 / 1024 {
				_, _ = w.Write([]byte(strings.Repeat(" ", 1024)))
			}
		}, protocol.BacklogUnreadable, "more than"},
		"an endless answer": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte(strings.Repeat(" ", 1<<16)))
			}
		}, protocol.BacklogUnreadable, "more than"},
		"a slow answer": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"queues":`))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, protocol.BacklogUnreachable, "in time"},
		"HTML":                {says(http.StatusOK, "<html>"+canary), protocol.BacklogUnreadable, "not JSON"},
		"nothing":             {says(http.StatusOK, ""), protocol.BacklogUnreadable, "not JSON"},
		"half an answer":      {says(http.StatusOK, `{"queues":[{"queue"`), protocol.BacklogUnreadable, "not JSON"},
		"two answers":         {says(http.StatusOK, `{"queues":[]}{}`), protocol.BacklogUnreadable, "follows"},
		"a list":              {says(http.StatusOK, "[]"), protocol.BacklogUnreadable, "array"},
		"no list":             {says(http.StatusOK, "{}"), protocol.BacklogUnreadable, "queues is missing"},
		"a field of its own":  {queue(`"ready":1,"redy":2`), protocol.BacklogUnreadable, "not documented"},
		"a negative number":   {queue(`"ready":-1`), protocol.BacklogUnreadable, "ready is negative"},
		"a negative age":      {queue(`"ready":1,"oldestSeconds":-0.5`), protocol.BacklogUnreadable, "oldestSeconds is negative"},
		"half a job":          {queue(`"ready":1.5`), protocol.BacklogUnreadable, "must not be"},
		"a number too large":  {queue(`"ready":1e30`), protocol.BacklogUnreadable, "must not be"},
		"a text for a number": {queue(`"ready":"` + "many" + `"`), protocol.BacklogUnreadable, "must not be a string"},
		"no number of jobs":   {queue(`"delayed":1`), protocol.BacklogUnreadable, "ready is missing"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/Kanar1en-elsewhere", http.StatusFound)
		}, protocol.BacklogMisconfigured, "redirects are not followed"},
		"who are you":   {says(http.StatusUnauthorized, canary), protocol.BacklogDenied, "BACKLOG_TOKEN"},
		"not found":     {says(http.StatusNotFound, canary), protocol.BacklogNotFound, "404"},
		"its own fault": {says(http.StatusInternalServerError, canary), protocol.BacklogUnreachable, "500"},
		"a teapot":      {says(http.StatusTeapot, canary), protocol.BacklogUnreadable, "418"},
		"it hangs up":   {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, protocol.BacklogUnreachable, "broke"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tc.handler)
			t.Cleanup(server.Close)
			url := strings.Replace(server.URL, "http://", "http://me:Kanar1en-secret@", 1) + "/depth?key=Kanar1en-key"
			fault{
				config: protocol.ProbeConfig{Driver: protocol.DriverHTTP, HTTP: &protocol.HTTPBackend{URL: url}},
				reason: tc.reason, says: tc.says,
			}.try(t)
		})
	}
	at := func(url string) protocol.ProbeConfig {
		return protocol.ProbeConfig{Driver: protocol.DriverHTTP, HTTP: &protocol.HTTPBackend{URL: url}}
	}
	secure := httptest.NewTLSServer(says(http.StatusOK, "{}"))
	t.Cleanup(secure.Close)
	for name, f := range map[string]fault{
		"no address":           {at(""), nil, protocol.BacklogMisconfigured, "connection.http.url"},
		"an address of a file": {at("file:///etc/passwd"), nil, protocol.BacklogMisconfigured, "no http or https address"},
		"nobody there":         {at("http://127.0.0.1:1/"), nil, protocol.BacklogUnreachable, "connection refused"},
		"a host that is none":  {at("http://no-such-host.invalid/"), nil, protocol.BacklogUnreachable, "no-such-host.invalid"},
		"an unknown authority": {at(secure.URL), nil, protocol.BacklogUnreachable, "authority that is not known"},
		"no TLS where it is":   {at(strings.Replace(secure.URL, "https", "http", 1)), nil, protocol.BacklogUnreadable, "400"},
		"a token in two lines": {at("http://127.0.0.1:1/"), []string{"BACKLOG_TOKEN=Kanar1en\nvogel"}, protocol.BacklogMisconfigured, "line break"},
		"a silent server":      {at("http://127.0.0.1:" + silentPort(t) + "/"), nil, protocol.BacklogUnreachable, "in time"},
	} {
		t.Run(name, func(t *testing.T) { f.try(t) })
	}
}

func TestAnEndpointMayLeaveAQueueOut(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"queues":[{"queue":"a","ready":3,"oldestSeconds":1.5,"failed":0},{"queue":"b","error":"%s"}]}`, "Kanar1en")
	}))
	t.Cleanup(server.Close)
	config := protocol.ProbeConfig{Driver: protocol.DriverHTTP, HTTP: &protocol.HTTPBackend{URL: server.URL}}
	document := startProbe(t, config).ask(t, "c", "b", "a")
	if document.Reason != "" {
		t.Fatal(document.Message)
	}
	for i, want := range []protocol.BacklogError{protocol.BacklogNotFound, protocol.BacklogUnreadable, ""} {
		if got := document.Queues[i]; got.Reason != want {
			t.Errorf("queue %s: %q, %s; want %q", got.Queue, got.Reason, got.Message, want)
		}
	}
	if a := document.Queues[2]; a.Ready != 3 || a.OldestSeconds == nil || *a.OldestSeconds != 1.5 || a.Failed == nil || *a.Failed != 0 {
		t.Errorf("queue a is told as %+v", a)
	}
}
