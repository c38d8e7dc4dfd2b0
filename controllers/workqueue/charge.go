// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package workqueue

import (
	"context"
	"runtime"
	"time"

	"github.com/go-logr/logr"
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
		defer func() { b.pay(ctrl.LoggerFrom(ctx), key.Namespace, threadTime()-began) }()
		return r.Reconcile(ctx, key)
	})
}

// Spend does work for a namespace at once, even if the namespace rests, and charges the
// CPU time it takes. It is for work outside of a reconcile, because Charge already
// charges all of a reconcile.
func (b *Budget) Spend(namespace string, work func()) {
	if b.unbounded() {
		work()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := threadTime()
	defer func() { b.Pay(namespace, threadTime()-began) }()
	work()
}

// Pay charges CPU time that the caller knows without measuring it.
func (b *Budget) Pay(namespace string, cpu time.Duration) {
	b.pay(ctrl.Log.WithName("budget").WithValues("namespace", namespace), namespace, cpu)
}

// pay charges CPU time. It logs if the namespace must rest from now on.
func (b *Budget) pay(log logr.Logger, namespace string, cpu time.Duration) {
	if b.spend(namespace, cpu) {
		log.Info("A namespace has used up its share of the CPU, so the operator reconciles its objects and asks its pods later",
			"share", b.share, "rest", b.Rest(namespace).String())
	}
}

// threadTime returns the CPU time that the current thread has used.
func threadTime() time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at); err != nil {
		return 0 // the kernel does not report it, so nothing is charged
	}
	return time.Duration(at.Nano())
}
