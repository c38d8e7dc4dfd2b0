// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// A Job's name is also the value of a label, of at most 63 characters, and a
// QueueWorker's name has at most 50. So eight characters are left for the run's
// trigger: minutes since 1970, which are digits, or a letter and a part of a hash.
const infix = "-run-"

// hashDigits is the number of hash digits that follow the letter.
const hashDigits = 7

// firstName returns the name of a QueueWorker's first run. The UID is part of the hash,
// so that a later QueueWorker of the same name has its own runs.
func firstName(worker, uid string) string { return worker + infix + "f" + digits(uid) }

// scheduledName returns the name of the run for a time of the schedule.
func scheduledName(worker string, at time.Time) string {
	return worker + infix + strconv.FormatInt(at.Unix()/60, 10)
}

// scheduledTime returns the time of the schedule that a run's name contains; false if
// the run does not belong to a schedule. A time in the future is refused, except for
// the difference of clocks, because a user who may create Jobs can give one any name.
func scheduledTime(worker, run string, now time.Time) (time.Time, bool) {
	suffix, found := strings.CutPrefix(run, worker+infix)
	minutes, err := strconv.ParseInt(suffix, 10, 32)
	if !found || err != nil || minutes < 0 {
		return time.Time{}, false
	}
	at := time.Unix(minutes*60, 0).UTC()
	return at, !at.After(now.Add(clocksDiffer))
}

// clocksDiffer is more than the clocks of two operators differ.
const clocksDiffer = time.Hour

// requestedName returns the name of the run that a value of the annotation runAt asks for.
func requestedName(worker, uid, token string) string {
	return worker + infix + "r" + digits(uid+"/"+token)
}

func digits(of string) string {
	sum := sha256.Sum256([]byte(of))
	return hex.EncodeToString(sum[:])[:hashDigits]
}
