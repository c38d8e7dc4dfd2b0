// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// answer holds an answer until the handler has completed it, so that no handler waits for
// a client that does not read.
type answer struct {
	header http.Header
	code   int
	body   bytes.Buffer
	// shared is a body that several answers share.
	shared []byte
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(code int) {
	if a.code == 0 {
		a.code = code
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// writeTo writes the answer to a client.
func (a *answer) writeTo(w http.ResponseWriter) {
	if a.code != 0 {
		w.WriteHeader(a.code)
	}
	_, _ = w.Write(a.body.Bytes())
	_, _ = w.Write(a.shared)
}

// sharedTime is how long a Shared answer is reused.
const sharedTime = time.Second

// Shared returns a handler that calls another handler at most once a second; see
// SharedFor.
func Shared(handler http.Handler) http.Handler { return SharedFor(sharedTime, handler) }

// SharedFor returns a handler that calls another handler at most once in a period, and
// gives its answer to every client in the meantime. So any number of clients costs as
// much as one client that asks once a period. Clients that are slow to read share the
// memory of a few answers. The other handler gets no headers and no parameters. It must
// serve a single path.
func SharedFor(period time.Duration, handler http.Handler) http.Handler {
	var mu sync.Mutex
	var last *answer
	var made time.Time
	latest := func(path string) *answer {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); last == nil || now.Sub(made) >= period {
			// The request of one client must not change the answer to other clients.
			next := &answer{header: http.Header{}}
			handler.ServeHTTP(next, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}, Header: http.Header{}})
			next.WriteHeader(http.StatusOK) // unless the handler set another code
			last, made = next, now
		}
		return last
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found := latest(r.URL.Path)
		for name, values := range found.header {
			w.Header()[name] = slices.Clone(values)
		}
		w.WriteHeader(found.code)
		if own, ok := w.(*answer); ok {
			own.shared = found.body.Bytes()
			return
		}
		_, _ = w.Write(found.body.Bytes())
	})
}
