// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// placed returns a pool of the application in a directory that takes from a connection.
func placed(name, directory, connection string, changes ...func(*Placement)) Placement {
	p := Placement{Pool: Pool{Name: name}, Directory: directory, Connection: connection}
	for _, change := range changes {
		change(&p)
	}
	return p
}

// outline returns a line for each QueueApp, with its connection and its pools.
func outline(t *testing.T, result Result) []string {
	t.Helper()
	var out []string
	for _, app := range result.Apps {
		connection := ""
		if app.Spec.Connection != nil {
			connection = app.Spec.Connection.Name
		}
		var pools []string
		for _, pool := range app.Pools {
			pools = append(pools, pool.Name)
			if pool.Spec.AppName != app.Name {
				t.Errorf("%s is of the QueueApp %q, not %q", pool.Name, pool.Spec.AppName, app.Name)
			}
		}
		out = append(out, fmt.Sprintf("%s(%s): %s", app.Name, connection, strings.Join(pools, " ")))
	}
	return out
}

func TestWhichQueueAppAPoolGets(t *testing.T) {
	tests := map[string]struct {
		pools    []Placement
		settings Settings
		want     []string
	}{
		"one for a directory and a connection": {
			[]Placement{placed("a", "/srv/shop", "redis"), placed("b", "/srv/shop", "redis")}, Settings{}, []string{"shop(redis): a b"},
		},
		"one for each connection, named after it": {
			[]Placement{placed("a", "/srv/shop", ""), placed("b", "/srv/shop", "sqs"), placed("c", "/srv/shop", "redis")}, Settings{},
			[]string{"shop(): a", "shop-sqs(sqs): b", "shop-redis(redis): c"},
		},
		"in the order of their first pools": {
			[]Placement{placed("a", "/srv/b", ""), placed("b", "/srv/a", ""), placed("c", "/srv/b", "")}, Settings{}, []string{"b(): a c", "a(): b"},
		},
		"directories of one name are two applications": {
			[]Placement{placed("a", "/srv/shop", ""), placed("b", "/var/www/shop/current", "")}, Settings{}, []string{"shop(): a", "shop-2(): b"},
		},
		"the connection of those that name none": {
			[]Placement{placed("a", "/srv/shop", ""), placed("b", "/srv/shop", "sqs"), placed("c", "/srv/shop", "redis")}, Settings{Connection: "redis"},
			[]string{"shop-redis(redis): a c", "shop-sqs(sqs): b"},
		},
		"a name that the user gives": {
			[]Placement{placed("a", "/srv/shop", "redis")}, Settings{AppName: "orders"}, []string{"orders(redis): a"},
		},
		"a name that the user gives to several": {
			[]Placement{placed("a", "/srv/shop", "redis"), placed("b", "/srv/shop", "sqs"), placed("c", "/srv/blog", "")}, Settings{AppName: "all"},
			[]string{"all-redis(redis): a", "all-sqs(sqs): b", "all(): c"},
		},
		"names of pools are unique over all": {
			[]Placement{placed("worker", "/srv/a", ""), placed("Worker", "/srv/b", ""), placed("!", "/srv/b", "")}, Settings{},
			[]string{"a(): worker", "b(): worker-2 worker-3"},
		},
		"an app and a pool may have one name": {
			[]Placement{placed("shop", "/srv/shop", "")}, Settings{}, []string{"shop(): shop"},
		},
		"connections whose names become the same": {
			[]Placement{placed("a", "/srv/shop", "redis_1"), placed("b", "/srv/shop", "redis-1")}, Settings{},
			[]string{"shop-redis-1(redis_1): a", "shop-redis-1-2(redis-1): b"},
		},
		"no pools": {nil, Settings{}, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := outline(t, Assemble(Draft{Pools: tc.pools}, tc.settings))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("unexpected QueueApps (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNamesOfDirectories(t *testing.T) {
	tests := map[string]string{
		"/home/forge/app.com": "app-com", "/home/forge/app.com/current": "app-com", "/var/www/shop/public/": "shop", "/opt/Shop Two": "shop-two",
		"/var/www/html": "app", "/": "app", "": "app", ".": "app", "shop": "shop", "current": "app", "/srv/öö": "app", "/srv/a/../b": "b",
	}
	for directory, want := range tests {
		if got := Assemble(Draft{Pools: []Placement{placed("a", directory, "")}}, Settings{}).Apps[0].Name; got != want {
			t.Errorf("the application of %q is called %q, want %q", directory, got, want)
		}
	}
}

// TestNoPoolIsLost: any draft keeps its pools, each in the QueueApp of its directory and
// connection, with names that differ.
func TestNoPoolIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var draft Draft
		text := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
		for i := range rapid.IntRange(0, 12).Draw(t, "pools") {
			p := placed(text("name", "a", "A", "a-2", ""), text("directory", "", "/srv/shop", "/var/www/shop", "/srv/shop-sqs"), text("connection", "", "redis", "sqs"))
			p.Pool.Origin = fmt.Sprint(i)
			draft.Pools = append(draft.Pools, p)
		}
		result := Assemble(draft, Settings{Connection: text("default", "", "redis")})
		apps, pools, origins := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for _, app := range result.Apps {
			apps[app.Name] = true
			for _, pool := range app.Pools {
				pools[pool.Name], origins[pool.Origin] = true, true
			}
		}
		if len(apps) != len(result.Apps) || len(pools) != len(draft.Pools) || len(origins) != len(draft.Pools) || result.Pools() != len(draft.Pools) {
			t.Fatalf("%d QueueApps have %d names; %d pools became %d with %d names", len(result.Apps), len(apps), len(draft.Pools), len(origins), len(pools))
		}
		directories := draft.Directories()
		if compact := slices.Compact(slices.Sorted(slices.Values(directories))); len(compact) != len(directories) {
			t.Fatalf("a directory is there twice: %q", directories)
		}
		for _, p := range draft.Pools {
			if !slices.Contains(directories, p.Directory) {
				t.Fatalf("%q is not among %q", p.Directory, directories)
			}
		}
	})
}

