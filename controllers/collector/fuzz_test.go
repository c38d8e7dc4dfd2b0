// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/received"
	"queueworker.dev/queueworker/controllers/telemetry"
)

// FuzzStatus feeds arbitrary documents to the functions that a pod's answer passes
// through. An accepted document must be harmless and must be accepted unchanged when it
// is read again.
func FuzzStatus(f *testing.F) {
	f.Add(encode(f, typical("uid")))
	f.Add(encode(f, idle("uid")))
	f.Add([]byte(`{"version":2,"counters":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		status := &protocol.Status{}
		if telemetry.Decode(data, status, &status.Version) != nil || received.Status(status) != nil {
			return
		}
		checkHarmless(t, reflect.ValueOf(status).Elem())
		if len(status.Workers) > received.MaxSlots || len(status.RecentExits) > received.MaxExits {
			t.Fatalf("%d workers, %d exits", len(status.Workers), len(status.RecentExits))
		}
		for i := 1; i < len(status.Workers); i++ {
			if status.Workers[i-1].Slot >= status.Workers[i].Slot {
				t.Fatalf("slots %d and %d are not in order", status.Workers[i-1].Slot, status.Workers[i].Slot)
			}
		}
		again := &protocol.Status{}
		if err := telemetry.Decode(encode(t, status), again, &again.Version); err != nil {
			t.Fatalf("read again: %v", err)
		}
		if err := received.Status(again); err != nil {
			t.Fatalf("cleaned again: %v", err)
		}
		if diff := cmp.Diff(status, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("changed when read again (-first +second):\n%s", diff)
		}
		// No pair of accepted reports may upset the functions that compare them.
		notable(idle("uid"), status)
		moved(idle("uid"), status)
		decreased(idle("uid").Counters, status.Counters)
	})
}

// FuzzReadBacklog feeds arbitrary answers to the functions that a probe's answer passes
// through. An accepted answer is harmless, has only the requested queues, and is
// accepted unchanged when it is read again.
func FuzzReadBacklog(f *testing.F) {
	f.Add([]byte(`{"version":1,"podUID":"uid","ageSeconds":0.5,"queues":[{"queue":"high","ready":1,"delayed":2,"reserved":3,"dueSoon":1,"oldestSeconds":1.5,"nextDueSeconds":9,"failed":4,"maxTimeoutSeconds":60},{"queue":"low","reason":"Unreadable","message":"x","ready":0,"delayed":0,"reserved":0}]}`))
	f.Add([]byte(`{"version":1,"podUID":"uid","reason":"Denied","message":"no\u001b[31m","ageSeconds":-1}`))
	f.Add([]byte(`{"version":1,"podUID":"uid","queues":[{"queue":"low"},{"queue":"high"}]}`))
	f.Add([]byte(`[[[[[[[[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		asked := []string{"high", "low"}
		where := Probe{UID: "uid"}
		answer, err := readBacklog(data, where, asked)
		if err != nil {
			return
		}
		checkHarmless(t, reflect.ValueOf(answer).Elem())
		if answer.Reason == "" && (len(answer.Queues) != 2 || answer.Queues[0].Queue != "high" || answer.Queues[1].Queue != "low") {
			t.Fatalf("accepted %+v", answer.Queues)
		}
		again, err := readBacklog(encode(t, answer), where, asked)
		if err != nil {
			t.Fatalf("read again: %v", err)
		}
		if diff := cmp.Diff(answer, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("changed when read again (-first +second):\n%s", diff)
		}
		p := &probe{}
		p.take(answer, time.Unix(1_800_000_000, 0))
		if report := p.reportOf(asked); report.MeasuredAt.IsZero() != (len(report.Queues) == 0) {
			t.Fatalf("measured at %s: %+v", report.MeasuredAt, report.Queues)
		}
	})
}

// FuzzFinal does the same for termination messages.
func FuzzFinal(f *testing.F) {
	f.Add(string(encode(f, finalOf(3))))
	f.Add(`{"version":1,"message":"\u001b[31m"}`)
	f.Fuzz(func(t *testing.T, message string) {
		final, err := telemetry.ParseFinal(message)
		if err != nil {
			if final != nil || !utf8.ValidString(err.Error()) || len(err.Error()) > 2*maxMessage {
				t.Fatalf("final %v with the error %q", final, err)
			}
			return
		}
		checkHarmless(t, reflect.ValueOf(final).Elem())
		document, err := json.Marshal(final)
		if err != nil {
			t.Fatal(err)
		}
		if len(document) > protocol.MaxFinalBytes {
			// Characters that JSON escapes have grown.
			return
		}
		again, err := telemetry.ParseFinal(string(document))
		if err != nil {
			t.Fatalf("read again: %v", err)
		}
		if diff := cmp.Diff(final, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("changed when read again (-first +second):\n%s", diff)
		}
	})
}

// checkHarmless walks through a document: no number is negative, and no text is long or
// has characters that do not print. The pod's UID was compared before.
func checkHarmless(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "PodUID" {
				checkHarmless(t, v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			checkHarmless(t, v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			checkHarmless(t, key)
			checkHarmless(t, v.MapIndex(key))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			checkHarmless(t, v.Elem())
		}
	case reflect.Int, reflect.Int32, reflect.Int64:
		if v.Int() < 0 {
			t.Fatalf("a number is %d", v.Int())
		}
	case reflect.Float64:
		if !(v.Float() >= 0 && v.Float() <= maxSeconds*1e4) {
			t.Fatalf("a number is %v", v.Float())
		}
	case reflect.String:
		if len(v.String()) > maxMessage || !utf8.ValidString(v.String()) {
			t.Fatalf("a text is %q", v.String())
		}
		for _, r := range v.String() {
			if !unicode.IsPrint(r) {
				t.Fatalf("a text holds %U: %q", r, v.String())
			}
		}
	case reflect.Bool:
	default:
		t.Fatalf("the document has a field of kind %s, which is not checked", v.Kind())
	}
}
