// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// theProbe is the image of the probes in these tests.
const theProbe = "registry.example.com/queueworker/backlog:1.0.0"

func readApp(t *testing.T, path string) *v1alpha1.QueueApp {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	app := &v1alpha1.QueueApp{}
	if err := yaml.UnmarshalStrict(content, app); err != nil {
		t.Fatalf("decode %s: %v", path, err)
	}
	return app
}

// probeOf returns the probe's Deployment as the API server would hold it.
func probeOf(t *testing.T, app *v1alpha1.QueueApp) *appsv1.Deployment {
	t.Helper()
	built, problem := Probe(app, theProbe)
	if problem != nil {
		t.Fatalf("Probe() found a problem: %+v", problem)
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(built)
	if err != nil {
		t.Fatal(err)
	}
	deployment := &appsv1.Deployment{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, deployment); err != nil {
		t.Fatal(err)
	}
	return deployment
}

// TestProbeGolden pins the built probes. The result depends on nothing else: a second
// build is equal, and covers itself.
func TestProbeGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/probe/*.in.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("found no testdata/probe/*.in.yaml (%v)", err)
	}
	for _, path := range inputs {
		name := strings.TrimSuffix(filepath.Base(path), ".in.yaml")
		t.Run(name, func(t *testing.T) {
			app := readApp(t, path)
			before := app.DeepCopy()
			first, problem := Probe(app, theProbe)
			if problem != nil {
				t.Fatalf("Probe() found a problem: %+v", problem)
			}
			got := marshal(t, first)
			compareGolden(t, strings.TrimSuffix(path, ".in.yaml")+".golden.yaml", got)
			if diff := cmp.Diff(before, app); diff != "" {
				t.Errorf("Probe() changed the QueueApp (-before +after):\n%s", diff)
			}
			again, _ := Probe(app, theProbe)
			if diff := cmp.Diff(got, marshal(t, again)); diff != "" {
				t.Errorf("built again it differs (-first +second):\n%s", diff)
			}
			if covered, err := Covers(probeOf(t, app), again); err != nil || !covered {
				t.Errorf("the built Deployment does not cover itself: %v", err)
			}
		})
	}
}

func TestProbeConfigOfEachDriver(t *testing.T) {
	tests := map[string]struct {
		connection v1alpha1.Connection
		want       protocol.ProbeConfig
	}{
		"Redis": {
			v1alpha1.Connection{Driver: v1alpha1.DriverRedis, RetryAfter: duration("2m"), Redis: &v1alpha1.RedisBackend{Host: "redis", Port: 1, Database: new(int32(0)), Prefix: new(""), InsecureSkipVerify: true}},
			protocol.ProbeConfig{Driver: protocol.DriverRedis, RetryAfterSeconds: 120, Redis: &protocol.RedisBackend{Host: "redis", Port: 1, Database: new(int32(0)), Prefix: new(""), InsecureSkipVerify: true}},
		},
		"Database": {
			v1alpha1.Connection{Driver: v1alpha1.DriverDatabase, Variables: map[string]v1alpha1.EnvironmentVariable{"DB_HOST": "QUEUE_HOST"}, Database: &v1alpha1.DatabaseBackend{
				Kind: v1alpha1.DatabaseMySQL, Host: "db", Port: 2, Name: "shop", Schema: "public", Table: "t_jobs", FailedTable: "t_failed"}},
			protocol.ProbeConfig{Driver: protocol.DriverDatabase, RetryAfterSeconds: 90, Variables: map[string]string{"DB_HOST": "QUEUE_HOST"}, Database: &protocol.DatabaseBackend{
				Kind: protocol.DatabaseMySQL, Host: "db", Port: 2, Name: "shop", Schema: "public", Table: "t_jobs", FailedTable: "t_failed"}},
		},
		"HTTP": {
			v1alpha1.Connection{Driver: v1alpha1.DriverHTTP, HTTP: &v1alpha1.HTTPBackend{URL: "https://q/$HOME", InsecureSkipVerify: true}},
			protocol.ProbeConfig{Driver: protocol.DriverHTTP, RetryAfterSeconds: 90, HTTP: &protocol.HTTPBackend{URL: "https://q/$HOME", InsecureSkipVerify: true}},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			app := readApp(t, "testdata/probe/minimal.in.yaml")
			app.Spec.Connection = &tc.connection
			tc.want.Version, tc.want.Namespace, tc.want.App = protocol.Version, "shop", "shop"
			if diff := cmp.Diff(tc.want, configOf(t, probeOf(t, app))); diff != "" {
				t.Errorf("the probe's configuration differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestProbeConfigNamesTheRuntime: the probe must know whose jobs are in a backend. The
// default runtime stays unnamed.
func TestProbeConfigNamesTheRuntime(t *testing.T) {
	for name, tc := range map[string]struct {
		runtime v1alpha1.Runtime
		driver  v1alpha1.Driver
		want    string
	}{
		"the default runtime":  {"", v1alpha1.DriverRedis, ""},
		"its name":             {v1alpha1.RuntimeLaravel, v1alpha1.DriverDatabase, ""},
		"another runtime":      {v1alpha1.RuntimeCustom, v1alpha1.DriverRedis, "Custom"},
		"an endpoint's answer": {v1alpha1.RuntimeCustom, v1alpha1.DriverHTTP, ""},
	} {
		t.Run(name, func(t *testing.T) {
			app := &v1alpha1.QueueApp{}
			app.Spec.Runtime, app.Spec.Connection = tc.runtime, &v1alpha1.Connection{Driver: tc.driver}
			if got := probeConfig(app).Runtime; got != tc.want {
				t.Errorf("the runtime is %q; want %q", got, tc.want)
			}
		})
	}
}

// configOf returns the configuration that a probe reads, after the kubelet has replaced
// $$ by $.
func configOf(t *testing.T, deployment *appsv1.Deployment) protocol.ProbeConfig {
	t.Helper()
	var config protocol.ProbeConfig
	for _, variable := range deployment.Spec.Template.Spec.Containers[0].Env {
		if variable.Name == protocol.ProbeEnv {
			if err := json.Unmarshal([]byte(strings.ReplaceAll(variable.Value, "$$", "$")), &config); err != nil {
				t.Fatal(err)
			}
		}
	}
	return config
}

func TestProbeHasTheTemplatesLabelsAndNoPools(t *testing.T) {
	app := readApp(t, "testdata/probe/redis.in.yaml")
	deployment := probeOf(t, app)
	labels := deployment.Spec.Template.Labels
	if labels["team"] != "checkout" || labels[v1alpha1.LabelApp] != "shop" || labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy {
		t.Errorf("the pod's labels are %v", labels)
	}
	if pool, is := labels[v1alpha1.LabelName]; is {
		t.Errorf("the pod is one of the pool %s", pool)
	}
	for key, value := range deployment.Spec.Selector.MatchLabels {
		if labels[key] != value {
			t.Errorf("the selector wants %s=%s, the pod has %q", key, value, labels[key])
		}
	}
	if !IsProbe(&deployment.Spec.Template) || IsProbe(app) {
		t.Error("IsProbe() does not know the probe")
	}
}

func TestProbeNeedsADriverAndAUsableApp(t *testing.T) {
	tests := map[string]struct {
		connection *v1alpha1.Connection
		want       bool
	}{
		"no connection": {nil, false},
		"no driver":     {&v1alpha1.Connection{Name: "redis"}, false},
		"None":          {&v1alpha1.Connection{Driver: v1alpha1.DriverNone}, false},
		"Redis":         {&v1alpha1.Connection{Driver: v1alpha1.DriverRedis}, true},
	}
	for name, tc := range tests {
		if got := effective.NeedsProbe(&v1alpha1.QueueApp{Spec: v1alpha1.QueueAppSpec{Connection: tc.connection}}); got != tc.want {
			t.Errorf("%s: effective.NeedsProbe() = %t, want %t", name, got, tc.want)
		}
	}
	app := readApp(t, "testdata/probe/minimal.in.yaml")
	app.Spec.Template.Spec.Containers = []corev1.Container{{Name: "worker", Args: []string{"--once"}}}
	if _, problem := Probe(app, theProbe); problem == nil || problem.Reason != v1alpha1.ReasonAppInvalid {
		t.Errorf("the problem of an app that cannot be used is %+v", problem)
	}
}
