// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
)

// deleted is the event of a watch for a deleted pod.
type deleted struct{ object any }

// fakeCluster is an API server with the log of pod a and a watch. It sends the n-th event
// of watch when the log is requested for the n-th time, before the answer. It records the
// requests.
type fakeCluster struct {
	fakeLogs
	follower *Follower
	ctx      context.Context
	watch    map[int]any
	queries  []string
}

func (c *fakeCluster) RoundTrip(request *http.Request) (*http.Response, error) {
	query := request.URL.Query()
	var parts []string
	for _, key := range []string{"sinceTime", "sinceSeconds", "tailLines"} {
		if query.Has(key) {
			parts = append(parts, key+"="+query.Get(key))
		}
	}
	c.queries = append(c.queries, strings.Join(parts, " "))
	switch event := c.watch[len(c.queries)].(type) {
	case *corev1.Pod:
		c.follower.see(c.ctx, event, false)
	case deleted:
		c.follower.gone(event.object)
	}
	return c.fakeLogs.RoundTrip(request)
}

// over returns a pod whose worker container has ended.
func over(pod *corev1.Pod) *corev1.Pod {
	pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
	return pod
}

// restarted returns a pod whose worker container has restarted.
func restarted(name string) *corev1.Pod {
	pod := running(name)
	pod.Status.ContainerStatuses[0].ContainerID = name + " again"
	return pod
}

const (
	one   = "2026-11-23T12:00:01.1Z one\n"
	two   = "2026-11-23T12:00:01.2Z two\n"
	twin  = "2026-11-23T12:00:01.2Z twin\n" // printed in the same instant
	three = "2026-11-23T12:00:03Z three\n"

	// These ask for lines after a line: the API takes times in whole seconds.
	afterTwo   = "sinceTime=2026-11-23T12:00:01Z"
	afterThree = "sinceTime=2026-11-23T12:00:03Z"
)

var tooMany = answer{fault: apierrors.NewBadRequest("too many open files")}

// endings are the ways in which a log ends, and what happens to its pod meanwhile.
var endings = map[string]struct {
	tail    int64
	answers []answer
	watch   map[int]any
	want    []string
	wantAsk []string
}{
	"the instance runs on, and ends": {
		tail:    -1,
		answers: []answer{{text: one + two}, {text: one + two + twin}, {text: one + two + twin}, {text: one + two + twin + three}, {text: three}},
		watch:   map[int]any{4: over(running("a"))},
		want:    []string{"one", "two", "twin", "three"},
		wantAsk: []string{"", afterTwo, afterTwo, afterTwo, afterThree},
	},
	"within a line": {
		tail:    -1,
		answers: []answer{{text: one + two[:len(two)-2]}, {text: one + two + three[:9]}, {text: two + "2026-11-23T12:00:03Z no newline"}},
		watch:   map[int]any{2: over(running("a"))},
		want:    []string{"one", "two", "no newline"},
		wantAsk: []string{"", afterTwo, afterTwo},
	},
	"shortly before the instance": {
		tail:    -1,
		answers: []answer{{text: one}, {text: one + two}},
		watch:   map[int]any{1: over(running("a"))},
		want:    []string{"one", "two"},
		wantAsk: []string{"", afterTwo},
	},
	"before there is a line": {
		tail:    10,
		answers: []answer{{}, {text: one}, {text: one}},
		watch:   map[int]any{2: over(running("a"))},
		want:    []string{"one"},
		wantAsk: []string{"tailLines=10", "tailLines=10", afterTwo},
	},
	"before there is a line, and none of the past is wanted": {
		tail:    0,
		answers: []answer{{}, {}, {text: one}, {text: one}},
		watch:   map[int]any{3: over(running("a"))},
		want:    []string{"one"},
		wantAsk: []string{"tailLines=0", "sinceSeconds=2", "sinceSeconds=3", afterTwo},
	},
	"and is refused for a while": {
		tail:    -1,
		answers: []answer{tooMany, tooMany, {text: one}, tooMany, tooMany},
		watch:   map[int]any{3: over(running("a"))},
		want:    []string{"-- TriedAgain a: the log of pod a cannot be read: too many open files", "one"},
		wantAsk: []string{"", "", "", afterTwo},
	},
	"the pod is gone": {
		tail:    -1,
		answers: []answer{{text: one}, {text: one + two}, {fault: apierrors.NewNotFound(corev1.Resource("pods"), "a")}},
		watch:   map[int]any{2: deleted{running("a")}},
		want:    []string{"one", "-- Gone a", "two"},
		wantAsk: []string{"", afterTwo, afterTwo},
	},
	"the pod is gone, and the watch missed it": {
		tail:    -1,
		answers: []answer{{text: one}},
		watch:   map[int]any{2: deleted{toolscache.DeletedFinalStateUnknown{Obj: running("a")}}},
		want:    []string{"one", "-- Gone a"},
		wantAsk: []string{"", afterTwo, afterTwo},
	},
	"and the next instance is there already": {
		tail:    -1,
		answers: []answer{{text: one}, {text: two}, {text: two}, {text: two + three}, {text: three}},
		watch:   map[int]any{2: restarted("a"), 4: over(restarted("a"))},
		want:    []string{"one", "-- Started a", "two", "three"},
		wantAsk: []string{"", afterTwo, afterTwo, afterTwo, afterThree},
	},
}

// TestALogThatEndsInOrderGoesOn: it goes on as long as its instance runs, because an API
// server or a proxy ends a followed log at its time limit. No line is lost or shown
// twice.
func TestALogThatEndsInOrderGoesOn(t *testing.T) {
	for name, tc := range endings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var said []string
				f := &Follower{
					Options: Options{Tail: tc.tail}, pods: map[types.UID]*followed{},
					Show: func(line Line) error { said = append(said, line.Text); return nil },
					Note: func(note Note) { said = append(said, "-- "+told(note)) },
				}
				cluster := &fakeCluster{fakeLogs: fakeLogs{"a": tc.answers}, follower: f, ctx: t.Context(), watch: tc.watch}
				f.Core = coreOf(t, cluster)
				f.see(t.Context(), running("a"), true)
				f.streams.Wait()
				if diff := cmp.Diff(tc.want, said); diff != "" {
					t.Errorf("said differs (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tc.wantAsk, cluster.queries); diff != "" {
					t.Errorf("asked differs (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestAPodThatIsGoneIsForgotten: pods come and go for as long as logs are followed.
func TestAPodThatIsGoneIsForgotten(t *testing.T) {
	for name, object := range map[string]any{
		"the watch saw it":    running("a"),
		"the watch missed it": toolscache.DeletedFinalStateUnknown{Obj: running("a")},
	} {
		t.Run(name, func(t *testing.T) {
			f := &Follower{pods: map[types.UID]*followed{}, Note: func(Note) {}}
			f.see(t.Context(), over(running("a")), true)
			if len(f.pods) != 1 {
				t.Fatalf("it knows %d pods before, want 1", len(f.pods))
			}
			f.gone(object)
			if len(f.pods) != 0 {
				t.Errorf("it knows %d pods afterwards, want 0", len(f.pods))
			}
		})
	}
}
