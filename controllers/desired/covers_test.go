// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package desired

import "testing"

func TestCovers(t *testing.T) {
	type object = map[string]any
	tests := map[string]struct {
		live, wanted any
		want         bool
	}{
		"equal":                           {object{"a": 1}, object{"a": 1}, true},
		"defaults besides":                {object{"a": 1, "b": 2}, object{"a": 1}, true},
		"another value":                   {object{"a": 2}, object{"a": 1}, false},
		"missing":                         {object{}, object{"a": 1}, false},
		"empty object for none":           {object{}, object{"a": object{}}, true},
		"kind is not compared":            {object{}, object{"kind": "Deployment", "apiVersion": "apps/v1"}, true},
		"list of objects, others besides": {object{"l": []any{object{"n": "x"}, object{"n": "a", "d": 1}}}, object{"l": []any{object{"n": "a"}}}, true},
		"list of objects, one missing":    {object{"l": []any{object{"n": "x"}}}, object{"l": []any{object{"n": "a"}}}, false},
		"list of strings in order":        {object{"l": []any{"a", "b"}}, object{"l": []any{"a", "b"}}, true},
		"list of strings, one more":       {object{"l": []any{"a", "b"}}, object{"l": []any{"a"}}, false},
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
