// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// sample is a result that has each kind of note and field.
func sample(file string) Result {
	seconds := func(n int) *metav1.Duration { return &metav1.Duration{Duration: time.Duration(n) * time.Second} }
	app := App{
		Name: "shop", Origin: "The application.",
		Notes: []Note{{Line: Line{File: "to complete"}, Subject: "env", Why: "give it"}},
		Spec:  v1alpha1.QueueAppSpec{Connection: &v1alpha1.Connection{Name: "redis", RetryAfter: seconds(5400)}},
		Pools: []Pool{{
			Name: "no", Origin: "A pool.", Labels: map[string]string{"app.kubernetes.io/part-of": "yes"},
			Notes: []Note{{Line: Line{file, 9}, Why: "later"}, {Line: Line{"a.conf", 2}, Subject: "sleep=x", Why: "earlier"}},
			Spec: v1alpha1.QueueWorkerSpec{
				AppName: "shop", Queue: "12", Stopped: true, Memory: new(resource.MustParse("128Mi")), Tries: new(int32(0)),
				Timeout: seconds(3600), Sleep: seconds(90), MaxTime: seconds(3605), GracePeriod: seconds(36600), Rest: &metav1.Duration{Duration: 250 * time.Millisecond},
				Backoff: []metav1.Duration{*seconds(1), *seconds(60), *seconds(600)},
			},
		}},
	}
	app.Spec.Template.Spec.Containers = []corev1.Container{{Name: "worker", Env: []corev1.EnvVar{{Name: "DEBUG", Value: "off"}}}}
	return Result{Origin: "Imported.", Namespace: "prod", Notes: []Note{{Line: Line{"a.conf", 1}, Why: "first"}}, Apps: []App{app}}
}

const sampleText = `# Imported.
# - line 1: first
---
# The application.
# - to complete: env: give it
apiVersion: queueworker.dev/v1alpha1
kind: QueueApp
metadata:
  name: shop
  namespace: prod
spec:
  template:
    spec:
      containers:
      - name: worker
        env:
        - name: DEBUG
          value: "off"
  connection:
    name: redis
    retryAfter: 1h30m
---
# A pool.
# - line 2: sleep=x: earlier
# - line 9: later
apiVersion: queueworker.dev/v1alpha1
kind: QueueWorker
metadata:
  name: "no"
  namespace: prod
  labels:
    app.kubernetes.io/part-of: "yes"
spec:
  appName: shop
  queue: "12"
  stopped: true
  timeout: 1h
  memory: 128Mi
  sleep: 1m30s
  rest: 250ms
  tries: 0
  backoff: [1s, 1m, 10m]
  maxTime: 1h5s
  gracePeriod: 10h10m
`

// TestWrittenAsAPersonWould compares a result with the whole text, of one and of two
// files.
func TestWrittenAsAPersonWould(t *testing.T) {
	two := strings.NewReplacer("line 1:", "a.conf line 1:", "line 2:", "a.conf line 2:", "line 9:", "b.conf line 9:").Replace(sampleText)
	for file, want := range map[string]string{"a.conf": sampleText, "b.conf": two} {
		got, err := Write(sample(file))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("with %s (-want +got):\n%s", file, diff)
		}
	}
	if got, err := Write(Result{}); err != nil || len(got) != 0 {
		t.Errorf("nothing at all becomes %q, %v", got, err)
	}
}

// readBack reads documents as kubectl does: the YAML reader of apimachinery, and then
// strictly into the types of the API.
func readBack(t *rapid.T, printed []byte) (apps []v1alpha1.QueueApp, pools []v1alpha1.QueueWorker) {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(printed)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return apps, pools
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, printed)
		}
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal(document, &meta); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		var app v1alpha1.QueueApp
		var pool v1alpha1.QueueWorker
		switch meta.Kind {
		case "QueueApp":
			err = yaml.UnmarshalStrict(document, &app)
			apps = append(apps, app)
		case "QueueWorker":
			err = yaml.UnmarshalStrict(document, &pool)
			pools = append(pools, pool)
		case "":
			if slices.ContainsFunc(bytes.Split(document, []byte("\n")), func(line []byte) bool { return len(line) > 0 && line[0] != '#' }) {
				t.Fatalf("a document without a kind:\n%s", document)
			}
		}
		if err != nil || meta.Kind != "" && meta.APIVersion != "queueworker.dev/v1alpha1" {
			t.Fatalf("%v in\n%s", err, document)
		}
	}
}

