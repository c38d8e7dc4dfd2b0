// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"testing"
	"time"
)

func TestSchedulesAreRead(t *testing.T) {
	tests := map[string]struct {
		schedule, zone string
		after, want    string
	}{
		"every minute":            {"* * * * *", "", "2026-03-02T12:00:30Z", "2026-03-02T12:01:00Z"},
		"at night":                {"30 2 * * *", "", "2026-03-02T12:00:00Z", "2026-03-03T02:30:00Z"},
		"in Berlin in winter":     {"30 2 * * *", "Europe/Berlin", "2026-03-02T12:00:00Z", "2026-03-03T01:30:00Z"},
		"in Berlin in summer":     {"30 2 * * *", "Europe/Berlin", "2026-06-02T12:00:00Z", "2026-06-03T00:30:00Z"},
		"an hour that is skipped": {"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"},
		"by name":                 {"@daily", "", "2026-03-02T12:00:00Z", "2026-03-03T00:00:00Z"},
		"on Mondays":              {"0 9 * * MON", "", "2026-03-03T12:00:00Z", "2026-03-09T09:00:00Z"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			table, wrong := parse(tc.schedule, tc.zone, noon)
			if wrong != "" {
				t.Fatal(wrong)
			}
			after, _ := time.Parse(time.RFC3339, tc.after)
			got := ""
			if next := table.next(after); !next.IsZero() {
				got = next.Format(time.RFC3339)
			}
			if got != tc.want {
				t.Errorf("next(%s) = %q, want %q", tc.after, got, tc.want)
			}
		})
	}
}

func TestWrongSchedules(t *testing.T) {
	for schedule, zone := range map[string]string{
		"61 * * * *": "", "* * * *": "", "* 25 * * *": "", "TZ=UTC * * * * *": "", "* * * * MOON": "", "0 0 31 2 *": "", "0 * * * *": "Europe/Atlantis",
	} {
		if _, wrong := parse(schedule, zone, noon); wrong == "" {
			t.Errorf("parse(%q, %q) found nothing wrong", schedule, zone)
		}
		in := hourly()
		in.Spec.Schedule, in.Spec.TimeZone = schedule, zone
		if out := Decide(in); out.Invalid == "" || out.Start != "" || out.Status.NextScheduleTime != nil {
			t.Errorf("Decide(%q, %q) = %+v", schedule, zone, out)
		}
	}
}

// TestTheLastTime compares the search in steps with a walk from time to time.
func TestTheLastTime(t *testing.T) {
	for _, schedule := range []string{"* * * * *", "*/7 3,4 * * *", "0 0 1 1 *", "30 2 * * 1-5", "@weekly"} {
		table, wrong := parse(schedule, "Europe/Berlin", noon)
		if wrong != "" {
			t.Fatal(wrong)
		}
		first := table.next(noon)
		for _, away := range []time.Duration{0, time.Second, time.Minute, 50 * time.Minute, 25 * time.Hour, 40 * 24 * time.Hour} {
			now := first.Add(away)
			if got, want := table.last(first, now), table.lastFrom(first, now); !got.Equal(want) {
				t.Errorf("%s, away for %s: %s, want %s", schedule, away, got, want)
			}
		}
	}
}
