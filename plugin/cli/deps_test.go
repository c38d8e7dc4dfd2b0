// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
)

// TestTheBrakeEndsInATimeout: a request that must wait for its turn longer than its
// deadline has timed out. The exit code and the message must say so.
func TestTheBrakeEndsInATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := NewDeps(genericiooptions.NewTestIOStreamsDiscard(), "v1").Flags.WrapConfigFn(&rest.Config{})
		if config.RateLimiter == nil {
			t.Fatal("client-go's own brake is used, whose error is no timeout")
		}
		for accepted := true; accepted; accepted = config.RateLimiter.TryAccept() {
		}
		if err := config.RateLimiter.Wait(t.Context()); err != nil {
			t.Errorf("without an end: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := config.RateLimiter.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) || ctx.Err() == nil {
			t.Errorf("with too little time: %v, and the time has run out: %v", err, ctx.Err())
		}
	})
}