// awkward draws texts that YAML, its two versions, or its documents may take for something
// else.
var awkward = rapid.OneOf(
	rapid.SampledFrom(strings.Fields(`y N yes NO on Off true FALSE null ~ 0 -1 +2 007 0o7 0x1F 0b1 1_0 1__0 1. .5 1e3 1E+3 .inf -.INF .NaN 12:30 1:2:3.4
		2026-11-26 2026-1-1 << = - -- --- ... ? : :: # #a & * ! !!str !!binary | > |- % @ a: :a a#b "a" 'a' [ ] { } , 1,000 1h0m0s \n \u0041 $(A) ${A:-b}`)),
	rapid.SampledFrom([]string{
		" ", "  a", "a  ", "\t", "a\t", "\n", "\n\n", "a\n", "\na", " \na", "a\n---\nb", "---\na", "a\r\nb", "\r", "a: b", "a # b", "- a", "? a",
		"\u0085", "\u2028", "\u2029", "\ufeff", "\ufeffa", "\ufffd", "\ufffe", "\uffff", "\u007f", "\u0080", "\x00", "\x1b[2J", "\a", "💥", "\U0001ffff", "\U0010ffff",
		strings.Repeat("long ", 60), strings.Repeat("x", 300), "%YAML 1.1", "key: |\n  text",
	}),
	rapid.String(), rapid.StringMatching(`[ \n:#'"-]{1,8}`), rapid.StringMatching(`[+-]?[0-9_.:eExXoOb]{1,8}`),
)

func drawNoteOfAnything(t *rapid.T) Note {
	return Note{Line: Line{awkward.Draw(t, "file"), rapid.IntRange(0, 3).Draw(t, "line")}, Subject: awkward.Draw(t, "subject"), Why: awkward.Draw(t, "why")}
}

// TestWhatIsWrittenIsRead: whatever texts a file had, in values or in notes, kubectl reads
// the objects that were written.
func TestWhatIsWrittenIsRead(t *testing.T) {
	duration := rapid.Custom(func(t *rapid.T) *metav1.Duration {
		unit := rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, time.Minute, time.Hour}).Draw(t, "unit")
		return &metav1.Duration{Duration: time.Duration(rapid.IntRange(0, 4000).Draw(t, "units")) * unit}
	})
	rapid.Check(t, func(t *rapid.T) {
		app := App{Name: awkward.Draw(t, "app"), Origin: awkward.Draw(t, "origin"), Notes: []Note{drawNoteOfAnything(t)}}
		app.Spec.Connection = &v1alpha1.Connection{Name: awkward.Draw(t, "connection"), RetryAfter: duration.Draw(t, "retryAfter")}
		app.Spec.Template.Spec.Containers = []corev1.Container{{
			Name: "worker", Image: awkward.Draw(t, "image"), Env: []corev1.EnvVar{{Name: awkward.Draw(t, "name"), Value: awkward.Draw(t, "value")}},
			EnvFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "s" + awkward.Draw(t, "secret")}}}},
		}}
		pool := Pool{Name: awkward.Draw(t, "pool"), Origin: awkward.Draw(t, "origin"), Notes: []Note{drawNoteOfAnything(t), drawNoteOfAnything(t)}}
		pool.Labels = map[string]string{"app.kubernetes.io/part-of": awkward.Draw(t, "group")}
		pool.Spec = v1alpha1.QueueWorkerSpec{
			AppName: app.Name, Queue: awkward.Draw(t, "queue"), Force: rapid.Bool().Draw(t, "force"), Tries: new(rapid.Int32().Draw(t, "tries")),
			Timeout: duration.Draw(t, "timeout"), Sleep: duration.Draw(t, "sleep"), Rest: duration.Draw(t, "rest"), MaxTime: duration.Draw(t, "maxTime"),
			Backoff: []metav1.Duration{*duration.Draw(t, "backoff"), *duration.Draw(t, "backoff")}, GracePeriod: duration.Draw(t, "grace"),
			Env: []corev1.EnvVar{{Name: awkward.Draw(t, "name"), Value: awkward.Draw(t, "value")}},
		}
		app.Pools = []Pool{pool}
		result := Result{Origin: awkward.Draw(t, "origin"), Notes: []Note{drawNoteOfAnything(t)}, Namespace: awkward.Draw(t, "namespace"), Apps: []App{app}}
		printed, err := Write(result)
		if err != nil {
			t.Fatal(err)
		}
		apps, pools := readBack(t, printed)
		if len(apps) != 1 || len(pools) != 1 {
			t.Fatalf("%d QueueApps and %d QueueWorkers in\n%s", len(apps), len(pools), printed)
		}
		if diff := cmp.Diff(app.Spec, apps[0].Spec, cmpopts.EquateEmpty()); diff != "" || apps[0].Name != app.Name || apps[0].Namespace != result.Namespace {
			t.Fatalf("%q in %q is read otherwise (-want +read):\n%s\n%s", apps[0].Name, apps[0].Namespace, diff, printed)
		}
		if diff := cmp.Diff(pool.Spec, pools[0].Spec, cmpopts.EquateEmpty()); diff != "" || pools[0].Name != pool.Name || pools[0].Namespace != result.Namespace {
			t.Fatalf("%q in %q is read otherwise (-want +read):\n%s\n%s", pools[0].Name, pools[0].Namespace, diff, printed)
		}
		if diff := cmp.Diff(pool.Labels, pools[0].Labels); diff != "" {
			t.Fatalf("the labels are read otherwise (-want +read):\n%s", diff)
		}
	})
}

