// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"queueworker.dev/queueworker/controllers/cached"
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

// poolsAmong returns a reconciler of these pools, and the number of times it has listed
// them.
func poolsAmong(t *testing.T, pools ...client.Object) (r *Reconciler, lists *int) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := cached.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	lists = new(int)
	return &Reconciler{Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(pools...).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, inner client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			*lists++
			return inner.List(ctx, list, options...)
		},
	}).Build()}, lists
}

// The events of all namespaces are handled one after the other. So thousands of objects
// in one of them must not cost thousands of looks at thousands of objects.
func TestTheFirstListOfManyAppsIsNoWorkForEach(t *testing.T) {
	pools, lists := poolsAmong(t)
	queue := &countingQueue{}
	for i := range 4000 {
		app := event.CreateEvent{Object: appNamed(fmt.Sprintf("app-%d", i)), IsInInitialList: true}
		pools.appHandler().Create(t.Context(), app, queue)
	}
	if *lists != 0 || len(queue.added) > 0 {
		t.Errorf("there were %d lists and %d keys, want none", *lists, len(queue.added))
	}
}

func TestAQueueAppWakesThePoolsThatUseIt(t *testing.T) {
	r, _ := poolsAmong(t, workerNamed("shop", "unnamed", ""), workerNamed("shop", "of-web", "web"), workerNamed("shop", "of-mail", "mail"))
	create := func(name string) func(*countingQueue) {
		return func(queue *countingQueue) {
			r.appHandler().Create(t.Context(), event.CreateEvent{Object: appNamed(name)}, queue)
		}
	}
	change := func(name string) func(*countingQueue) {
		return func(queue *countingQueue) {
			r.appHandler().Update(t.Context(), event.UpdateEvent{ObjectOld: appNamed(name), ObjectNew: appNamed(name)}, queue)
		}
	}
	remove := func(name string) func(*countingQueue) {
		return func(queue *countingQueue) {
			r.appHandler().Delete(t.Context(), event.DeleteEvent{Object: appNamed(name)}, queue)
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
		{"the only app", create("web"), []string{"of-web", "unnamed"}},
		{"a change of it", change("web"), []string{"of-web", "unnamed"}},
		{"a second app makes it unclear", create("mail"), []string{"of-mail", "unnamed"}},
		{"a change where it is unclear", change("mail"), []string{"of-mail"}},
		{"a third app is told of", create("third"), []string{"unnamed"}},
		{"one fewer is told of", remove("third"), []string{"unnamed"}},
		{"the default one makes it clear", create("default"), []string{"unnamed"}},
		{"a change of another one", change("web"), []string{"of-web"}},
		{"others beside the default one", many(create), nil},
		{"a change of the default one", change("default"), []string{"unnamed"}},
		{"the default one goes", remove("default"), []string{"unnamed"}},
		{"one of many goes", remove("other-0"), nil},
		{"all but two go", many(remove), []string{"unnamed"}},
		{"all but one go", remove("web"), []string{"of-web", "unnamed"}},
		{"the last one goes", remove("mail"), []string{"of-mail", "unnamed"}},
	} {
		step.do(queue)
		if diff := cmp.Diff(step.want, queue.woken()); diff != "" {
			t.Errorf("%s wakes (-want +got):\n%s", step.name, diff)
		}
	}
}
