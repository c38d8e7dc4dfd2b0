// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
)

func TestListFailed(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat(`{"id":"1"},`, 6), ",")
	for name, tc := range map[string]struct {
		status int
		answer string
		says   string // of the error; empty: none
	}{
		"a list":                   {200, `{"version":1,"podUID":"uid","jobs":[{"id":"1"}],"total":1}`, ""},
		"a field of a newer probe": {200, `{"version":1,"podUID":"uid","newer":true}`, ""},
		"no JSON":                  {200, `<html>`, "cannot be read"},
		"another version":          {200, `{"version":99,"podUID":"uid"}`, "speaks version 99"},
		"another pod":              {200, `{"version":1,"podUID":"other"}`, "is another pod"},
		"an unknown reason":        {200, `{"version":1,"podUID":"uid","reason":"Tired"}`, `unknown reason "Tired"`},
		"more than was asked for":  {200, `{"version":1,"podUID":"uid","jobs":[` + many + `]}`, "6 failed jobs instead of 5"},
		"a job without an id":      {200, `{"version":1,"podUID":"uid","jobs":[{"id":"\u0007"}]}`, "without an id"},
		"a token that is none":     {200, `{"version":1,"podUID":"uid","continue":"a b"}`, "cannot be one"},
		"a huge answer":            {200, strings.Repeat(" ", protocol.MaxFailedBytes+1), "more than 512 KiB"},
		"an older probe":           {404, "", "of another version"},
		"a broken one":             {500, "", "HTTP status 500"},
		"a redirect":               {302, "", "HTTP status 302"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost || r.URL.Path != protocol.FailedPath || r.Header.Get("Authorization") != "Bearer k" {
					t.Errorf("asked %s %s with %q", r.Method, r.URL, r.Header)
				}
				w.Header().Set("Location", "http://elsewhere.example.com/")
				w.WriteHeader(tc.status)
				_, _ = fmt.Fprint(w, tc.answer)
			}))
			defer server.Close()
			where := Probe{UID: "uid", Address: strings.TrimPrefix(server.URL, "http://")}
			list, err := NewBacklogs(BacklogOptions{}).ListFailed(t.Context(), where, "k", protocol.FailedRequest{Limit: 5})
			if tc.says == "" && (err != nil || list == nil) || tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says) || !strings.HasSuffix(err.Error(), ".")) {
				t.Errorf("got %+v, %v; want %q", list, err, tc.says)
			}
		})
	}
}

func TestAProbeThatDoesNotKnowTheKey(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer server.Close()
	b := NewBacklogs(BacklogOptions{})
	if _, err := b.ListFailed(t.Context(), Probe{Address: strings.TrimPrefix(server.URL, "http://")}, "k", protocol.FailedRequest{Limit: 5}); !errors.Is(err, ErrKey) {
		t.Errorf("the error is %v", err)
	}
	app := types.NamespacedName{Namespace: "shop", Name: "web"}
	if _, found := b.Where(app); found {
		t.Error("a QueueApp that is not tracked has a probe")
	}
	b.Track(app, Probe{Message: "No node."})
	if where, found := b.Where(app); !found || where.Message != "No node." {
		t.Errorf("the probe is %+v, %t", where, found)
	}
}

func FuzzReadFailed(f *testing.F) {
	f.Add([]byte(`{"version":1,"podUID":"uid","jobs":[{"id":"1","class":"A\u001b[31m","exception":"\ud800"}],"total":-5,"continue":"x"}`))
	f.Add([]byte(`{"version":1,"podUID":"uid","reason":"Denied","message":"No."}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		list, err := readFailed(content, Probe{UID: "uid"}, protocol.FailedRequest{Limit: 5})
		if err != nil {
			return
		}
		if list.Total != nil && (*list.Total < 0 || *list.Total > maxCount) || len(list.Jobs) > 5 {
			t.Errorf("%+v", list)
		}
		for _, job := range list.Jobs {
			for _, text := range []string{job.ID, job.Class, job.Queue, job.Connection, job.Exception} {
				if len(text) > maxException || !utf8.ValidString(text) || strings.ContainsAny(text, "\x1b\n\u202e") {
					t.Errorf("a text is %q", text)
				}
			}
		}
	})
}

func TestProbesThatDoNotAnswerHoldFewUp(t *testing.T) {
	held, released := make(chan struct{}, maxListings), make(chan struct{})
	b := NewBacklogs(BacklogOptions{})
	ask := func(address string) error {
		_, err := b.ListFailed(t.Context(), Probe{Address: address}, "k", protocol.FailedRequest{Limit: 5})
		return err
	}
	var addresses []string
	var asking sync.WaitGroup
	for range maxListings {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			held <- struct{}{}
			<-released
			w.WriteHeader(http.StatusUnauthorized)
		}))
		defer server.Close()
		address := strings.TrimPrefix(server.URL, "http://")
		addresses = append(addresses, address)
		asking.Go(func() { _ = ask(address) })
		<-held
	}
	for _, address := range []string{addresses[0], "127.0.0.1:1"} {
		if err := ask(address); !errors.Is(err, ErrBusy) {
			t.Errorf("while %d probes are asked, one more ends with %v", maxListings, err)
		}
	}
	close(released)
	asking.Wait()
	if err := ask("127.0.0.1:1"); err == nil || errors.Is(err, ErrBusy) {
		t.Errorf("afterwards it ends with %v", err)
	}
}