// TestCommentsAreWrapped: a comment keeps its words, in lines that fit, and a word that is
// too long has a line to itself. Lines of an item are indented.
func TestCommentsAreWrapped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.OneOf(rapid.StringMatching(`[a-zé#:-]{1,14}`), rapid.StringMatching(`[a-z]{100,130}`)), 0, 40).Draw(t, "words")
		item := rapid.Bool().Draw(t, "item")
		paragraph := strings.Join(words, rapid.SampledFrom([]string{" ", "\n", "  ", "\t", "\u2028"}).Draw(t, "between"))
		indent := ""
		if item {
			paragraph, words, indent = "- "+paragraph, append([]string{"-"}, words...), "  "
		} else if len(words) > 0 && words[0] == "-" {
			return
		}
		var got []string
		for i, line := range strings.Split(strings.TrimSuffix(comment([]string{paragraph}), "\n"), "\n") {
			if line == "" && len(words) == 0 {
				continue
			}
			start := "# "
			if i > 0 {
				start += indent
			}
			text, ok := strings.CutPrefix(line, start)
			if !ok || text == "" || strings.TrimSpace(text) != text {
				t.Fatalf("line %d is %q", i, line)
			}
			if len(line) > commentWidth && strings.Contains(strings.TrimPrefix(text, "- "), " ") {
				t.Fatalf("a line of %d characters: %q", len(line), line)
			}
			got = append(got, strings.Fields(text)...)
		}
		if !slices.Equal(got, words) {
			t.Fatalf("%q became %q", words, got)
		}
	})
}

func TestPrintable(t *testing.T) {
	tests := map[string]string{
		"a b": "a b", "é 日本": "é 日本", "a\nb\tc\rd": "a b c d", "a\u0085b\u2028c\u00a0d": "a b c d", "\x1b[2J": "?[2J", "\x00\u007f\u009b": "???",
		"\u200b\u202e\ufeff": "???", "\ufffd": "?", "\xff": "?", "": "",
	}
	for text, want := range tests {
		if got := Printable(text); got != want {
			t.Errorf("%q is printed as %q, want %q", text, got, want)
		}
	}
}

// TestDurationsElsewhereStayTexts: only a duration is shortened, not a text that looks
// like one.
func TestDurationsElsewhereStayTexts(t *testing.T) {
	app := App{Name: "shop"}
	app.Spec.Template.Spec.Containers = []corev1.Container{{Name: "worker", Env: []corev1.EnvVar{{Name: "timeout", Value: "1h0m0s"}}}}
	printed, err := Write(Result{Apps: []App{app}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "name: timeout\n          value: 1h0m0s\n"; !strings.Contains(string(printed), want) {
		t.Errorf("no %q in\n%s", want, printed)
	}
}
