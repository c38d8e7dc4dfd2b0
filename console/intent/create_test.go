// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package intent

import (
	"errors"
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
		wantRefusal Message
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
			set:  map[string]any{"queue": new("emails"), "autoscaling.minProcesses": new(int32(0)), "autoscaling.maxProcesses": new(int32(20)), "autoscaling.targetWait": new("2m")},
			want: map[string]any{"queue": "emails", "autoscaling": map[string]any{"minProcesses": int64(0), "maxProcesses": int64(20), "targetWait": "2m"}},
		},
		"runs": {
			set: map[string]any{"queue": new("reports"), "mode": new("Batch"), "batch.schedule": new("30 2 * * *"), "batch.timeZone": new("Europe/Berlin"), "batch.waitForDelayed": new(false)},
			want: map[string]any{"queue": "reports", "mode": "Batch", "batch": map[string]any{
				"schedule": "30 2 * * *", "timeZone": "Europe/Berlin", "waitForDelayed": false,
			}},
		},
		"a schedule alone":     {set: map[string]any{"queue": new("emails"), "batch.schedule": new("@daily")}, wantRefusal: Message{Code: BatchMissing}},
		"a schedule for good":  {set: map[string]any{"queue": new("emails"), "mode": new("Continuous"), "batch.schedule": new("@daily")}, wantRefusal: Message{Code: BatchMissing}},
		"a mode that is none":  {set: map[string]any{"queue": new("emails"), "mode": new("batch")}, wantRefusal: Message{Code: NotAmongWords, Field: "mode", Given: "batch", Words: []string{"Continuous", "Batch"}}},
		"a time that is none":  {set: map[string]any{"queue": new("emails"), "timeout": new("banana")}, wantRefusal: Message{Code: NotDuration, Field: "timeout", Given: "banana"}},
		"a time without units": {set: map[string]any{"queue": new("emails"), "backoff": &[]string{"10s", "60"}}, wantRefusal: Message{Code: NotDuration, Field: "backoff", Given: "60"}},
		"an amount of nothing": {set: map[string]any{"queue": new("emails"), "memory": new("much")}, wantRefusal: Message{Code: NotQuantity, Field: "memory", Given: "much"}},
		"no queue":             {set: map[string]any{}, wantRefusal: Message{Code: QueueMissing}},
		"an empty queue":       {set: map[string]any{"queue": new("")}, wantRefusal: Message{Code: QueueMissing}},
		"a minimum alone":      {set: map[string]any{"queue": new("emails"), "autoscaling.minProcesses": new(int32(0))}, wantRefusal: Message{Code: MaximumMissing}},
		"two sizes":            {set: map[string]any{"queue": new("emails"), "autoscaling.maxProcesses": new(int32(1)), "processes": new(int32(1))}, wantRefusal: Message{Code: ProcessesAndBounds}},
		"a variable unnamed":   {set: map[string]any{"queue": new("emails"), "env": &[]string{"=x"}}, wantRefusal: Message{Code: NotPair, Field: "env", Given: "=x"}},
		"a variable unvalued":  {set: map[string]any{"queue": new("emails"), "env": &[]string{"x"}}, wantRefusal: Message{Code: NotPair, Field: "env", Given: "x"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Manifest("emails", tc.set)
			if tc.wantRefusal.Code != "" {
				if diff := cmp.Diff(error(Refusal{tc.wantRefusal}), err); diff != "" {
					t.Errorf("the refusal differs (-want +got):\n%s", diff)
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
		var refusal Refusal
		if refused := errors.As(err, &refusal); refused != wantRefusal || refused && refusal.Code != NameInvalid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestFieldsAreInTheAPI: every field is one that the API has.
func TestFieldsAreInTheAPI(t *testing.T) {
	for _, offered := range Fields() {
		at := reflect.TypeFor[v1alpha1.QueueWorkerSpec]()
		for step := range strings.SplitSeq(offered.Path, ".") {
			if at.Kind() == reflect.Pointer {
				at = at.Elem()
			}
			field, ok := byJSON(at, step)
			if !ok {
				t.Fatalf("the API does not have spec.%s", offered.Path)
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
