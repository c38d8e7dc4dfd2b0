// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package workqueue

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Charge wraps a reconciler and charges the CPU time it takes to the namespace of the
// key. It counts the time of its own thread: the time in which a reconcile computes and
// encodes, but not the time it waits, and not the time of other reconciles.
func (b *Budget) Charge(r reconcile.Reconciler) reconcile.Reconciler {
	if b.unbounded() {
		return r
	}
	return reconcile.Func(func(ctx context.Context, key reconcile.Request) (reconcile.Result, error) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		began := threadTime()
		defer func() {
			if cpu := threadTime() - began; b.spend(key.Namespace, cpu) {
				ctrl.LoggerFrom(ctx).Info("A namespace has used up its share of the CPU, so its objects are looked at later for now",
					"share", b.share, "rest", b.Rest(key.Namespace).String())
			}
		}()
		return r.Reconcile(ctx, key)
	})
}

// threadTime returns the CPU time that the current thread has used.
func threadTime() time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at); err != nil {
		return 0 // the kernel does not report it, so nothing is charged
	}
	return time.Duration(at.Nano())
}
