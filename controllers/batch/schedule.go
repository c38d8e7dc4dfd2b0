// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the operator's image has none

	"github.com/robfig/cron/v3"
)

// timetable is a schedule in its time zone.
type timetable struct {
	cron cron.Schedule
	zone *time.Location
}

// parse parses a schedule, or says in a sentence what is wrong with it. For an empty
// schedule, the timetable is nil.
func parse(schedule, zone string, now time.Time) (table *timetable, wrong string) {
	if schedule == "" {
		return nil, ""
	}
	if strings.Contains(schedule, "TZ") {
		return nil, "The schedule must not name a time zone: write the time zone into spec.batch.timeZone."
	}
	parsed, err := cron.ParseStandard(schedule)
	if err != nil {
		return nil, fmt.Sprintf("The schedule %q in spec.batch.schedule cannot be used: %v.", schedule, err)
	}
	location, err := time.LoadLocation(zone) // UTC if empty
	if err != nil {
		return nil, fmt.Sprintf("The time zone %q in spec.batch.timeZone is not known; write an IANA name such as Europe/Berlin.", zone)
	}
	table = &timetable{parsed, location}
	if table.next(now).IsZero() {
		return nil, fmt.Sprintf("The schedule %q in spec.batch.schedule names a time that never comes.", schedule)
	}
	return table, ""
}

// next returns the first time after another; zero if there is none within five years.
func (t *timetable) next(after time.Time) time.Time {
	next := t.cron.Next(after.In(t.zone))
	if next.IsZero() {
		return time.Time{}
	}
	return next.UTC()
}

// last returns the last time that is not after now. first must be a time of the
// schedule, and last returns no earlier time. It looks back in steps that double, so
// that a long absence costs little.
func (t *timetable) last(first, now time.Time) time.Time {
	for span := time.Minute; ; span *= 2 {
		from := now.Add(-span)
		if !from.After(first) {
			return t.lastFrom(first, now)
		}
		if found := t.next(from); !found.IsZero() && !found.After(now) {
			return t.lastFrom(found, now)
		}
	}
}

func (t *timetable) lastFrom(at, now time.Time) time.Time {
	for {
		next := t.next(at)
		if next.IsZero() || next.After(now) {
			return at
		}
		at = next
	}
}
