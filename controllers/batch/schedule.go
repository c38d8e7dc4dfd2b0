// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// timetable is a schedule in its time zone.
type timetable struct {
	cron cron.Schedule
	zone *time.Location
}

// parse reads a schedule; of an empty one the timetable is nil.
func parse(schedule, zone string) (*timetable, error) {
	if schedule == "" {
		return nil, nil
	}
	if strings.Contains(schedule, "TZ") {
		return nil, errors.New("a time zone goes into spec.batch.timeZone")
	}
	parsed, err := cron.ParseStandard(schedule)
	if err != nil {
		return nil, fmt.Errorf("spec.batch.schedule %q cannot be used: %w", schedule, err)
	}
	location, err := time.LoadLocation(zone) // UTC if empty
	if err != nil {
		return nil, fmt.Errorf("spec.batch.timeZone %q is not known; write an IANA name such as Europe/Berlin", zone)
	}
	return &timetable{parsed, location}, nil
}

// next is the first time after another; zero if there is none within five years.
func (t *timetable) next(after time.Time) time.Time {
	next := t.cron.Next(after.In(t.zone))
	if next.IsZero() {
		return time.Time{}
	}
	return next.UTC()
}

// last is the last time that is not after now nor before first, which is one itself. It
// looks back in steps that double, so that a long absence costs little.
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