func TestImagesAndSecrets(t *testing.T) {
	settings := Settings{
		Namespace: "prod",
		Images:    map[string]string{"": "all:1", "/srv/shop": "shop:2"},
		EnvFrom: []corev1.EnvFromSource{
			{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "shop-env"}}},
			{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "flags"}}},
		},
	}
	result := Assemble(Draft{Origin: "Imported.", Pools: []Placement{placed("a", "/srv/shop", ""), placed("b", "/srv/blog", "")}}, settings)
	if result.Namespace != "prod" || result.Origin != "Imported." {
		t.Errorf("the namespace is %q, and the origin %q", result.Namespace, result.Origin)
	}
	for i, image := range []string{"shop:2", "all:1"} {
		want := []corev1.Container{{Name: "worker", Image: image, EnvFrom: settings.EnvFrom}}
		if diff := cmp.Diff(want, result.Apps[i].Spec.Template.Spec.Containers, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("unexpected containers of %s (-want +got):\n%s", result.Apps[i].Name, diff)
		}
		if about(result.Apps[i], "env") != nil {
			t.Errorf("%s asks for the settings that it has", result.Apps[i].Name)
		}
	}
	if note := about(Assemble(Draft{Pools: []Placement{placed("a", "", "")}}, Settings{}).Apps[0], "env"); note == nil || note.Warning {
		t.Errorf("without envFrom, it says of the settings: %v", note)
	}
}

// about returns the note about a subject; nil if there is none.
func about(app App, subject string) *Note {
	at := slices.IndexFunc(app.Notes, func(n Note) bool { return n.Subject == subject || strings.HasPrefix(n.Subject, subject+":") })
	if at < 0 {
		return nil
	}
	return &app.Notes[at]
}

