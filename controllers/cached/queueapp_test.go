// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cached

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"queueworker.dev/queueworker/api/bounds"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// read reads a QueueApp as the operator's clients do.
func read(t *testing.T, template string) *QueueApp {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	document := `{"apiVersion":"queueworker.dev/v1alpha1","kind":"QueueApp","metadata":{"name":"shop","annotations":{"a":"b"}},
		"spec":{"runtime":"Laravel","container":"worker","connection":{"driver":"Redis"},"template":` + template + `},"status":{"observedGeneration":7}}`
	object, _, err := serializer.NewCodecFactory(scheme).UniversalDeserializer().Decode([]byte(document), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return object.(*QueueApp)
}

func TestAQueueAppIsReadWhole(t *testing.T) {
	app := read(t, `{"metadata":{"labels":{"team":"web"}},"spec":{"containers":[{"name":"worker","image":"shop:1","env":[{"name":"A","value":"{\"b\":[1,2]}"}]}]}}`)
	document, err := json.Marshal(app)
	if err != nil {
		t.Fatal(err)
	}
	want := &v1alpha1.QueueApp{}
	if err := json.Unmarshal(document, want); err != nil {
		t.Fatal(err)
	}
	want.TypeMeta = metav1.TypeMeta{}
	got, refusal := app.Whole()
	if diff := cmp.Diff(want, got); diff != "" || refusal != "" || len(got.Spec.Template.Spec.Containers) != 1 {
		t.Errorf("it is refused for %q, or differs (-want +got):\n%s", refusal, diff)
	}
}

func TestATemplateIsDecodedOrRefused(t *testing.T) {
	tests := map[string]struct {
		template string
		refusal  string
	}{
		"an ordinary one":       {`{"spec":{"containers":[{"name":"worker","image":"shop:1"}]}}`, ""},
		"many empty objects":    {`{"spec":{"tolerations":[` + strings.Repeat("{},", 480_000) + `{}]}}`, "bytes of JSON"},
		"fewer empty objects":   {`{"spec":{"tolerations":[` + strings.Repeat("{},", bounds.Template.Values) + `{}]}}`, "spec.template.spec.tolerations"},
		"one long text":         {`{"spec":{"hostname":"` + strings.Repeat("x", bounds.Template.Bytes) + `"}}`, "bytes of JSON"},
		"brackets in a text":    {`{"spec":{"containers":[{"name":"worker","env":[{"name":"A","value":"\"` + strings.Repeat("[{,", 5_000) + `"}]}]}}`, ""},
		"a number no one reads": {`{"spec":{"containers":[{"name":"worker","resources":{"limits":{"memory":"1e1.5"}}}]}}`, "cannot be read"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			app := read(t, tc.template)
			whole, refusal := app.Whole()
			if (tc.refusal == "") != (refusal == "") || !strings.Contains(refusal, tc.refusal) {
				t.Fatalf("the refusal is %q, want %q", refusal, tc.refusal)
			}
			if whole.Name != "shop" || whole.Spec.Container != "worker" || whole.Spec.Connection == nil || whole.Status.ObservedGeneration != 7 {
				t.Errorf("it lacks something: %+v", whole)
			}
			if refusal != "" && len(whole.Spec.Template.Spec.Tolerations)+len(whole.Spec.Template.Spec.Containers) > 0 {
				t.Error("a refused template is decoded")
			}
			if strings.Contains(tc.refusal, "bytes") && app.Spec.Template.document != "" {
				t.Error("a refused template is kept")
			}
		})
	}
}

// A copy can be changed without changing the cache's own object.
func TestACopyStandsAlone(t *testing.T) {
	app := read(t, `{"spec":{"containers":[{"name":"worker"}]}}`)
	before := app.DeepCopy()
	whole, _ := app.Whole()
	for _, out := range []*v1alpha1.QueueApp{whole, app.Lean()} {
		out.Annotations["a"], out.Spec.Connection.Driver = "changed", "HTTP"
	}
	whole.Spec.Template.Spec.Containers[0].Name = "changed"
	list := (&QueueAppList{Items: []QueueApp{*app}}).DeepCopyObject().(*QueueAppList)
	list.Items[0].Annotations["a"] = "changed"
	if diff := cmp.Diff(before, app, cmp.AllowUnexported(Template{})); diff != "" {
		t.Errorf("the original changed (-before +after):\n%s", diff)
	}
}
