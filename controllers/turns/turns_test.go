// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package turns

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drain removes all items of a queue.
func drain(q *Queue[int]) (out []int) {
	for item, ok := q.Pop(nil); ok; item, ok = q.Pop(nil) {
		out = append(out, item)
	}
	return out
}

func TestNamespacesTakeTurns(t *testing.T) {
	q := &Queue[int]{}
	for i := range 1000 {
		q.Push("large", i)
	}
	q.Push("small", -1)
	q.Push("small", -2)
	got := drain(q)
	if at := slices.Index(got, -2); at > 3 {
		t.Errorf("the second item of a small namespace came as number %d", at+1)
	}
	if !slices.IsSorted(slices.DeleteFunc(got, func(i int) bool { return i < 0 })) {
		t.Error("the items of one namespace did not keep their order")
	}
	if q.Len() != 0 || q.Namespaces() != 0 {
		t.Errorf("an empty queue knows %d items of %d namespaces", q.Len(), q.Namespaces())
	}
}

func TestANewcomerGoesFirstOnce(t *testing.T) {
	q := &Queue[int]{}
	for i := range 300 {
		namespace := fmt.Sprint(i)
		q.Push(namespace, 1)
		q.Push(namespace, 1)
	}
	for range 300 {
		q.Pop(nil)
	}
	q.Push("rare", 7)
	if got, _ := q.Pop(nil); got != 7 {
		t.Error("a namespace that had nothing waiting is behind 300 that always have")
	}
	// An item that it adds just after its turn waits for the next turn.
	q.Push("rare", 8)
	if at := slices.Index(drain(q), 8); at != 300 {
		t.Errorf("a namespace that was just served came after %d of 300 others", at)
	}
}

func TestANamespaceThatMayNotHaveATurnKeepsItsPlace(t *testing.T) {
	q := &Queue[int]{}
	for i := range 3 {
		q.Push("a", i)
		q.Push("b", 10+i)
	}
	notA := func(namespace string) bool { return namespace != "a" }
	if got, ok := q.Pop(notA); !ok || got != 10 {
		t.Errorf("Pop() = %d, %t, want 10", got, ok)
	}
	if got, ok := q.Pop(nil); !ok || got != 0 {
		t.Errorf("Pop() = %d, %t, want the item that was passed", got, ok)
	}
	if q.Any(func(string) bool { return false }) {
		t.Error("Any() finds an item that nobody may have")
	}
}

// TestNoNamespaceWaitsLongerThanARound: whatever is pushed and popped, a namespace with
// items is served before any other is served twice more. Nothing is lost, nothing comes
// twice, and an empty queue keeps nothing.
func TestNoNamespaceWaitsLongerThanARound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := &Queue[int]{}
		model := map[string][]int{}
		// passed counts how often each other namespace was served while one waited.
		passed := map[string]map[string]int{}
		next := 0
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "push") {
				namespace := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "namespace")
				q.Push(namespace, next)
				if len(model[namespace]) == 0 {
					passed[namespace] = map[string]int{}
				}
				model[namespace] = append(model[namespace], next)
				next++
				continue
			}
			item, ok := q.Pop(nil)
			served := ""
			for namespace, items := range model {
				if len(items) > 0 && items[0] == item && ok {
					served = namespace
				}
			}
			if ok != (served != "") {
				t.Fatalf("Pop() = %d, %t of %v", item, ok, model)
			}
			if !ok {
				continue
			}
			model[served] = model[served][1:]
			passed[served] = map[string]int{}
			for namespace, items := range model {
				if len(items) == 0 || namespace == served {
					continue
				}
				if passed[namespace][served]++; passed[namespace][served] > 2 {
					t.Fatalf("%s was served %d times while %s waited", served, passed[namespace][served], namespace)
				}
			}
		}
		left := 0
		for _, items := range model {
			left += len(items)
		}
		if q.Len() != left || len(drain(q)) != left || q.Namespaces() != 0 {
			t.Fatalf("%d items are left of %d, %d namespaces", q.Len(), left, q.Namespaces())
		}
	})
}

// TestPlacesLeaveSomeToTheNext: k namespaces that take all the places they may leave at
// least floor(total / 2^k) places. A namespace that holds none may have any free place.
func TestPlacesLeaveSomeToTheNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total, greedy := rapid.IntRange(1, 64).Draw(t, "places"), rapid.IntRange(1, 5).Draw(t, "namespaces")
		p := NewPlaces(total)
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			namespace := fmt.Sprint(rapid.IntRange(0, greedy-1).Draw(t, "namespace"))
			switch {
			case rapid.Float64Range(0, 1).Draw(t, "gives") < 0.3:
				if p.Holds(namespace) > 0 {
					p.Give(namespace)
				}
			case p.May(namespace):
				p.Take(namespace)
			}
			if p.Taken() > total {
				t.Fatalf("%d of %d places are taken", p.Taken(), total)
			}
			if free := total - p.Taken(); free < total>>greedy {
				t.Fatalf("%d namespaces leave %d of %d places", greedy, free, total)
			}
			if p.Taken() < total && !p.May("new") {
				t.Fatal("a free place is refused to a namespace that holds none")
			}
		}
	})
}

func TestPace(t *testing.T) {
	p := &Pace{}
	for relapse, want := range []int{8, 16, 32, 64, 64} {
		p.Answered(false)
		answers := 0
		for p.Slow() {
			p.Answered(true)
			answers++
		}
		if answers != want {
			t.Errorf("after relapse %d it is quick after %d answers, want %d", relapse+1, answers, want)
		}
	}
	for range forgiven {
		p.Answered(true)
	}
	p.Answered(false)
	for range leastQuick {
		p.Answered(true)
	}
	if p.Slow() {
		t.Error("a long time of quick answers is not forgiven for")
	}
}

func TestAFIFOGivesItsMemoryBack(t *testing.T) {
	q := &FIFO[int]{}
	for i := range 100_000 {
		q.Push(i)
	}
	for i := range 100_000 {
		if got := q.Pop(); got != i {
			t.Fatalf("Pop() = %d, want %d", got, i)
		}
	}
	if cap(q.items) > keptItems {
		t.Errorf("an empty queue keeps memory for %d items", cap(q.items))
	}
	for i := range 10_000 {
		q.Push(i)
		q.Push(i)
		q.Pop()
		q.Pop()
	}
	if cap(q.items) > 2*keptItems {
		t.Errorf("a queue of at most 2 items keeps memory for %d", cap(q.items))
	}
}