// TestVariablesOfAllPoolsAreShared: each pool keeps all its variables with their values.
// Exactly those that all pools have alike are in the QueueApp, in their order.
func TestVariablesOfAllPoolsAreShared(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var draft Draft
		for range rapid.IntRange(1, 5).Draw(t, "pools") {
			p := placed("a", "", "")
			for _, name := range []string{"A", "B", "C", "D"} {
				if value := rapid.SampledFrom([]string{"1", "1", "2", "none"}).Draw(t, name); value != "none" {
					p.Env = append(p.Env, corev1.EnvVar{Name: name, Value: value})
				}
			}
			draft.Pools = append(draft.Pools, p)
		}
		app := Assemble(draft, Settings{}).Apps[0]
		shared := app.Spec.Template.Spec.Containers[0].Env
		for i, p := range draft.Pools {
			together := slices.SortedFunc(slices.Values(slices.Concat(shared, app.Pools[i].Spec.Env)), byName)
			if diff := cmp.Diff(p.Env, together, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("a pool's variables changed (-want +got):\n%s", diff)
			}
		}
		if !slices.IsSortedFunc(shared, byName) {
			t.Fatalf("out of order: %v", shared)
		}
		for _, v := range app.Pools[0].Spec.Env {
			if !slices.ContainsFunc(draft.Pools, func(p Placement) bool { return !slices.Contains(p.Env, v) }) {
				t.Fatalf("all pools have %v, and yet it is not shared", v)
			}
		}
	})
}

func byName(a, b corev1.EnvVar) int { return strings.Compare(a.Name, b.Name) }

func TestUsersOfPools(t *testing.T) {
	as := func(user int64) func(*Placement) { return func(p *Placement) { p.RunAsUser = &user } }
	tests := map[string]struct {
		pools []Placement
		want  *int64
		says  string
	}{
		"the image's":        {[]Placement{placed("a", "", ""), placed("b", "", "")}, nil, ""},
		"one user":           {[]Placement{placed("a", "", "", as(33)), placed("b", "", "", as(33))}, new(int64(33)), ""},
		"two users":          {[]Placement{placed("a", "", "", as(33)), placed("b", "", "", as(1000)), placed("c", "", "", as(33))}, nil, "different users (33, 1000), but"},
		"not all have one":   {[]Placement{placed("a", "", "", as(33)), placed("b", "", "")}, nil, "different users (33, the image's), but"},
		"the first has none": {[]Placement{placed("a", "", ""), placed("b", "", "", as(33))}, nil, "different users (the image's, 33), but"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			app := Assemble(Draft{Pools: tc.pools}, Settings{}).Apps[0]
			var got *int64
			if security := app.Spec.Template.Spec.SecurityContext; security != nil {
				got = security.RunAsUser
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("unexpected user (-want +got):\n%s", diff)
			}
			note := about(app, "runAsUser")
			if (note != nil) != (tc.says != "") || note != nil && (!note.Warning || !strings.Contains(note.Why, tc.says)) {
				t.Errorf("it says of the users: %v", note)
			}
		})
	}
}

