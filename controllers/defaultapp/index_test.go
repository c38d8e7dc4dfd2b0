// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package defaultapp

import (
	"math/rand/v2"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/test/builders"
)

func appNamed(name string) *cached.QueueApp {
	return &cached.QueueApp{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
}

// The rule is in effective.SelectApp; this test follows it from event to event.
func TestTheIndexFollowsTheRule(t *testing.T) {
	names := []string{"default", "web", "mail"}
	random := rand.New(rand.NewPCG(1, 2))
	var d Index
	there := map[string]bool{}
	for range 500 {
		name := names[random.IntN(len(names))]
		there[name] = random.IntN(2) == 0
		change := d.Note(appNamed(name), there[name])
		var apps []cached.QueueApp
		for _, name := range names {
			if there[name] {
				apps = append(apps, *appNamed(name))
			}
		}
		want := ""
		if app, _ := effective.SelectApp(builders.QueueWorker("shop", "a").Obj(), apps); app != nil {
			want = app.Name
		}
		if got := d.Of("shop"); got != want || change.After != want {
			t.Fatalf("of %v it is %q, and %q after the event; want %q", there, got, change.After, want)
		}
	}
	if got := d.Of("blog"); got != "" {
		t.Errorf("another namespace has %q", got)
	}
}

func TestTheIndexForgetsWhatIsGone(t *testing.T) {
	var d Index
	for _, name := range []string{"web", "mail"} {
		d.Note(appNamed(name), true)
	}
	for _, name := range []string{"mail", "mail", "web"} {
		d.Note(appNamed(name), false)
	}
	if len(d.names) != 0 {
		t.Errorf("of no QueueApps %v are remembered", d.names)
	}
}
