// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// judgement holds the state of one call of Decide.
type judgement struct {
	Input
	// since is the time from which failures count. resumed is when the pool last
	// resumed work after a pause by failing; zero if never.
	since, resumed time.Time
	// processed and failed count the jobs that ended since then.
	processed, failed int64
	out               Output
}

// Decide judges a pool.
func Decide(in Input) Output {
	j := &judgement{Input: in}
	j.out.Memory = Memory{High: map[string]Mark{}, Slow: in.Memory.Slow, Ends: map[string]End{}, Worded: map[string]time.Time{}}
	j.resume()
	j.count()
	for _, find := range []func() *Alert{j.failuresHigh, j.memoryHigh, j.slowJobs, j.workersFailing} {
		if found := find(); found != nil {
			j.out.Alerts = append(j.out.Alerts, j.worded(*found))
			j.recheck(Recheck)
		}
	}
	slices.SortFunc(j.out.Alerts, func(a, b Alert) int { return strings.Compare(a.Type, b.Type) })
	j.pause()
	return j.out
}

// resume ends a pause by failing if a new token, or another spec, asks for that.
func (j *judgement) resume() {
	j.since = j.Now.Add(-Window)
	if j.Pause == nil {
		return
	}
	pause := *j.Pause
	if pause.Paused && (!j.Rules.Pause || effective.Resumes(j.Token, &pause)) {
		// Rounded up, because the status keeps whole seconds.
		resumed := metav1.NewTime(j.Now.Add(time.Second).Truncate(time.Second))
		pause = v1alpha1.FailurePause{ResumedAt: j.Token, ResumedTime: &resumed}
	}
	j.out.Pause = &pause
	if pause.ResumedTime != nil {
		j.resumed = pause.ResumedTime.Time
		if j.resumed.After(j.since) {
			j.since = j.resumed
		}
	}
}

// count counts the jobs that have ended since failures count.
func (j *judgement) count() {
	for _, bucket := range j.Jobs {
		if !bucket.Start.Before(j.since) {
			j.processed += bucket.Processed
			j.failed += bucket.Failed
		}
	}
	for id, end := range j.Memory.Ends {
		j.remember(id, end)
	}
	for _, end := range j.Ends {
		if _, known := j.Memory.Ends[end.ID]; !known {
			j.remember(end.ID, end)
		}
	}
	j.bound(false)
	j.bound(true)
}

// mostEnds returns how many ends of each kind are remembered.
func (j *judgement) mostEnds() int { return max(maxEnds, j.Rules.Crashes) }

// bound forgets all but the newest ends of a kind, and all messages except the newest
// end's. An older end never becomes the newest, because it is forgotten first.
func (j *judgement) bound(maxExceptions bool) {
	var kind []End
	for _, end := range j.out.Memory.Ends {
		if end.MaxExceptions == maxExceptions {
			kind = append(kind, end)
		}
	}
	slices.SortFunc(kind, func(a, b End) int { return newer(b, a) })
	for i, end := range kind {
		switch {
		case i >= j.mostEnds():
			delete(j.out.Memory.Ends, end.ID)
		case i > 0:
			end.Message = ""
			j.out.Memory.Ends[end.ID] = end
		}
	}
}

func (j *judgement) remember(id string, end End) {
	if j.Now.Sub(end.At) < Window {
		j.out.Memory.Ends[id] = end
	}
}

// was returns the alert of a type in the present status; nil if there is none.
func (j *judgement) was(alertType string) *Alert {
	for i := range j.Was {
		if j.Was[i].Type == alertType {
			return &j.Was[i]
		}
	}
	return nil
}

// worded keeps the present wording of an alert unless the wording is old or its reason
// changes.
func (j *judgement) worded(alert Alert) Alert {
	was := j.was(alert.Type)
	at, known := j.Memory.Worded[alert.Type]
	switch {
	case was == nil || was.Reason != alert.Reason:
		at = j.Now
	case !known:
		// Another operator has worded the alert; its words are good for a while.
		at, alert.Message = j.Now, was.Message
	case j.Now.Sub(at) < rewordAfter:
		alert.Message = was.Message
	default:
		at = j.Now
	}
	j.out.Memory.Worded[alert.Type] = at
	return alert
}

func (j *judgement) recheck(after time.Duration) {
	if j.out.Recheck == 0 || after < j.out.Recheck {
		j.out.Recheck = after
	}
}

// pause pauses the pool if its jobs fail and its spec asks for that.
func (j *judgement) pause() {
	if !j.Rules.Pause || j.out.Pause != nil && j.out.Pause.Paused {
		return
	}
	for _, alert := range j.out.Alerts {
		if alert.Type != v1alpha1.ConditionFailuresHigh && alert.Reason != v1alpha1.ReasonMaxExceptions {
			continue
		}
		paused := v1alpha1.FailurePause{Paused: true, Cause: bounded(alert.Message), ResumedAt: j.Token}
		paused.PausedTime = new(metav1.NewTime(j.Now.Truncate(time.Second)))
		if j.out.Pause != nil {
			paused.ResumedTime = j.out.Pause.ResumedTime
		}
		j.out.Pause = &paused
		return
	}
}

// bounded cuts a text to the length that FailurePause.Cause allows.
func bounded(text string) string {
	const most = 1024 // of the field
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}
