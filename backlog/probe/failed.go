// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

const (
	// maxFailedRequest bounds a request for failed jobs, in bytes.
	maxFailedRequest = 8 << 10
	// failedDeadline bounds the time to list failed jobs.
	failedDeadline = 6 * time.Second
	// maxSearch and maxToken bound the search text and the token of a page, in bytes.
	maxSearch = 1024
	maxToken  = 512
)

// Failed lists failed jobs for one request at a time.
type Failed struct {
	lister backlog.FailedLister
	// broken says why there is no lister.
	broken *backlog.Error
	turn   chan struct{}
}

// NewFailed returns a Failed that uses lister. If lister is nil, problem says why.
func NewFailed(lister backlog.FailedLister, problem *backlog.Error) *Failed {
	if lister == nil && problem == nil {
		problem = backlog.Errorf(protocol.BacklogMisconfigured, "It is not known where the failed jobs are.")
	}
	return &Failed{lister: lister, broken: problem, turn: make(chan struct{}, 1)}
}

// serve returns a handler that lists failed jobs.
func (f *Failed) serve(identity Identity) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxFailedRequest))
		if err != nil {
			http.Error(w, fmt.Sprintf("the request could not be read whole; at most %d bytes are allowed", maxFailedRequest), http.StatusRequestEntityTooLarge)
			return
		}
		request, err := parseFailed(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		list := f.answer(r.Context(), request)
		list.Version, list.PodUID = protocol.Version, identity.PodUID
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(list)
	}
}

// answer lists failed jobs. A panic of the lister costs only this answer.
func (f *Failed) answer(ctx context.Context, request protocol.FailedRequest) (list protocol.FailedList) {
	if f.broken != nil {
		return protocol.FailedList{Reason: f.broken.Reason, Message: f.broken.Message}
	}
	ctx, cancel := context.WithTimeout(ctx, failedDeadline)
	defer cancel()
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return protocol.FailedList{Reason: protocol.BacklogUnreachable, Message: "The backlog probe is busy with another list of failed jobs: ask again."}
	}
	defer func() {
		if fault := recover(); fault != nil {
			list = protocol.FailedList{Reason: protocol.BacklogUnreadable, Message: fmt.Sprintf("The probe failed on what the database answered (%T); please report this.", fault)}
		}
	}()
	list, err := f.lister.ListFailed(ctx, request)
	if err != nil {
		problem := backlog.AsError(err, nil)
		return protocol.FailedList{Reason: problem.Reason, Message: problem.Message}
	}
	return list
}

func parseFailed(body []byte) (protocol.FailedRequest, error) {
	var request protocol.FailedRequest
	if json.Unmarshal(body, &request) != nil {
		return request, errors.New("the request is no JSON document such as {\"limit\": 50}")
	}
	switch {
	case request.Limit < 1 || request.Limit > protocol.MaxFailedJobs:
		return request, fmt.Errorf("limit must be between 1 and %d", protocol.MaxFailedJobs)
	case len(request.Search) > maxSearch || !plain(request.Search):
		return request, fmt.Errorf("search must be one line of at most %d bytes", maxSearch)
	case len(request.Queue) > maxNameBytes || !plain(request.Queue):
		return request, fmt.Errorf("queue must be a name of at most %d bytes", maxNameBytes)
	case len(request.Continue) > maxToken:
		return request, errors.New("continue is too long")
	}
	return request, nil
}

// plain reports whether a database accepts a text.
func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
