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

// A Job's name is also the value of a label, of at most 63 characters; that of a
// QueueWorker has at most 50. So eight are left for what triggered the run: minutes
// since 1970, which are digits, or a letter and a part of a hash.
const infix = "-run-"

// hashDigits are how many digits of a hash follow the letter.
const hashDigits = 7

// firstName is the name of the run that a QueueWorker begins with. Its UID is part of the
// hash, so that one of the same name has runs of its own.
func firstName(worker, uid string) string { return worker + infix + "f" + digits(uid) }

// scheduledName is the name of the run of a time of the schedule.
func scheduledName(worker string, at time.Time) string {
	return worker + infix + strconv.FormatInt(at.Unix()/60, 10)
}

// scheduledTime is the time of the schedule that a run's name tells; false if it is not
// one of a schedule. None begins before its time, but for what clocks differ: anybody who
// may create Jobs can make one of any name.
func scheduledTime(worker, run string, now time.Time) (time.Time, bool) {
	suffix, found := strings.CutPrefix(run, worker+infix)
	minutes, err := strconv.ParseInt(suffix, 10, 32)
	if !found || err != nil || minutes < 0 {
		return time.Time{}, false
	}
	at := time.Unix(minutes*60, 0).UTC()
	return at, !at.After(now.Add(clocksDiffer))
}

// clocksDiffer is more than the clocks of two operators do.
const clocksDiffer = time.Hour

// requestedName is the name of the run that a value of the annotation runAt asks for.
func requestedName(worker, uid, token string) string {
	return worker + infix + "r" + digits(uid+"/"+token)
}

func digits(of string) string {
	sum := sha256.Sum256([]byte(of))
	return hex.EncodeToString(sum[:])[:hashDigits]
}
