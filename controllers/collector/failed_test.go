// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
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
		"many more":                {200, `{"version":1,"podUID":"uid","jobs":[{}` + strings.Repeat(`,{}`, 6*16) + `]}`, "more than was asked for"},
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
			list, err := NewBacklogs(BacklogOptions{}).ListFailed(t.Context(), FailedQuestion{Where: where, Key: "k", Request: protocol.FailedRequest{Limit: 5}})
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
	if _, err := b.ListFailed(t.Context(), FailedQuestion{Where: Probe{Address: strings.TrimPrefix(server.URL, "http://")}, Key: "k"}); !errors.Is(err, ErrKey) {
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

// TestAListOfTooManyElementsIsRefusedBeforeItIsBuilt: half a megabyte of empty jobs
// would become a hundred megabytes.
func TestAListOfTooManyElementsIsRefusedBeforeItIsBuilt(t *testing.T) {
	many := []byte(`{"version":1,"podUID":"uid","jobs":[` + strings.Repeat("{},", 174_000) + `{}]}`)
	if len(many) > protocol.MaxFailedBytes {
		t.Fatalf("the list has %d bytes, more than it may", len(many))
	}
	allocated := testing.AllocsPerRun(1, func() {
		if _, err := readFailed(many, Probe{UID: "uid"}, protocol.FailedRequest{Limit: protocol.MaxFailedJobs}); errorText(err) != "answered with more than was asked for" {
			t.Errorf("the list is refused with %q", errorText(err))
		}
	})
	if allocated > 10 {
		t.Errorf("%v allocations to refuse a list", allocated)
	}
}

// TestTheLargestHonestListIsAccepted: every field of every job is set, with commas in
// its texts.
func TestTheLargestHonestListIsAccepted(t *testing.T) {
	largest := protocol.FailedList{Version: protocol.Version, PodUID: "uid", Total: new(int64(protocol.MaxFailedCount)), Continue: "next"}
	for range protocol.MaxFailedJobs {
		largest.Jobs = append(largest.Jobs, protocol.FailedJob{
			ID: "1", Class: "A", Connection: "redis", Queue: "high,low", FailedAt: "2026-03-01T11:00:00Z", Exception: strings.Repeat(",", maxException),
		})
	}
	list, err := readFailed(encode(t, largest), Probe{UID: "uid"}, protocol.FailedRequest{Limit: protocol.MaxFailedJobs})
	if err != nil || len(list.Jobs) != protocol.MaxFailedJobs {
		t.Errorf("got %v, %v", list, err)
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

// heldProbes is a server that plays probes that do not answer until released.
type heldProbes struct {
	backlogs *Backlogs
	address  string
	held     chan struct{}
	released chan struct{}
	once     sync.Once
	asking   sync.WaitGroup
}

func holdProbes(t *testing.T) *heldProbes {
	h := &heldProbes{backlogs: NewBacklogs(BacklogOptions{}), held: make(chan struct{}), released: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case h.held <- struct{}{}:
			<-h.released
		case <-h.released: // the test did not expect this question
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(h.release)
	h.address = strings.TrimPrefix(server.URL, "http://")
	return h
}

// of returns a question to the held probe of an app.
func (h *heldProbes) of(namespace, app string) FailedQuestion {
	q := FailedQuestion{App: types.NamespacedName{Namespace: namespace, Name: app}, Where: Probe{Address: h.address}}
	h.backlogs.Track(q.App, q.Where)
	return q
}

// hold asks a question and returns when the probe has received it. The channel is
// closed when the question has ended.
func (h *heldProbes) hold(ctx context.Context, t *testing.T, q FailedQuestion) <-chan struct{} {
	t.Helper()
	ended := make(chan struct{})
	var err error
	h.asking.Go(func() {
		defer close(ended)
		_, err = h.backlogs.ListFailed(ctx, q)
	})
	select {
	case <-h.held:
	case <-ended:
		t.Fatalf("the probe of %s was not asked: %v", q.App, err)
	}
	return ended
}

func (h *heldProbes) release() {
	h.once.Do(func() { close(h.released) })
	h.asking.Wait()
}

// nobody returns a question to a probe that does not exist, which fails at once.
func nobody(namespace string) FailedQuestion {
	return FailedQuestion{App: types.NamespacedName{Namespace: namespace, Name: "web"}, Where: Probe{Address: "127.0.0.1:1"}}
}

func TestATenantsListsComeOneAfterTheOther(t *testing.T) {
	h := holdProbes(t)
	list := h.backlogs.ListFailed
	h.hold(t.Context(), t, h.of("shop", "web"))
	if _, err := list(t.Context(), nobody("shop")); !errors.Is(err, ErrBusy) {
		t.Errorf("while a probe of the namespace is asked, another ends with %v", err)
	}
	for i := range maxListings - 1 {
		if _, err := list(t.Context(), nobody("bank")); err == nil || errors.Is(err, ErrBusy) {
			t.Errorf("while %d others are asked, one ends with %v", i+1, err)
		}
		h.hold(t.Context(), t, h.of(fmt.Sprint("tenant-", i), "web"))
	}
	if _, err := list(t.Context(), nobody("bank")); !errors.Is(err, ErrBusy) {
		t.Errorf("while %d probes are asked, one more ends with %v", maxListings, err)
	}
	h.release()
	if _, err := list(t.Context(), nobody("shop")); err == nil || errors.Is(err, ErrBusy) {
		t.Errorf("afterwards it ends with %v", err)
	}
}

func TestProbesThatDoNotAnswerHoldUpNoneButEachOther(t *testing.T) {
	h := holdProbes(t)
	var silent []FailedQuestion
	for i := range maxListings + maxSlow {
		silent = append(silent, h.of(fmt.Sprint("silent-", i), "web"))
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := h.hold(ctx, t, silent[i])
		cancel(context.DeadlineExceeded) // as if it had not answered in time
		<-ended
	}
	for i := range maxSlow {
		h.hold(t.Context(), t, silent[i])
	}
	if _, err := h.backlogs.ListFailed(t.Context(), silent[maxSlow]); !errors.Is(err, ErrBusy) {
		t.Errorf("while %d silent probes are asked, one more ends with %v", maxSlow, err)
	}
	for i := range maxListings {
		h.hold(t.Context(), t, h.of(fmt.Sprint("tenant-", i), "web"))
	}
	h.release()
	for i, q := range silent {
		if answered := i < maxSlow; h.backlogs.isSlow(q.App) == answered {
			t.Errorf("the probe of %s has answered: %t, counts as silent: %t", q.App, answered, !answered)
		}
	}
}
