// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// texts are the texts of programs: of any length, with control characters, characters of
// several bytes, and bytes that are no character.
var texts = rapid.Custom(func(t *rapid.T) string {
	piece := rapid.SampledFrom([]string{"a", "word ", "漢", "é", "\U0001f600", "\n", "\t", "\x1b[31m", "\u202e", "\xff", "\xe6\xbc", "\u0000", "."})
	unit := strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces"), "")
	return strings.Repeat(unit, rapid.SampledFrom([]int{1, 2, 40, 300, 3000}).Draw(t, "times"))
})

// eachText calls see for every text in a value.
func eachText(value reflect.Value, see func(owner reflect.Type, field, text string)) {
	switch value.Kind() {
	case reflect.Pointer:
		if !value.IsNil() {
			eachText(value.Elem(), see)
		}
	case reflect.Slice:
		for i := range value.Len() {
			eachText(value.Index(i), see)
		}
	case reflect.Struct:
		for field, inner := range value.Fields() {
			if !field.IsExported() {
				continue
			}
			if inner.Kind() == reflect.String {
				see(value.Type(), field.Name, inner.String())
			}
			eachText(inner, see)
		}
	default:
	}
}

// TestFitOfAnyText: a status of any texts becomes one that the API server takes, and stays
// it. A line of printing characters that fits is not touched.
func TestFitOfAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := texts.Draw(t, "text")
		fitsAnyText(t, text, Fit[v1alpha1.QueueWorkerStatus])
		fitsAnyText(t, text, Fit[v1alpha1.QueueAppStatus])
		fitsAnyText(t, text, Fit[v1alpha1.QueueCommandStatus])
	})
}

func fitsAnyText[S any](t *rapid.T, text string, fit func(*S)) {
	status, again := new(S), new(S)
	stuff(reflect.ValueOf(status).Elem(), text)
	fit(status)
	plain := utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) && strings.TrimSpace(text) == text
	eachText(reflect.ValueOf(status).Elem(), func(owner reflect.Type, field, got string) {
		most, isLine := lines[owner][field]
		switch {
		case !isLine && len(got) > maxText || isLine && len(got) > most:
			t.Fatalf("%s.%s has %d bytes", owner, field, len(got))
		case isLine && (!utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl)):
			t.Fatalf("%s.%s is %q", owner, field, got)
		case isLine && plain && len(text) <= most && got != text:
			t.Fatalf("%s.%s is %q, was %q", owner, field, got, text)
		}
	})
	stuff(reflect.ValueOf(again).Elem(), text)
	fit(again)
	fit(again)
	if !reflect.DeepEqual(status, again) {
		t.Fatalf("fit again it is another: %+v, was %+v", again, status)
	}
}

// TestRowsHaveRoomForAnyText: no row takes more room than it is taken for.
func TestRowsHaveRoomForAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("a<>&\"\\\n\u0001\u007f\u2028é漢\U0001f600")), 0, 200, -1)
		r := row(text.Draw(t, "queue"), noon, text.Draw(t, "name"), protocol.Worker{
			PID: 1 << 30, State: protocol.WorkerBackingOff, Processed: 1 << 62, Failed: 1 << 62, AgeSeconds: 1e6, MemoryBytes: 1 << 62, CPUCores: 1e6,
			Job:      &protocol.Job{Class: text.Draw(t, "class"), ID: text.Draw(t, "id"), AgeSeconds: 1e6},
			LastExit: &protocol.Exit{Reason: protocol.ExitReason(text.Draw(t, "reason")), Code: -1 << 31, Message: text.Draw(t, "message")},
		}, v1alpha1.Worker{})
		document, err := json.Marshal(r)
		if taken := rowSize(&r); err != nil || len(document) > taken {
			t.Fatalf("%d bytes are taken for %d, %v: %s", len(document), taken, err, document)
		}
	})
}

// TestRowsSayOnlyWhatIsKnown: what an agent does not say is absent, not zero.
func TestRowsSayOnlyWhatIsKnown(t *testing.T) {
	if got, want := row("q", noon, "a/0", protocol.Worker{State: protocol.WorkerStarting, AgeSeconds: 9}, v1alpha1.Worker{}), (v1alpha1.Worker{Name: "a/0", State: v1alpha1.WorkerStarting, Queue: "q"}); !reflect.DeepEqual(got, want) {
		t.Errorf("a slot without a process is %+v", got)
	}
	small := row("q", noon, "a/0", protocol.Worker{PID: 1, MemoryBytes: 1, CPUCores: 0.0014, Job: &protocol.Job{}, LastExit: &protocol.Exit{Message: strings.Repeat("漢", 513)}}, v1alpha1.Worker{})
	if small.Memory.String() != "1Mi" || small.CPU.String() != "1m" || small.Queue != "q" || small.LastExit.Message != strings.Repeat("漢", 512) || small.CurrentJob.ID != "" {
		t.Errorf("a small process is %+v", small)
	}
}

// TestInstantsStayWhereAgesJitter: at the boundary, and only of the same job.
func TestInstantsStayWhereAgesJitter(t *testing.T) {
	before := metav1.NewTime(noon.Add(-time.Minute))
	for shift, stays := range map[time.Duration]bool{
		0: true, sameInstant: true, -sameInstant: true, sameInstant + time.Second: false, -sameInstant - time.Second: false,
	} {
		got := instant(noon.Add(shift), 60, &before)
		if want := before.Add(shift); got.Equal(&before) != stays || !stays && !got.Time.Equal(want) {
			t.Errorf("shifted by %s it is %s", shift, got)
		}
	}
	known := v1alpha1.Worker{CurrentJob: &v1alpha1.CurrentJob{ID: "7", StartedTime: &before}}
	for id, stays := range map[string]bool{"7": true, "8": false} {
		got := row("q", noon, "a/0", protocol.Worker{PID: 1, Job: &protocol.Job{ID: id, AgeSeconds: 58}}, known)
		if got.CurrentJob.StartedTime.Equal(&before) != stays {
			t.Errorf("the job %s began at %s", id, got.CurrentJob.StartedTime)
		}
	}
}

// TestRowsAreTheFirst: the table has a bound, and its rows are the first by name.
func TestRowsAreTheFirst(t *testing.T) {
	for workers, want := range map[int]int{99: 99, 100: 100, 101: 100} {
		in := pool(1)
		in.Pods[0].Report.Workers = nil
		for slot := range workers {
			in.Pods[0].Report.Workers = append(in.Pods[0].Report.Workers, protocol.Worker{Slot: int32(1000 + workers - slot)})
		}
		got := rows(in)
		if len(got) != want || got[0].Name != "emails-0/1001" || got[len(got)-1].Name != fmt.Sprint("emails-0/", 1000+want) ||
			!slices.IsSortedFunc(got, func(a, b v1alpha1.Worker) int { return strings.Compare(a.Name, b.Name) }) {
			t.Errorf("of %d workers there are %d, from %s to %s", workers, len(got), got[0].Name, got[len(got)-1].Name)
		}
	}
}
