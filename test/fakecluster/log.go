// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package fakecluster

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"
)

// Log is an API server that answers every request with a log, which ends after a
// while.
type Log struct {
	// Text is the log. It ends Lasts after its last byte.
	Text  string
	Lasts time.Duration
}

// RoundTrip implements http.RoundTripper.
func (f Log) RoundTrip(request *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Request: request, Body: io.NopCloser(&stream{request.Context(), strings.NewReader(f.Text), f.Lasts})}, nil
}

type stream struct {
	ctx   context.Context
	text  *strings.Reader
	lasts time.Duration
}

func (f *stream) Read(data []byte) (int, error) {
	if f.text.Len() > 0 {
		return f.text.Read(data)
	}
	select {
	case <-f.ctx.Done():
		return 0, f.ctx.Err()
	case <-time.After(f.lasts):
		return 0, io.EOF
	}
}
