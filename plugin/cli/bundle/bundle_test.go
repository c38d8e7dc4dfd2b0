// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"flag"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/doctor"
	"queueworker.dev/queueworker/console/redact"
)

var update = flag.Bool("update", false, "write the golden files anew")

func fileText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// planted returns the files of a bundle as they are collected, with canaries in them.
func planted(t *testing.T, redactor *redact.Redactor) []collected {
	t.Helper()
	objects := collected{name: "objects.yaml"}
	in := doctor.Input{Now: time.Date(2026, 11, 23, 10, 5, 0, 0, time.UTC), Namespace: "shop", Kinds: []string{"queueworkers", "queueapps", "queuecommands"}}
	for document := range strings.SplitSeq(fileText(t, "testdata/report-objects.yaml"), "\n---\n") {
		object := unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			t.Fatal(err)
		}
		objects.objects = append(objects.objects, object)
		switch object.GetKind() {
		case "QueueWorker":
			worker := v1alpha1.QueueWorker{}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &worker); err != nil {
				t.Fatal(err)
			}
			in.Workers = append(in.Workers, worker)
		case "QueueApp":
			app := v1alpha1.QueueApp{}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &app); err != nil {
				t.Fatal(err)
			}
			in.Apps = append(in.Apps, doctor.App{Namespace: "shop", Name: app.Name, Conditions: app.Status.Conditions})
		}
	}
	return []collected{
		objects,
		{name: "operator-a.log", text: fileText(t, "testdata/report-operator.log"), log: true},
		{name: "doctor.txt", text: findingsText(redactor, in)},
		{name: "missing.txt", text: "events.yaml: Get \"https://10.0.0.1:6443/apis/canary-58-path\": bob said canary-05-ready bob@example.com DE89370400440532013000\n", prose: true},
	}
}

// TestNoCanaryLeavesInAReport plants a text in every place that a user's program, an
// agent, a probe or a backend writes to, and expects none of it in the bundle. The rest
// is compared with a golden file, because a diagnosis depends on it.
func TestNoCanaryLeavesInAReport(t *testing.T) {
	redactor := redact.New()
	files := planted(t, redactor)
	var in strings.Builder
	for _, file := range files {
		in.WriteString(file.text)
	}
	sources := in.String() + fileText(t, "testdata/report-objects.yaml")
	canary := regexp.MustCompile(`canary[- ][0-9]+`)
	names := map[string]bool{}
	for _, name := range canary.FindAllString(sources, -1) {
		names[name] = true
	}
	if len(names) < 50 {
		t.Fatalf("only %d canaries are planted", len(names))
	}
	out := clean(redactor, files, "shop")
	var bundle strings.Builder
	for _, name := range slices.Sorted(maps.Keys(out)) {
		bundle.WriteString("=== " + name + "\n" + out[name])
		for line := range strings.Lines(out[name]) {
			if strings.Contains(line, "canary") || strings.Contains(line, "bob@") || strings.Contains(line, "DE8937") {
				t.Errorf("%s still has %s", name, line)
			}
		}
	}
	const golden = "testdata/report.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(bundle.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(fileText(t, golden), bundle.String()); diff != "" {
		t.Errorf("the bundle differs (-want +got); go test ./plugin/cli/bundle -update writes it anew:\n%s", diff)
	}
}
