// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueapp

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/test/builders"
)

// countingQueue remembers the names that were added to it.
type countingQueue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	added []string
}

func (q *countingQueue) Add(request reconcile.Request) { q.added = append(q.added, request.Name) }

// woken returns the names added since the last call, in order and each once.
func (q *countingQueue) woken() []string {
	out := slices.Compact(slices.Sorted(slices.Values(q.added)))
	q.added = nil
	return out
}

func appNamed(name string) *cached.QueueApp {
	return &cached.QueueApp{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
}

func poolOf(name, app string) *v1alpha1.QueueWorker {
	worker := builders.QueueWorker("shop", name).Obj()
	worker.Spec.AppName = app
	return worker
}

// The events of all namespaces are handled one after the other. So thousands of objects
// in one of them must not cost thousands of looks at thousands of objects.
func TestTheFirstListOfManyObjectsIsNoWorkForEach(t *testing.T) {
	const many = 4000
	apps := &Reconciler{} // without a client that could list anything
	queue := &countingQueue{}
	for i := range many {
		apps.besideHandler().Create(t.Context(), event.CreateEvent{Object: appNamed(fmt.Sprintf("app-%d", i)), IsInInitialList: true}, queue)
		for _, of := range []string{"", "app-0"} {
			apps.workerHandler().Create(t.Context(), event.CreateEvent{Object: poolOf(fmt.Sprintf("pool-%d", i), of), IsInInitialList: true}, queue)
		}
	}
	if len(queue.added) > 2 {
		t.Errorf("there were %d keys, want at most 2", len(queue.added))
	}
	for i := range many {
		apps.besideHandler().Create(t.Context(), event.CreateEvent{Object: appNamed(fmt.Sprintf("later-%d", i))}, queue)
		for _, of := range []string{"", "app-0"} {
			apps.workerHandler().Create(t.Context(), event.CreateEvent{Object: poolOf("pool", of)}, queue)
		}
	}
	if len(queue.added) > 2+many {
		t.Errorf("later there were %d keys, want one for each pool that names an app", len(queue.added))
	}
}

func TestAQueueAppWakesTheAppsBesideIt(t *testing.T) {
	apps := &Reconciler{}
	create := func(name string) func(*countingQueue) {
		return func(queue *countingQueue) {
			apps.besideHandler().Create(t.Context(), event.CreateEvent{Object: appNamed(name)}, queue)
		}
	}
	change := func(name string) func(*countingQueue) {
		return func(queue *countingQueue) {
			apps.besideHandler().Update(t.Context(), event.UpdateEvent{ObjectOld: appNamed(name), ObjectNew: appNamed(name)}, queue)
		}
	}
	remove := func(name string) func(*countingQueue) {
		return func(queue *countingQueue) {
			apps.besideHandler().Delete(t.Context(), event.DeleteEvent{Object: appNamed(name)}, queue)
		}
	}
	many := func(of func(string) func(*countingQueue)) func(*countingQueue) {
		return func(queue *countingQueue) {
			for i := range 10 {
				of(fmt.Sprintf("other-%d", i))(queue)
			}
		}
	}
	queue := &countingQueue{}
	for _, step := range []struct {
		name string
		do   func(*countingQueue)
		want []string
	}{
		{"the only app", create("web"), []string{"web"}},
		{"a change of it", change("web"), nil},
		{"a second app makes it unclear", create("mail"), []string{"web"}},
		{"a change where it is unclear", change("mail"), nil},
		{"a third app is told of", create("third"), nil},
		{"one fewer is told of", remove("third"), nil},
		{"the default one makes it clear", create("default"), []string{"default"}},
		{"a change of another one", change("web"), nil},
		{"others beside the default one", many(create), nil},
		{"a change of the default one", change("default"), nil},
		{"the default one goes", remove("default"), []string{"default"}},
		{"one of many goes", remove("other-0"), nil},
		{"all but two go", many(remove), nil},
		{"all but one go", remove("web"), []string{"mail"}},
		{"the last one goes", remove("mail"), []string{"mail"}},
	} {
		step.do(queue)
		if diff := cmp.Diff(step.want, queue.woken()); diff != "" {
			t.Errorf("%s wakes (-want +got):\n%s", step.name, diff)
		}
	}
}

func TestAPoolWakesTheAppsThatItUsedAndUses(t *testing.T) {
	r := &Reconciler{}
	r.besideHandler().Create(t.Context(), event.CreateEvent{Object: appNamed("web")}, &countingQueue{})
	queue := &countingQueue{}
	for _, step := range []struct {
		name          string
		before, after string
		want          []string
	}{
		{"one that names its app", "mail", "mail", []string{"mail"}},
		{"one that names another", "mail", "news", []string{"mail", "news"}},
		{"one that names none", "", "", []string{"web"}},
		{"one that names none any more", "mail", "", []string{"mail", "web"}},
	} {
		r.workerHandler().Update(t.Context(), event.UpdateEvent{ObjectOld: poolOf("a", step.before), ObjectNew: poolOf("a", step.after)}, queue)
		if diff := cmp.Diff(step.want, queue.woken()); diff != "" {
			t.Errorf("%s wakes (-want +got):\n%s", step.name, diff)
		}
		r.workerHandler().Create(t.Context(), event.CreateEvent{Object: poolOf("a", step.after)}, queue)
		r.workerHandler().Delete(t.Context(), event.DeleteEvent{Object: poolOf("a", step.after)}, queue)
		if len(queue.woken()) != 1 {
			t.Errorf("%s wakes no app when it comes and goes", step.name)
		}
	}
}
