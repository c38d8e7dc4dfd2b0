// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// canary is in every text of a status.
const canary = "canary"

// fill sets every text in a value to the canary, every number to 1 and every bool to true.
func fill(value reflect.Value) {
	switch value.Kind() {
	case reflect.String:
		value.SetString(canary)
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		value.SetInt(1)
	case reflect.Float64:
		value.SetFloat(1)
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		fill(value.Elem())
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 2, 2))
		fill(value.Index(0))
		fill(value.Index(1))
	case reflect.Map:
		value.Set(reflect.ValueOf(map[ExitReason]int64{ExitCrashed: 1}))
	case reflect.Struct:
		for _, field := range value.Fields() {
			fill(field)
		}
	default:
		panic("the test does not know how to fill a " + value.Type().String())
	}
}

// texts collects the paths of a document's texts that contain the canary.
func texts(path string, document any, out map[string]bool) {
	switch document := document.(type) {
	case string:
		if strings.Contains(document, canary) {
			out[path] = true
		}
	case []any:
		for _, element := range document {
			texts(path+"[]", element, out)
		}
	case map[string]any:
		for key, value := range document {
			texts(path+"."+key, value, out)
		}
	}
}

// TestThePublicPartOfAStatusNamesNoJob fills every text of a status and checks which
// texts anyone may read. A new public text must be added here on purpose.
func TestThePublicPartOfAStatusNamesNoJob(t *testing.T) {
	var status Status
	fill(reflect.ValueOf(&status).Elem())
	document := func(status Status) (out any) {
		content, err := json.Marshal(status)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(content, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	said := map[string]bool{}
	texts("", document(status.Public()), said)
	allowed := []string{
		".agent", ".podUID", ".phase", ".workers[].state", ".workers[].lastExit.reason", ".recentExits[].reason",
		".runtime.gracefulStopReason", ".runtime.dialect", ".runtime.version",
	}
	for path := range said {
		if !slices.Contains(allowed, path) {
			t.Errorf("anyone may read %s", path)
		}
	}
	for _, path := range allowed {
		if !said[path] {
			t.Errorf("%s is missing", path)
		}
	}
	whole := map[string]bool{}
	if texts("", document(status), whole); len(whole) < len(allowed)+10 {
		t.Errorf("the whole status was not filled: %v", whole)
	}
}

// TestThePublicPartOfAStatusKeepsItsNumbers, because totals and sizes are computed from
// them.
func TestThePublicPartOfAStatusKeepsItsNumbers(t *testing.T) {
	var status Status
	fill(reflect.ValueOf(&status).Elem())
	public := status.Public()
	if !reflect.DeepEqual(public.Counters, status.Counters) || public.Network != status.Network || public.ControlRevision != 1 {
		t.Errorf("counts are missing: %+v", public)
	}
	if len(public.Workers) != 2 || public.Workers[0].PID != 1 || public.Workers[0].Job.AgeSeconds != 1 || public.Workers[0].MemoryBytes != 1 {
		t.Errorf("of workers is said %+v", public.Workers)
	}
	if len(public.RecentExits) != 2 || public.RecentExits[0].Sequence != 1 || len(public.RecentFailures) != 2 || len(public.KilledJobs) != 2 {
		t.Errorf("of what ended is said %+v, %+v, %+v", public.RecentExits, public.RecentFailures, public.KilledJobs)
	}
	empty := Status{Workers: []Worker{{}}}
	if got := empty.Public(); got.Runtime != nil || got.Workers[0].Job != nil || got.Workers[0].LastExit != nil {
		t.Errorf("of an idle pod is said %+v", got)
	}
}
