// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

const (
	// headerTime bounds the time for the headers of a request, readTime the time for the
	// whole request.
	headerTime = 2 * time.Second
	readTime   = 5 * time.Second
	// idleTime is how long an unused connection may stay open.
	idleTime = 3 * time.Second
	// trustedIdleTime is the same on the port for trusted peers.
	trustedIdleTime = time.Minute
	// maxHeader bounds the headers of a request, in bytes.
	maxHeader = 8 << 10
)

type contextKey struct{}

// NewServer returns a server for a Listener. answerTime bounds the time for an answer.
func NewServer(handler http.Handler, answerTime time.Duration) *http.Server {
	return &http.Server{
		Handler:           mark(handler),
		ConnContext:       remember,
		ReadTimeout:       readTime,
		ReadHeaderTimeout: headerTime,
		WriteTimeout:      answerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		// Every request reaches the handler, which may close the connection.
		DisableGeneralOptionsHandler: true,
		// Strangers must not be able to fill the log of the pod.
		ErrorLog: log.New(io.Discard, "", 0),
	}
}

// NewTrustedServer returns a server for a Listener behind TLS. authorize reports whether
// the client of a request is trusted. The connection of any other client is closed after
// its first answer, so that only trusted clients keep connections open.
func NewTrustedServer(handler http.Handler, authorize func(*http.Request) bool, answerTime time.Duration) *http.Server {
	server := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trusted := authorize(r)
		conn := connOf(r.Context())
		if conn != nil {
			conn.known.Store(trusted)
		}
		if !trusted || conn == nil || !conn.trust() {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), trustedKey{}, trusted)))
	}), answerTime)
	server.IdleTimeout = trustedIdleTime
	return server
}

type trustedKey struct{}

// Trusted reports whether the client of a request is trusted.
func Trusted(r *http.Request) bool {
	trusted, _ := r.Context().Value(trustedKey{}).(bool)
	return trusted
}

// remember lets a handler find its connection, even behind TLS.
func remember(ctx context.Context, conn net.Conn) context.Context {
	if layered, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = layered.NetConn()
	}
	return context.WithValue(ctx, contextKey{}, conn)
}

func connOf(ctx context.Context) *Conn {
	conn, _ := ctx.Value(contextKey{}).(*Conn)
	return conn
}

// mark prevents a connection from being closed while its answer is being made. While the
// answer is being written, the connection may be closed for a newer one. So a client that
// does not read keeps its place no longer than a client that does not ask. The same holds
// for a client that has to wait because it asks too often.
func mark(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn := connOf(r.Context()); conn != nil && !conn.await() {
			panic(http.ErrAbortHandler) // closes the connection without a log message
		}
		marked(handler, r, w.Header()).writeTo(w)
	})
}

func marked(handler http.Handler, r *http.Request, header http.Header) *answer {
	if conn := connOf(r.Context()); conn != nil {
		conn.serve(true)
		defer conn.serve(false)
	}
	made := &answer{header: header}
	handler.ServeHTTP(made, r)
	return made
}
