// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/settings"
)

// Driver asks an HTTP endpoint; it implements backlog.Driver.
type Driver struct {
	settings settings.HTTP
	client   *http.Client
}

// Open returns a driver of the endpoint that a configuration names.
func Open(config protocol.ProbeConfig, environment settings.Environment) (backlog.Driver, error) {
	s, err := settings.NewHTTP(config, environment)
	if err != nil {
		return nil, err
	}
	return New(s), nil
}

// New returns a driver, which connects when it measures.
func New(s settings.HTTP) *Driver {
	transport := &http.Transport{
		// The endpoint belongs to the application, so no proxy of the environment
		// applies.
		Proxy: nil,
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			InsecureSkipVerify: s.InsecureSkipVerify, // the user asked for it
		},
		MaxConnsPerHost: 1, MaxIdleConns: 1, IdleConnTimeout: time.Minute,
		MaxResponseHeaderBytes: 16 << 10, DisableCompression: true,
	}
	return &Driver{settings: s, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Describe implements backlog.Driver.
func (d *Driver) Describe() string { return "the HTTP endpoint " + d.settings.Shown }

// Close implements backlog.Driver.
func (d *Driver) Close() error {
	d.client.CloseIdleConnections()
	return nil
}

// question is the request document.
type question struct {
	Queues []queue `json:"queues"`
}

type queue struct {
	Queue       string  `json:"queue"`
	SoonSeconds float64 `json:"soonSeconds"`
}

// Measure implements backlog.Driver.
func (d *Driver) Measure(ctx context.Context, request backlog.Request) ([]protocol.QueueDepth, error) {
	body, err := d.fetch(ctx, request)
	if err != nil {
		return nil, err
	}
	depths, err := parse(body, request.Queues)
	if err != nil {
		return nil, backlog.Errorf(protocol.BacklogUnreadable, "%s answered something else than docs/backlog-http.md says: %s.",
			d.settings.Shown, d.settings.Secrets.Clean(err.Error()))
	}
	return depths, nil
}

// fetch sends the question and returns the body of a successful answer.
func (d *Driver) fetch(ctx context.Context, request backlog.Request) ([]byte, error) {
	q := question{Queues: make([]queue, 0, len(request.Queues))}
	for _, wanted := range request.Queues {
		q.Queues = append(q.Queues, queue{Queue: wanted.Name, SoonSeconds: wanted.Soon.Seconds()})
	}
	document, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("write the question: %w", err)
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, d.settings.URL, bytes.NewReader(document))
	if err != nil {
		return nil, backlog.Errorf(protocol.BacklogMisconfigured, "connection.http.url of the QueueApp cannot be asked: write an address such as http://queue-depth:8080/backlog.")
	}
	post.Header.Set("Content-Type", "application/json")
	post.Header.Set("Accept", "application/json")
	post.Header.Set("User-Agent", "queueworker-backlog")
	if d.settings.Token != "" {
		post.Header.Set("Authorization", "Bearer "+d.settings.Token)
	}
	response, err := d.client.Do(post)
	if err != nil {
		return nil, d.explain(err)
	}
	defer func() { _ = response.Body.Close() }()
	if problem := d.refusal(response.StatusCode); problem != nil {
		return nil, problem
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, protocol.MaxBacklogBytes+1))
	if err != nil {
		return nil, d.explain(err)
	}
	if len(body) > protocol.MaxBacklogBytes {
		return nil, backlog.Errorf(protocol.BacklogUnreadable, "%s answered with more than %d bytes: it must answer only for the requested queues.",
			d.settings.Shown, protocol.MaxBacklogBytes)
	}
	return body, nil
}

func (d *Driver) explain(err error) error {
	if problem, ok := backlog.Unreachable(err, "the endpoint "+d.settings.Shown, "connection.http.insecureSkipVerify of the QueueApp"); ok {
		return problem
	}
	return backlog.Errorf(protocol.BacklogUnreadable, "%s does not answer as an HTTP server does: check connection.http.url of the QueueApp.", d.settings.Shown)
}

// refusals are the meanings of statuses other than 200.
var refusals = map[int]refusal{
	http.StatusUnauthorized:     denied,
	http.StatusForbidden:        denied,
	http.StatusNotFound:         notFound,
	http.StatusGone:             notFound,
	http.StatusMethodNotAllowed: notFound,
	http.StatusTooManyRequests:  unwell,
	http.StatusRequestTimeout:   unwell,
}

type refusal struct {
	reason protocol.BacklogError
	advice string
}

var (
	denied     = refusal{protocol.BacklogDenied, "check the token in BACKLOG_TOKEN, and what the endpoint allows"}
	notFound   = refusal{protocol.BacklogNotFound, "it must accept POST; check connection.http.url of the QueueApp"}
	unwell     = refusal{protocol.BacklogUnreachable, "see the endpoint's own log"}
	redirected = refusal{protocol.BacklogMisconfigured, "redirects are not followed; set connection.http.url of the QueueApp to where it leads"}
	odd        = refusal{protocol.BacklogUnreadable, "it must answer with 200; see docs/backlog-http.md"}
)

// refusal returns an error for a status other than 200. It does not show the body, which
// may hold anything.
func (d *Driver) refusal(status int) error {
	if status == http.StatusOK {
		return nil
	}
	r, known := refusals[status]
	switch {
	case known:
	case status >= 300 && status < 400:
		r = redirected
	case status >= 500:
		r = unwell
	default:
		r = odd
	}
	return backlog.Errorf(r.reason, "%s answered with the status %d (%s): %s.", d.settings.Shown, status, http.StatusText(status), r.advice)
}
