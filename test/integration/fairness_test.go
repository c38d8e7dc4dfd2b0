// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

// crowdSize is how many pools one tenant wakes at once: 600 in the long run, and in a
// short run as many as show the difference.
func crowdSize() int {
	if os.Getenv("QUEUEWORKER_LONG") == "1" {
		return 600
	}
	return 150
}

// TestPoolsOfOneNamespaceDoNotDelayAnother starts an operator while one tenant has many
// new pools under one cap and another tenant has one new pool. It counts the writes for
// the many pools before the first write for the single pool, and until that pool has its
// Deployment.
func TestPoolsOfOneNamespaceDoNotDelayAnother(t *testing.T) {
	namespaces := []string{newNamespace(t), newNamespace(t)}
	slices.Sort(namespaces)
	crowd, shop := namespaces[0], namespaces[1] // the first list has the crowd first
	create(t, builders.QueueApp(crowd, "crowd").MaxProcesses(1).Obj())
	createCrowd(t, crowd, crowdSize())
	create(t, builders.QueueApp(shop, "shop").Obj(), builders.QueueWorker(shop, "emails").Obj())

	writes := &writeOrder{}
	startOperator(t, operatorOptions{namespaceCPU: 0.1, interval: 5 * time.Second, transport: writes.transport})
	within(t, 5*time.Minute, "the pool of the other tenant is made", func(context.Context) error {
		return api.Get(t.Context(), client.ObjectKey{Namespace: shop, Name: "emails-worker"}, &appsv1.Deployment{})
	})
	first, last := writes.before(crowd, shop)
	t.Logf("%d pools: %d writes for them come before the first for another tenant's pool, %d until its Deployment", crowdSize(), first, last)
	// The crowd gets 4 of 8 workers, each of which writes a few objects in its turn.
	if most := 60; first > most/2 || last > most {
		t.Errorf("%d writes for the pools of one tenant come before the first for that of another, and %d before its Deployment, want at most %d and %d", first, last, most/2, most)
	}
	if os.Getenv("QUEUEWORKER_LONG") == "1" {
		compareLatencies(t, shop, crowd)
	}
}

// compareLatencies measures how long the pool of a tenant takes to follow its spec while
// a QueueApp with many pools is patched every 2 s. It reports that as a multiple of the
// time without patches.
func compareLatencies(t *testing.T, shop, crowd string) {
	t.Helper()
	waitReady(t, shop, "emails")
	for i := range crowdSize() {
		within(t, 5*time.Minute, "all pools are looked at", func(ctx context.Context) error {
			worker := &v1alpha1.QueueWorker{}
			err := api.Get(ctx, client.ObjectKey{Namespace: crowd, Name: fmt.Sprint("crowd-", i)}, worker)
			if err == nil && worker.Status.ObservedGeneration == 0 {
				err = errors.New("it has no status")
			}
			return err
		})
	}
	alone := latencies(t, shop, 30)
	cpu, began := cpuTime(t), time.Now()
	stop := patchEvery(t, crowd, "crowd", 2*time.Second)
	patched := latencies(t, shop, 60)
	stop()
	used := float64(cpuTime(t)-cpu) / float64(time.Since(began))
	t.Logf("%d pools patched every 2 s: a pool of another tenant takes %s, %s alone, %.2f of it; %.0f %% of a CPU, with the test's own",
		crowdSize(), median(patched), median(alone), ratio(patched, alone), 100*used)
	if ratio(patched, alone) > 1.5 {
		t.Errorf("a pool of another tenant takes %s to follow its spec, %s alone", median(patched), median(alone))
	}
}

// writeOrder records for which namespaces an operator writes, in order.
type writeOrder struct {
	mu    sync.Mutex
	paths []string
}

func (w *writeOrder) transport(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet {
			w.mu.Lock()
			w.paths = append(w.paths, r.URL.Path)
			w.mu.Unlock()
		}
		return next.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// before counts the writes for the namespace crowd before the first write for the
// namespace shop, and before the write of shop's Deployment.
func (w *writeOrder) before(crowd, shop string) (first, deployment int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first = -1
	for _, path := range w.paths {
		switch {
		case strings.Contains(path, "/"+crowd+"/"):
			deployment++
		case !strings.Contains(path, "/"+shop+"/"):
		case strings.Contains(path, "/deployments"):
			return max(first, 0), deployment
		case first < 0:
			first = deployment
		}
	}
	return first, deployment
}

// createCrowd creates n pools, a few at a time.
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

// patchEvery changes the cap of a QueueApp repeatedly until it is stopped.
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

// latencies returns how long the Deployment of the pool emails takes to follow its spec,
// n times.
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

// cpuTime returns the CPU time that this process, which includes the operator, has used.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
