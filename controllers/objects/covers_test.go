// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func TestCovers(t *testing.T) {
	type object = map[string]any
	tests := map[string]struct {
		live, wanted any
		want         bool
	}{
		"equal":                                      {object{"a": 1}, object{"a": 1}, true},
		"defaults besides":                           {object{"a": 1, "b": 2}, object{"a": 1}, true},
		"another value":                              {object{"a": 2}, object{"a": 1}, false},
		"missing":                                    {object{}, object{"a": 1}, false},
		"empty object for none":                      {object{}, object{"a": object{}}, true},
		"kind is not compared":                       {object{}, object{"kind": "Deployment", "apiVersion": "apps/v1"}, true},
		"list of objects, others besides":            {object{"l": []any{object{"n": "x"}, object{"n": "a", "d": 1}}}, object{"l": []any{object{"n": "a"}}}, true},
		"list of objects, one missing":               {object{"l": []any{object{"n": "x"}}}, object{"l": []any{object{"n": "a"}}}, false},
		"list of objects, reordered":                 {object{"l": []any{object{"n": "b"}, object{"n": "a"}}}, object{"l": []any{object{"n": "a"}, object{"n": "b"}}}, false},
		"list of objects, others between":            {object{"l": []any{object{"n": "a"}, object{"n": "x"}, object{"n": "b"}}}, object{"l": []any{object{"n": "a"}, object{"n": "b"}}}, true},
		"list of objects, one twice":                 {object{"l": []any{object{"n": "a"}}}, object{"l": []any{object{"n": "a"}, object{"n": "a"}}}, false},
		"list by name, reordered":                    {object{"env": []any{object{"name": "b"}, object{"name": "a"}}}, object{"env": []any{object{"name": "a"}, object{"name": "b"}}}, true},
		"list by name, reordered with another value": {object{"env": []any{object{"name": "b"}, object{"name": "a", "value": "1"}}}, object{"env": []any{object{"name": "a", "value": "2"}, object{"name": "b"}}}, false},
		"list by name, one missing":                  {object{"env": []any{object{"name": "b"}, object{"name": "c"}}}, object{"env": []any{object{"name": "a"}}}, false},
		"ports of one number":                        {object{"ports": []any{object{"containerPort": 1, "protocol": "UDP"}, object{"containerPort": 1, "protocol": "TCP"}}}, object{"ports": []any{object{"containerPort": 1, "protocol": "TCP"}}}, true},
		"port of the default protocol":               {object{"ports": []any{object{"containerPort": 2, "protocol": "TCP"}, object{"containerPort": 1, "protocol": "TCP"}}}, object{"ports": []any{object{"containerPort": 1}}}, true},
		"port of another protocol":                   {object{"ports": []any{object{"containerPort": 1, "protocol": "UDP"}}}, object{"ports": []any{object{"containerPort": 1}}}, false},
		"list of strings in order":                   {object{"l": []any{"a", "b"}}, object{"l": []any{"a", "b"}}, true},
		"list of strings, one more":                  {object{"l": []any{"a", "b"}}, object{"l": []any{"a"}}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Covers(tc.live, tc.wanted)
			if err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Errorf("Covers() = %t, want %t", got, tc.want)
			}
		})
	}
}

