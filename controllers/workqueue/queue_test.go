// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package workqueue

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const workers = 8

func key(namespace string, i int) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: fmt.Sprint(i)}}
}

func newQueue(t *testing.T, budget *Budget) *Queue {
	q := New(Options{
		Name: strings.ToLower(t.Name()), Workers: workers, Budget: budget,
		Limiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Millisecond, time.Second),
	})
	t.Cleanup(q.ShutDown)
	return q
}

// work works on keys with all workers, as controller-runtime does.
func work(t *testing.T, q priorityqueue.PriorityQueue[reconcile.Request], each func(reconcile.Request)) {
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for {
				key, _, shutdown := q.GetWithPriority()
				if shutdown {
					return
				}
				each(key)
				q.Done(key)
			}
		})
	}
	t.Cleanup(func() {
		q.ShutDown()
		all.Wait()
	})
}

func within(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatalf("gave up waiting: %s", what)
	}
}

// TestKeysOfOneNamespaceDoNotDelayAnother: of 5000 earlier keys, at most one is worked
// on between two keys of another namespace.
func TestKeysOfOneNamespaceDoNotDelayAnother(t *testing.T) {
	q := newQueue(t, nil)
	for i := range 5000 {
		q.Add(key("crowd", i))
	}
	got, _, _ := q.GetWithPriority()
	q.Done(got)
	for i := range 3 {
		q.Add(key("shop", i))
	}
	turns := 0
	for served := 0; served < 3; turns++ {
		got, _, _ := q.GetWithPriority()
		q.Done(got)
		if got.Namespace == "shop" {
			served++
		}
	}
	if turns > 6 {
		t.Errorf("3 keys of a namespace were worked on within %d turns, want 6", turns)
	}
}

// TestSlowReconcilesOfOneNamespaceDoNotHoldAllWorkers: reconciles that do not end leave
// half of the workers to other namespaces.
func TestSlowReconcilesOfOneNamespaceDoNotHoldAllWorkers(t *testing.T) {
	q := newQueue(t, nil)
	release := make(chan struct{})
	held := make(chan struct{}, 100)
	served := make(chan struct{})
	var once sync.Once
	work(t, q, func(k reconcile.Request) {
		if k.Namespace == "crowd" {
			held <- struct{}{}
			<-release
			return
		}
		if k.Name == "99" {
			once.Do(func() { close(served) })
		}
	})
	for i := range 100 {
		q.Add(key("crowd", i))
	}
	for range workers / 2 {
		<-held
	}
	for i := range 100 {
		q.Add(key("shop", i))
	}
	within(t, "the keys of another namespace", served)
	if n := len(held); n != 0 {
		t.Errorf("one namespace holds %d workers", workers/2+n)
	}
	close(release)
}

// TestEveryKeyIsWorkedOn: whatever is added when, and however long it takes, each key
// is worked on after it was last added, and by one worker at a time.
func TestEveryKeyIsWorkedOn(t *testing.T) {
	q := newQueue(t, nil)
	var mu sync.Mutex
	open, owed, inHand := 0, map[reconcile.Request]bool{}, map[reconcile.Request]bool{}
	settled := make(chan struct{}, 1)
	work(t, q, func(k reconcile.Request) {
		mu.Lock()
		if inHand[k] {
			t.Errorf("%s is in the hands of two workers", k)
		}
		inHand[k] = true
		if owed[k] {
			owed[k] = false
			open--
		}
		mu.Unlock()
		time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
		mu.Lock()
		inHand[k] = false
		if open == 0 {
			select {
			case settled <- struct{}{}:
			default:
			}
		}
		mu.Unlock()
	})
	low := -100
	add := func(k reconcile.Request) {
		mu.Lock()
		if !owed[k] {
			owed[k] = true
			open++
		}
		mu.Unlock()
		switch rand.IntN(3) {
		case 0:
			q.Add(k)
		case 1:
			q.AddWithOpts(priorityqueue.AddOpts{Priority: &low}, k)
		default:
			q.AddWithOpts(priorityqueue.AddOpts{After: time.Millisecond}, k)
		}
	}
	for range 20_000 {
		add(key(fmt.Sprint("n", rand.IntN(1+rand.IntN(20))), rand.IntN(30)))
	}
	add(key("last", 0))
	deadline := time.After(time.Minute)
	for {
		select {
		case <-settled:
		case <-deadline:
			t.Fatalf("%d keys are not worked on", open)
		}
		mu.Lock()
		done := open == 0
		mu.Unlock()
		if done {
			break
		}
	}
	// A key that was added for later may come once more.
	left := func() string {
		q.order.mu.Lock()
		defer q.order.mu.Unlock()
		if q.order.waiting.Len()+len(q.order.spaces)+len(q.order.low)+q.order.places.Taken() == 0 {
			return ""
		}
		return fmt.Sprintf("%d keys, %d namespaces, %d of low priority, %d places",
			q.order.waiting.Len(), len(q.order.spaces), len(q.order.low), q.order.places.Taken())
	}
	for end := time.Now().Add(30 * time.Second); left() != ""; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("left behind: %s", left())
		}
	}
}

// TestLowPriorityCountsAmongTheKeysOfItsNamespaceAlone: the keys of the first list after a
// start come behind keys of the same namespace that an event has added, but not for ever.
func TestLowPriorityCountsAmongTheKeysOfItsNamespaceAlone(t *testing.T) {
	q := newQueue(t, nil)
	low := -100
	for i := range 100 {
		q.AddWithOpts(priorityqueue.AddOpts{Priority: &low}, key("crowd", i), key("shop", i))
	}
	q.Add(key("crowd", 90)) // is urgent from now on
	for i := range 100 {
		q.Add(key("crowd", 1000+i))
	}
	var order []string
	shop := 0
	for range 20 {
		got, _, _ := q.GetWithPriority()
		q.Done(got)
		if got.Namespace == "shop" {
			shop++
			continue
		}
		order = append(order, got.Name)
	}
	want := "90 1000 1001 0 1002 1003 1004 1 1005 1006"
	if got := strings.Join(order, " "); got != want || shop != 10 {
		t.Errorf("the keys of one namespace came as %s, want %s; those of another %d times of 20", got, want, shop)
	}
}

// TestQueueKeepsItsMetrics: dashboards use these metrics.
func TestQueueKeepsItsMetrics(t *testing.T) {
	q := newQueue(t, nil)
	for i := range 3 {
		q.Add(key("shop", i))
	}
	got, _, _ := q.GetWithPriority()
	q.Done(got)
	q.AddAfter(key("shop", 9), time.Hour)
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"workqueue_depth": 2, "workqueue_adds_total": 3, "workqueue_retries_total": 1, "workqueue_queue_duration_seconds": 1, "workqueue_work_duration_seconds": 1}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() != "name" || label.GetValue() != strings.ToLower(t.Name()) {
					continue
				}
				value := metric.GetGauge().GetValue() + metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
				if expected, ok := want[family.GetName()]; ok && value != expected {
					t.Errorf("%s is %v, want %v", family.GetName(), value, expected)
				}
				delete(want, family.GetName())
			}
		}
	}
	if len(want) != 0 {
		t.Errorf("missing: %v", want)
	}
}
