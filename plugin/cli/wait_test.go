// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"queueworker.dev/queueworker/api/v1alpha1"
)

func TestWaitingEnds(t *testing.T) {
	ctx, cancel := Within(t.Context(), 10*time.Millisecond, 10*time.Millisecond)
	defer cancel()
	never := func(context.Context) (bool, string, error) { return false, "It is busy.", nil }
	code, sentence := Explain(Until(ctx, "QueueWorker emails", never))
	if code != CodeTimedOut || sentence != "QueueWorker emails: not within 10ms; last seen: It is busy." {
		t.Errorf("code %d: %s", code, sentence)
	}
}

// TestWaitingOutlivesHiccups: errors that may pass by themselves are waited out, and
// reported if they do not pass. A definite answer of the cluster ends the wait at once.
func TestWaitingOutlivesHiccups(t *testing.T) {
	workers := schema.GroupResource{Group: v1alpha1.GroupName, Resource: "queueworkers"}
	tests := map[string]struct {
		err  error
		ends bool
	}{
		"the apiserver restarts":   {err: &url.Error{Op: "Get", URL: "https://x", Err: errors.New("connection refused")}},
		"it does not answer":       {err: &url.Error{Op: "Get", URL: "https://x", Err: context.DeadlineExceeded}},
		"too many ask":             {err: apierrors.NewTooManyRequests("later", 1)},
		"it is unavailable":        {err: apierrors.NewServiceUnavailable("soon")},
		"its store does not reply": {err: apierrors.NewInternalError(errors.New("etcdserver: leader changed"))},
		"its store is slow":        {err: apierrors.NewTimeoutError("slow", 1)},
		"a right is missing":       {err: apierrors.NewForbidden(workers, "emails", nil), ends: true},
		"nobody knows the caller":  {err: apierrors.NewUnauthorized("expired"), ends: true},
		"it is gone":               {err: apierrors.NewNotFound(workers, "emails"), ends: true},
		"a run has failed":         {err: errors.New("run nightly-1 ended as Failed"), ends: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := Within(t.Context(), time.Minute, time.Minute)
				defer cancel()
				looks := 0
				err := Until(ctx, "QueueWorker emails", func(context.Context) (bool, string, error) {
					if looks++; looks < 4 {
						return false, "", tc.err
					}
					return true, "", nil
				})
				if tc.ends != (err != nil) || tc.ends && (looks != 1 || !errors.Is(err, tc.err)) {
					t.Errorf("after %d looks: %v", looks, err)
				}
				if tc.ends {
					return
				}
				err = Until(ctx, "QueueWorker emails", func(context.Context) (bool, string, error) { return false, "", tc.err })
				if code, sentence := Explain(err); code != CodeTimedOut || !strings.Contains(sentence, tc.err.Error()) {
					t.Errorf("in vain: code %d: %s", code, sentence)
				}
			})
		})
	}
}