// mergeKeys must list the keys that the API server uses for every list. The CRD of
// QueueApps has them for every list of a pod template.
func TestMergeKeysAreThoseOfThePodTemplate(t *testing.T) {
	raw, err := os.ReadFile("../../config/crd/bases/queueworker.dev_queueapps.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(raw, &crd); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"ownerReferences": {"uid"}} // of the workload itself
	keysBelow(t, want, "template", crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties["template"])
	if diff := cmp.Diff(want, mergeKeys); diff != "" {
		t.Errorf("mergeKeys (-schema +mergeKeys):\n%s", diff)
	}
}

func keysBelow(t *testing.T, keys map[string][]string, field string, schema apiextensionsv1.JSONSchemaProps) {
	t.Helper()
	if schema.Items != nil {
		seen, known := keys[field]
		own := schema.XListMapKeys
		if known && !slices.Equal(seen, own) || !known && len(own) == 0 && mergeKeys[field] != nil {
			t.Errorf("two lists named %s differ in their merge keys: %v and %v; mergeKeys must tell them apart", field, seen, own)
		}
		if len(own) > 0 {
			keys[field] = own
		}
		keysBelow(t, keys, "", *schema.Items.Schema)
	}
	for name, below := range schema.Properties {
		keysBelow(t, keys, name, below)
	}
}

// A pod's owner can write a list of any length and reorder the live one, so the cost of
// a comparison must not grow with the product of both.
func TestCoversTakesLinearSteps(t *testing.T) {
	tolerations := func(n int, key string) corev1.PodSpec {
		var spec corev1.PodSpec
		for i := range n {
			spec.Tolerations = append(spec.Tolerations, corev1.Toleration{Key: fmt.Sprint(key, i), Operator: corev1.TolerationOpExists})
		}
		return spec
	}
	sources := func(sources, items int) corev1.PodSpec {
		projected := &corev1.ProjectedVolumeSource{}
		for i := range sources {
			source := &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}}
			for j := range items {
				source.Items = append(source.Items, corev1.KeyToPath{Key: "k", Path: fmt.Sprint(i, "/", j)})
			}
			projected.Sources = append(projected.Sources, corev1.VolumeProjection{Secret: source})
		}
		return corev1.PodSpec{Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Projected: projected}}}}
	}
	containers := func(n, env int) corev1.PodSpec {
		var spec corev1.PodSpec
		for i := range n {
			container := corev1.Container{Name: fmt.Sprint("c", i)}
			for j := range env {
				container.Env = append(container.Env, corev1.EnvVar{Name: fmt.Sprint("E", j), Value: "1"})
			}
			spec.Containers = append(spec.Containers, container)
		}
		return spec
	}
	reversed := func(spec corev1.PodSpec) corev1.PodSpec {
		slices.Reverse(spec.Tolerations)
		slices.Reverse(spec.Containers)
		for i := range spec.Containers {
			slices.Reverse(spec.Containers[i].Env)
		}
		for i := range spec.Volumes {
			slices.Reverse(spec.Volumes[i].Projected.Sources)
		}
		return spec
	}
	tests := map[string]struct{ live, wanted corev1.PodSpec }{
		"equal tolerations":            {tolerations(4000, "k"), tolerations(4000, "k")},
		"reversed tolerations":         {reversed(tolerations(4000, "k")), tolerations(4000, "k")},
		"empty tolerations":            {corev1.PodSpec{Tolerations: make([]corev1.Toleration, 4000)}, corev1.PodSpec{Tolerations: make([]corev1.Toleration, 4000)}},
		"other tolerations":            {tolerations(4000, "other"), tolerations(4000, "k")},
		"tolerations others added to":  {tolerations(8000, "k"), tolerations(2000, "k")},
		"equal env":                    {containers(4, 1000), containers(4, 1000)},
		"reversed env and containers":  {reversed(containers(64, 100)), containers(64, 100)},
		"many sources with many items": {reversed(sources(64, 64)), sources(64, 64)},
		"a long source, live in small": {sources(2000, 1), sources(1, 2000)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			live, err := tree(tc.live)
			if err != nil {
				t.Fatal(err)
			}
			wanted, err := tree(tc.wanted)
			if err != nil {
				t.Fatal(err)
			}
			var c comparison
			c.covers("", live, wanted)
			if most := 2 * (values(live) + values(wanted)); c.steps > most {
				t.Errorf("%d steps, want at most %d: twice the values of both objects", c.steps, most)
			}
		})
	}
}

// values counts the values of an object, including the object itself.
func values(tree any) int {
	n := 1
	switch tree := tree.(type) {
	case map[string]any:
		for _, value := range tree {
			n += values(value)
		}
	case []any:
		for _, value := range tree {
			n += values(value)
		}
	}
	return n
}

func BenchmarkCovers(b *testing.B) {
	for _, n := range []int{16, 512, 8000} {
		var spec corev1.PodSpec
		for i := range n {
			spec.Tolerations = append(spec.Tolerations, corev1.Toleration{Key: fmt.Sprint("key-", i), Operator: corev1.TolerationOpExists})
		}
		document, err := json.Marshal(spec)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(n, " tolerations"), func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			for b.Loop() {
				if covered, err := Covers(spec, spec); err != nil || !covered {
					b.Fatal(covered, err)
				}
			}
		})
	}
}
