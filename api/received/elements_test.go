// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package received

import (
	"encoding/json"
	"strings"
	"testing"

	"queueworker.dev/queueworker/test/builders"
)

func TestElements(t *testing.T) {
	largest, err := json.Marshal(builders.LargestStatus("uid"))
	if err != nil {
		t.Fatal(err)
	}
	if n := Elements(largest); n > MaxElements/2 {
		t.Errorf("the largest honest status has %d elements, more than half of %d", n, MaxElements)
	}
	for name, tc := range map[string]struct {
		document string
		want     int
	}{
		"nothing":                    {"", 0},
		"a list":                     {`[{},{},{}]`, 2},
		"members":                    {`{"a":1,"b":[2,3]}`, 2},
		"commas of a string":         {`{"a":",,,","b":1}`, 1},
		"behind a quote":             {`{"a":"\",,","b":1}`, 1},
		"behind a backslash":         {`["\\",1,2]`, 2},
		"a string without an end":    {`["a,,,`, 0},
		"a backslash without an end": {`["a\`, 0},
		"many":                       {"[" + strings.Repeat("0,", 5000) + "0]", 5000},
	} {
		if got := Elements([]byte(tc.document)); got != tc.want {
			t.Errorf("%s: %d elements, want %d", name, got, tc.want)
		}
	}
}
