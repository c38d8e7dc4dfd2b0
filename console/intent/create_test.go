// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package intent

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/api/v1alpha1"
)

func TestManifest(t *testing.T) {
	tests := map[string]struct {
		set         map[string]any
		want        map[string]any
		wantRefusal string
	}{
		"the least": {
			set:  map[string]any{"queue": new("emails")},
			want: map[string]any{"queue": "emails"},
		},
		"the guide's": {
			set: map[string]any{
				"queue": new("high,default"), "timeout": new("60s"), "memory": new("256Mi"), "sleep": new("3s"), "tries": new(int32(3)),
				"processes": new(int32(0)), "backoff": &[]string{"10s", "60s"}, "env": &[]string{"A=b=c", "EMPTY="}, "force": new(true),
			},
			want: map[string]any{
				"queue": "high,default", "timeout": "60s", "memory": "256Mi", "sleep": "3s", "tries": int64(3), "processes": int64(0),
				"backoff": []any{"10s", "60s"}, "force": true,
				"env": []any{map[string]any{"name": "A", "value": "b=c"}, map[string]any{"name": "EMPTY", "value": ""}},
			},
		},
		"autoscaling": {
			set:  map[string]any{"queue": new("emails"), "min": new(int32(0)), "max": new(int32(20)), "target-wait": new("2m")},
			want: map[string]any{"queue": "emails", "autoscaling": map[string]any{"minProcesses": int64(0), "maxProcesses": int64(20), "targetWait": "2m"}},
		},
		"runs": {
			set: map[string]any{"queue": new("reports"), "mode": new("Batch"), "schedule": new("30 2 * * *"), "time-zone": new("Europe/Berlin"), "wait-for-delayed": new(false)},
			want: map[string]any{"queue": "reports", "mode": "Batch", "batch": map[string]any{
				"schedule": "30 2 * * *", "timeZone": "Europe/Berlin", "waitForDelayed": false,
			}},
		},
		"a schedule alone":     {set: map[string]any{"queue": new("emails"), "schedule": new("@daily")}, wantRefusal: "say --mode Batch too"},
		"a schedule for good":  {set: map[string]any{"queue": new("emails"), "mode": new("Continuous"), "schedule": new("@daily")}, wantRefusal: "say --mode Batch too"},
		"a mode that is none":  {set: map[string]any{"queue": new("emails"), "mode": new("batch")}, wantRefusal: `--mode must be Continuous or Batch, not "batch"`},
		"a time that is none":  {set: map[string]any{"queue": new("emails"), "timeout": new("banana")}, wantRefusal: `--timeout must be a duration such as 60s or 1h30m, not "banana"`},
		"a time without units": {set: map[string]any{"queue": new("emails"), "backoff": &[]string{"10s", "60"}}, wantRefusal: `--backoff must be a duration such as 60s or 1h30m, not "60"`},
		"an amount of nothing": {set: map[string]any{"queue": new("emails"), "memory": new("much")}, wantRefusal: `--memory must be an amount such as 256Mi or 250m, not "much"`},
		"no queue":             {set: map[string]any{}, wantRefusal: "say which queue"},
		"an empty queue":       {set: map[string]any{"queue": new("")}, wantRefusal: "say which queue"},
		"a minimum alone":      {set: map[string]any{"queue": new("emails"), "min": new(int32(0))}, wantRefusal: "needs --max"},
		"two sizes":            {set: map[string]any{"queue": new("emails"), "max": new(int32(1)), "processes": new(int32(1))}, wantRefusal: "one or the other"},
		"a variable unnamed":   {set: map[string]any{"queue": new("emails"), "env": &[]string{"=x"}}, wantRefusal: "NAME=VALUE"},
		"a variable unvalued":  {set: map[string]any{"queue": new("emails"), "env": &[]string{"x"}}, wantRefusal: "NAME=VALUE"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Manifest("emails", tc.set)
			if tc.wantRefusal != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantRefusal) {
					t.Errorf("got %v, want a refusal with %q", err, tc.wantRefusal)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got["spec"]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestManifestNeedsAName(t *testing.T) {
	for name, wantRefusal := range map[string]bool{"emails": false, "Bad_Name!": true, "": true, strings.Repeat("x", 50): false, strings.Repeat("x", 51): true} {
		_, err := Manifest(name, map[string]any{"queue": new("emails")})
		if refused := err != nil; refused != wantRefusal || refused && !strings.Contains(err.Error(), "cannot be a QueueWorker's name") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestOptionsAreFields: every flag sets a field that the API has.
func TestOptionsAreFields(t *testing.T) {
	for _, option := range Options() {
		at := reflect.TypeFor[v1alpha1.QueueWorkerSpec]()
		for _, step := range option.Path {
			if at.Kind() == reflect.Pointer {
				at = at.Elem()
			}
			field, ok := byJSON(at, step)
			if !ok {
				t.Fatalf("--%s sets %s, which the API does not have", option.Flag, strings.Join(option.Path, "."))
			}
			at = field
		}
	}
}

func byJSON(at reflect.Type, name string) (reflect.Type, bool) {
	for field := range at.Fields() {
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag == name {
			return field.Type, true
		}
	}
	return nil, false
}
