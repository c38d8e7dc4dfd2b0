// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"math/rand/v2"
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

	"queueworker.dev/queueworker/api/effective"
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
func poolsAmong(t *testing.T, pools ...client.Object) (r *QueueWorkerReconciler, lists *int) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	lists = new(int)
	return &QueueWorkerReconciler{Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(pools...).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, inner client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			*lists++
			return inner.List(ctx, list, options...)
		},
	}).Build()}, lists
}

// The events of all namespaces are handled one after the other. So thousands of objects
// in one of them must not cost thousands of looks at thousands of objects.
func TestTheFirstListOfManyObjectsIsNoWorkForEach(t *testing.T) {
	const many = 4000
	pools, lists := poolsAmong(t)
	apps := &QueueAppReconciler{Client: pools.Client}
	queue := &countingQueue{}
	for i := range many {
		app := event.CreateEvent{Object: appNamed(fmt.Sprintf("app-%d", i)), IsInInitialList: true}
		apps.besideHandler().Create(t.Context(), app, queue)
		pools.appHandler().Create(t.Context(), app, queue)
		for _, of := range []string{"", "app-0"} {
			pool := event.CreateEvent{Object: workerNamed("shop", fmt.Sprintf("pool-%d", i), of), IsInInitialList: true}
			apps.workerHandler().Create(t.Context(), pool, queue)
		}
	}
	if *lists != 0 || len(queue.added) > 2 {
		t.Errorf("there were %d lists and %d keys, want none and at most 2", *lists, len(queue.added))
	}
	for i := range many {
		apps.besideHandler().Create(t.Context(), event.CreateEvent{Object: appNamed(fmt.Sprintf("later-%d", i))}, queue)
		for _, of := range []string{"", "app-0"} {
			apps.workerHandler().Create(t.Context(), event.CreateEvent{Object: workerNamed("shop", "pool", of)}, queue)
		}
	}
	if *lists != 0 || len(queue.added) > 2+many {
		t.Errorf("later there were %d lists and %d keys, want none and one for each pool that names an app", *lists, len(queue.added))
	}
}

func TestAQueueAppWakesThePoolsThatUseItOrOthers(t *testing.T) {
	r, _ := poolsAmong(t, workerNamed("shop", "unnamed", ""), workerNamed("shop", "of-web", "web"), workerNamed("shop", "of-mail", "mail"))
	apps := &QueueAppReconciler{Client: r.Client}
	create := func(name string) func(*countingQueue, *countingQueue) {
		return func(pools, beside *countingQueue) {
			r.appHandler().Create(t.Context(), event.CreateEvent{Object: appNamed(name)}, pools)
			apps.besideHandler().Create(t.Context(), event.CreateEvent{Object: appNamed(name)}, beside)
		}
	}
	change := func(name string) func(*countingQueue, *countingQueue) {
		return func(pools, beside *countingQueue) {
			e := event.UpdateEvent{ObjectOld: appNamed(name), ObjectNew: appNamed(name)}
			r.appHandler().Update(t.Context(), e, pools)
			apps.besideHandler().Update(t.Context(), e, beside)
		}
	}
	remove := func(name string) func(*countingQueue, *countingQueue) {
		return func(pools, beside *countingQueue) {
			r.appHandler().Delete(t.Context(), event.DeleteEvent{Object: appNamed(name)}, pools)
			apps.besideHandler().Delete(t.Context(), event.DeleteEvent{Object: appNamed(name)}, beside)
		}
	}
	many := func(of func(string) func(*countingQueue, *countingQueue)) func(*countingQueue, *countingQueue) {
		return func(pools, beside *countingQueue) {
			for i := range 10 {
				of(fmt.Sprintf("other-%d", i))(pools, beside)
			}
		}
	}
	pools, beside := &countingQueue{}, &countingQueue{}
	for _, step := range []struct {
		name          string
		do            func(pools, beside *countingQueue)
		pools, beside []string
	}{
		{"the only app", create("web"), []string{"of-web", "unnamed"}, []string{"web"}},
		{"a change of it", change("web"), []string{"of-web", "unnamed"}, nil},
		{"a second app makes it unclear", create("mail"), []string{"of-mail", "unnamed"}, []string{"web"}},
		{"a change where it is unclear", change("mail"), []string{"of-mail"}, nil},
		{"a third app is told of", create("third"), []string{"unnamed"}, nil},
		{"one fewer is told of", remove("third"), []string{"unnamed"}, nil},
		{"the default one makes it clear", create("default"), []string{"unnamed"}, []string{"default"}},
		{"a change of another one", change("web"), []string{"of-web"}, nil},
		{"others beside the default one", many(create), nil, nil},
		{"a change of the default one", change("default"), []string{"unnamed"}, nil},
		{"the default one goes", remove("default"), []string{"unnamed"}, []string{"default"}},
		{"one of many goes", remove("other-0"), nil, nil},
		{"all but two go", many(remove), []string{"unnamed"}, nil},
		{"all but one go", remove("web"), []string{"of-web", "unnamed"}, []string{"mail"}},
		{"the last one goes", remove("mail"), []string{"of-mail", "unnamed"}, []string{"mail"}},
	} {
		step.do(pools, beside)
		if diff := cmp.Diff(step.pools, pools.woken()) + cmp.Diff(step.beside, beside.woken()); diff != "" {
			t.Errorf("%s wakes (-want +got):\n%s", step.name, diff)
		}
	}
	if len(r.defaults.names) != 0 || len(apps.defaults.names) != 0 {
		t.Errorf("of no QueueApps %v and %v are remembered", r.defaults.names, apps.defaults.names)
	}
}

func TestAPoolWakesTheAppsThatItUsedAndUses(t *testing.T) {
	r := &QueueAppReconciler{}
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
		r.workerHandler().Update(t.Context(), event.UpdateEvent{ObjectOld: workerNamed("shop", "a", step.before), ObjectNew: workerNamed("shop", "a", step.after)}, queue)
		if diff := cmp.Diff(step.want, queue.woken()); diff != "" {
			t.Errorf("%s wakes (-want +got):\n%s", step.name, diff)
		}
		r.workerHandler().Create(t.Context(), event.CreateEvent{Object: workerNamed("shop", "a", step.after)}, queue)
		r.workerHandler().Delete(t.Context(), event.DeleteEvent{Object: workerNamed("shop", "a", step.after)}, queue)
		if len(queue.woken()) != 1 {
			t.Errorf("%s wakes no app when it comes and goes", step.name)
		}
	}
}

// The rule is in effective.SelectApp; this test follows it from event to event.
func TestDefaultAppsFollowTheRule(t *testing.T) {
	names := []string{"default", "web", "mail"}
	random := rand.New(rand.NewPCG(1, 2))
	var d defaultApps
	there := map[string]bool{}
	for range 500 {
		name := names[random.IntN(len(names))]
		there[name] = random.IntN(2) == 0
		change := d.note(appNamed(name), there[name])
		var apps []cached.QueueApp
		for _, name := range names {
			if there[name] {
				apps = append(apps, *appNamed(name))
			}
		}
		want := ""
		if app, _ := effective.SelectApp(workerNamed("shop", "a", ""), apps); app != nil {
			want = app.Name
		}
		if got := d.of("shop"); got != want || change.after != want {
			t.Fatalf("of %v it is %q, and %q after the event; want %q", there, got, change.after, want)
		}
	}
	if got := d.of("blog"); got != "" {
		t.Errorf("another namespace has %q", got)
	}
}
