// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

// crowdSize is how many pools one tenant wakes at once: 600 in the long run, and as many
// as show the difference in a short one.
func crowdSize() int {
	if os.Getenv("QUEUEWORKER_LONG") == "1" {
		return 600
	}
	return 150
}

// TestPoolsOfOneNamespaceDoNotDelayAnother patches a QueueApp with many pools under one
// cap, once and then every 2 s, and tells how long the pool of another tenant takes to
// follow its spec meanwhile, as a multiple of what it takes alone in the same run.
func TestPoolsOfOneNamespaceDoNotDelayAnother(t *testing.T) {
	startOperator(t, operatorOptions{namespaceCPU: 0.1, interval: 5 * time.Second})
	shop, crowd := newNamespace(t), newNamespace(t)
	create(t, builders.QueueApp(shop, "shop").Obj(), builders.QueueWorker(shop, "emails").Obj())
	waitReady(t, shop, "emails")
	alone := latencies(t, shop, 15)

	app := builders.QueueApp(crowd, "crowd").MaxProcesses(1).Obj()
	create(t, app)
	createCrowd(t, crowd, crowdSize())
	waitFor(t, crowd, "crowd-0", "is looked at", func(*v1alpha1.QueueWorker) error { return nil })

	created := latencies(t, shop, 15)
	cpu, began := cpuTime(t), time.Now()
	stop := patchEvery(t, crowd, "crowd", 2*time.Second)
	patched := latencies(t, shop, 30)
	stop()
	used := float64(cpuTime(t)-cpu) / float64(time.Since(began))

	t.Logf("%d pools: alone %s; right after they were created %s (%.2f of it); patched every 2 s %s (%.2f of it), %.0f %% of a CPU with the test's own",
		crowdSize(), median(alone), median(created), ratio(created, alone), median(patched), ratio(patched, alone), 100*used)
	// The apiserver and the test itself share the machine with the operator, so that a
	// median may double; behind all pools of another tenant it is many times as much.
	for what, got := range map[string][]time.Duration{"right after many pools were created": created, "while many pools are woken": patched} {
		if ratio(got, alone) > 3 && median(got) > median(alone)+500*time.Millisecond {
			t.Errorf("%s, a pool of another tenant takes %s to follow its spec, %s alone", what, median(got), median(alone))
		}
	}
}

// createCrowd creates many pools, a few at a time.
func createCrowd(t *testing.T, namespace string, n int) {
	t.Helper()
	var all sync.WaitGroup
	failed := make([]error, n)
	places := make(chan struct{}, 16)
	for i := range n {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			failed[i] = api.Create(t.Context(), builders.QueueWorker(namespace, fmt.Sprint("crowd-", i)).Processes(2).Stopped(true).Obj())
		})
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Fatal(err)
	}
}

// patchEvery changes the cap of a QueueApp again and again until it is stopped.
func patchEvery(t *testing.T, namespace, name string, pause time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for limit := 2; ; limit++ {
			app := &v1alpha1.QueueApp{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
			patch := fmt.Appendf(nil, `{"spec":{"maxProcesses":%d}}`, limit)
			if err := api.Patch(ctx, app, client.RawPatch("application/merge-patch+json", patch)); err != nil && ctx.Err() == nil {
				done <- err
				return
			}
			select {
			case <-ctx.Done():
				done <- nil
				return
			case <-time.After(pause):
			}
		}
	}()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// latencies are how long the Deployment of the pool emails takes to follow its spec.
func latencies(t *testing.T, namespace string, n int) []time.Duration {
	t.Helper()
	var out []time.Duration
	for i := range n {
		began := time.Now()
		want := fmt.Sprint(time.Duration(60+i) * time.Second)
		changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) {
			w.Spec.Processes = new(int32(1 + i%2))
			w.Spec.Timeout = &metav1.Duration{Duration: time.Duration(60+i) * time.Second}
		})
		worker := &v1alpha1.QueueWorker{}
		within(t, 2*time.Minute, "status after timeout "+want, func(ctx context.Context) error {
			err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "emails"}, worker)
			if err == nil && worker.Status.ObservedGeneration != worker.Generation {
				err = apierrors.NewTimeoutError("status is of an earlier generation", 0)
			}
			return err
		})
		out = append(out, time.Since(began))
	}
	return out
}

func median(of []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

func ratio(of, to []time.Duration) float64 { return float64(median(of)) / float64(median(to)) }

// cpuTime is what this process, the operator in it, has used.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