func TestSharedProcesses(t *testing.T) {
	share := func(name string, n int32) func(*Placement) {
		return func(p *Placement) { p.Share, p.Processes = name, n }
	}
	fixed := func(n int32) func(*Placement) { return func(p *Placement) { p.Pool.Spec.Processes = &n } }
	scaled := func(n int32) func(*Placement) {
		return func(p *Placement) { p.Pool.Spec.Autoscaling = &v1alpha1.Autoscaling{MaxProcesses: n} }
	}
	const others = ", plus the processes of the other pools; it caps all pools together, so a pool may use what another pool leaves free"
	tests := map[string]struct {
		pools [][]func(*Placement)
		want  int32
		says  string
	}{
		"nothing is shared":          {[][]func(*Placement){{fixed(3)}, {scaled(9)}}, 0, ""},
		"a share of a single pool":   {[][]func(*Placement){{share("web", 12)}, {fixed(3)}}, 0, ""},
		"one share":                  {[][]func(*Placement){{share("web", 12)}, {share("web", 12)}, {share("web", 12)}}, 12, "(web: 12)"},
		"two shares":                 {[][]func(*Placement){{share("web", 12)}, {share("web", 12)}, {share("cli", 5)}}, 17, "(web: 12, cli: 5)" + others},
		"and a fixed size":           {[][]func(*Placement){{share("web", 12)}, {share("web", 12)}, {fixed(3)}}, 15, "(web: 12)" + others},
		"and a fixed size before":    {[][]func(*Placement){{fixed(3)}, {share("web", 12)}, {share("web", 12)}}, 15, "(web: 12)" + others},
		"and an autoscaled pool":     {[][]func(*Placement){{share("web", 12)}, {share("web", 12)}, {scaled(9)}}, 21, "(web: 12)" + others},
		"and a pool without a size":  {[][]func(*Placement){{share("web", 12)}, {share("web", 12)}, {}}, 13, "(web: 12)" + others},
		"and a pool of no processes": {[][]func(*Placement){{share("web", 12)}, {share("web", 12)}, {fixed(0)}}, 12, "(web: 12)"},
		"more than a cap may be":     {[][]func(*Placement){{share("web", 60_000)}, {share("web", 60_000)}, {scaled(60_000)}}, 100_000, "(web: 60000)" + others},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var draft Draft
			for _, changes := range tc.pools {
				draft.Pools = append(draft.Pools, placed("a", "", "", changes...))
			}
			app := Assemble(draft, Settings{}).Apps[0]
			note := about(app, "maxProcesses")
			if tc.want == 0 {
				if app.Spec.MaxProcesses != nil || note != nil {
					t.Errorf("the cap is %v: %v", *app.Spec.MaxProcesses, note)
				}
				return
			}
			if app.Spec.MaxProcesses == nil || *app.Spec.MaxProcesses != tc.want {
				t.Fatalf("the cap is %v, want %d", app.Spec.MaxProcesses, tc.want)
			}
			want := &Note{
				Line: Line{File: "carried over"}, Subject: fmt.Sprintf("maxProcesses: %d", tc.want),
				Why: "the total that all queues of a supervisor share " + tc.says,
			}
			if diff := cmp.Diff(want, note); diff != "" {
				t.Errorf("unexpected note (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRetryAfterIsLongerThanJobs(t *testing.T) {
	tests := map[string]struct {
		retry    time.Duration
		timeouts []time.Duration
		says     string
	}{
		"both as by default":       {0, []time.Duration{-1}, ""},
		"a timeout as long":        {0, []time.Duration{90 * time.Second}, "it is 1m30s here"},
		"a timeout just shorter":   {0, []time.Duration{89 * time.Second}, ""},
		"the longest counts":       {0, []time.Duration{time.Second, time.Hour, -1}, "it is 1m30s here"},
		"a longer retry_after":     {2 * time.Hour, []time.Duration{time.Hour}, ""},
		"a shorter retry_after":    {30 * time.Second, []time.Duration{-1}, "it is 30s here"},
		"no timeout":               {0, []time.Duration{0}, "it is 1m30s here"},
		"no timeout, and a day":    {24 * time.Hour, []time.Duration{0}, "it is 24h here"},
		"no timeout, and two days": {48 * time.Hour, []time.Duration{0}, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var draft Draft
			for _, timeout := range tc.timeouts {
				p := placed("a", "", "")
				if timeout >= 0 {
					p.Pool.Spec.Timeout = &metav1.Duration{Duration: timeout}
				}
				draft.Pools = append(draft.Pools, p)
			}
			app := Assemble(draft, Settings{RetryAfter: tc.retry}).Apps[0]
			note := about(app, "connection.retryAfter")
			if (note != nil) != (tc.says != "") || note != nil && (!note.Warning || !strings.HasPrefix(note.Why, tc.says)) {
				t.Errorf("it says of retry_after: %v, want %q", note, tc.says)
			}
			var got time.Duration
			if c := app.Spec.Connection; c != nil && c.RetryAfter != nil {
				got = c.RetryAfter.Duration
			}
			if got != tc.retry {
				t.Errorf("retryAfter is %v, want %v", got, tc.retry)
			}
		})
	}
}
