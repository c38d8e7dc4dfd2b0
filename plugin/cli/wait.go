// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"

	"queueworker.dev/queueworker/console/view"
)

// glance is the interval at which a waiting command looks.
const glance = 500 * time.Millisecond

// Within limits a wait to length; 0 means for ever. The error of a wait that ran out
// names allowed, the time that the user gave.
func Within(ctx context.Context, length, allowed time.Duration) (context.Context, context.CancelFunc) {
	if length <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, length, fmt.Errorf("not within %s", allowed))
}

// Until polls met until it is done, or until ctx, which Within made, is over. It ignores
// errors that may pass by themselves, because the work goes on whether the cluster
// answers or not.
func Until(ctx context.Context, what string, met func(context.Context) (done bool, seen string, err error)) error {
	var seen string
	err := wait.PollUntilContextCancel(ctx, glance, true, func(ctx context.Context) (bool, error) {
		done, now, err := met(ctx)
		switch {
		case err == nil:
		case ctx.Err() != nil: // the error only repeats that ctx is over
			err = nil
		case passes(err):
			_, now = Explain(err)
			err = nil
		}
		if now != "" {
			seen = now
		}
		return done, err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return TimedOut("%s: %w; last seen: %s", what, context.Cause(ctx), view.Clean(seen))
	}
	return err
}

// passes reports whether an error comes from a cluster that is busy, restarting or out of
// reach for a while, and is not its answer.
func passes(err error) bool {
	var unreachable net.Error
	return apierrors.IsTooManyRequests(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err) ||
		apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || errors.As(err, &unreachable)
}
