// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// memoryHigh looks for processes that have used too much memory for too long.
func (j *judgement) memoryHigh() *Alert {
	rules := &j.Rules
	if rules.MemoryPercent <= 0 || rules.Memory <= 0 {
		return nil
	}
	begin, end := rules.MemoryLimit(), rules.Memory/100*max(rules.MemoryPercent-memorySlack, 0)
	was := j.was(v1alpha1.ConditionMemoryHigh) != nil
	var high []Process
	for _, process := range j.Processes {
		if process.PID == 0 || process.Memory <= end {
			continue
		}
		loud := was
		if process.Memory > begin {
			loud = j.highForLong(process) || was
		}
		if loud {
			high = append(high, process)
		}
	}
	if len(high) == 0 {
		return nil
	}
	most := slices.MaxFunc(high, func(a, b Process) int {
		return cmp.Or(cmp.Compare(a.Memory, b.Memory), cmp.Compare(b.Name, a.Name))
	})
	return &Alert{v1alpha1.ConditionMemoryHigh, v1alpha1.ReasonAboveThreshold, fmt.Sprintf(
		"%d of %d process(es) use about %d %% or more of spec.memory (%s). The largest is %s with %s%s. A process above spec.memory is replaced after its job. Raise spec.memory, or find out what the jobs keep in memory.",
		len(high), len(j.Processes), rules.MemoryPercent, mebibytes(rules.Memory), most.Name, mebibytes(most.Memory), atWork(most))}
}

// highForLong marks a process that is above its threshold. It reports whether the
// process has been above it for long enough.
func (j *judgement) highForLong(process Process) bool {
	mark, known := j.Memory.High[process.Name]
	if !known || mark.PID != process.PID {
		mark = Mark{PID: process.PID, Since: j.Now}
	}
	j.out.Memory.High[process.Name] = mark
	left := j.Rules.MemoryFor - j.Now.Sub(mark.Since)
	if left > 0 {
		j.recheck(left)
	}
	return left <= 0
}

// slowJobs looks for jobs that have nearly run for as long as they may.
func (j *judgement) slowJobs() *Alert {
	limit := j.Rules.SlowAfter()
	was := j.was(v1alpha1.ConditionSlowJobs)
	if limit <= 0 {
		return nil
	}
	var slow []Process
	for _, process := range j.Processes {
		if process.Working && process.Age >= limit {
			slow = append(slow, process)
		}
	}
	if len(slow) == 0 {
		if was == nil {
			return nil
		}
		if j.out.Memory.Slow.IsZero() {
			j.out.Memory.Slow = j.Now // an earlier operator has seen it
		}
		if j.Now.Sub(j.out.Memory.Slow) >= slowHold {
			return nil
		}
		return &Alert{was.Type, was.Reason, was.Message}
	}
	j.out.Memory.Slow = j.Now
	oldest := slices.MaxFunc(slow, func(a, b Process) int {
		return cmp.Or(cmp.Compare(a.Age, b.Age), cmp.Compare(b.Name, a.Name))
	})
	return &Alert{v1alpha1.ConditionSlowJobs, v1alpha1.ReasonNearTimeout, fmt.Sprintf(
		"%d job(s) have run for more than %d %% of spec.timeout (%s of %s). The longest is %s on %s. A job that reaches the timeout is killed. Raise spec.timeout, or make the job smaller.",
		len(slow), j.Rules.SlowJobPercent, limit, j.Rules.Timeout, named(oldest.Class), oldest.Name)}
}

// failuresHigh judges the share of failed jobs.
func (j *judgement) failuresHigh() *Alert {
	percent := j.Rules.FailedPercent
	if percent <= 0 {
		return nil
	}
	ended := j.processed + j.failed
	begins := ended >= max(j.Rules.FailedMinimum, 1) && j.failed*100 > percent*ended
	was := j.was(v1alpha1.ConditionFailuresHigh)
	switch {
	case begins:
	case was == nil:
		return nil
	case j.failed*200 > percent*ended:
	case j.heardTooLittle():
		return &Alert{was.Type, was.Reason, was.Message}
	default:
		return nil
	}
	return &Alert{v1alpha1.ConditionFailuresHigh, v1alpha1.ReasonAboveThreshold, fmt.Sprintf(
		"%d of the %d jobs that ended in the last 5 minutes failed, which is %d %%%s. See the application's log, and the failed jobs.",
		j.failed, ended, j.failed*100/max(ended, 1), j.lastFailure())}
}

// heardTooLittle reports whether this operator has counted jobs for too short a time to
// say that an alert of an earlier operator is over.
func (j *judgement) heardTooLittle() bool {
	return j.Now.Sub(j.Watched) < Window && j.Now.Sub(j.resumed) >= Window
}

// workersFailing looks for processes that crash, or are restarted for maxExceptions.
func (j *judgement) workersFailing() *Alert {
	most := j.Rules.Crashes
	if most <= 0 {
		return nil
	}
	crashes, restarts := j.ends()
	reason := ""
	if was := j.was(v1alpha1.ConditionWorkersFailing); was != nil {
		reason = was.Reason
	}
	// Jobs are counted since this operator began. For an earlier restart, other jobs
	// may have been processed.
	counted := slices.ContainsFunc(restarts, func(end End) bool { return !end.At.Before(j.Watched) })
	poisoned := counted && j.processed == 0 && j.hasFailed()
	switch {
	case len(restarts) >= most, len(restarts) > 0 && (poisoned || reason == v1alpha1.ReasonMaxExceptions):
		return j.restarting(restarts)
	case len(crashes) >= most, len(crashes) > 0 && reason == v1alpha1.ReasonCrashes:
		last := latest(crashes)
		return &Alert{v1alpha1.ConditionWorkersFailing, v1alpha1.ReasonCrashes, fmt.Sprintf(
			"%s process(es) crashed in the last 5 minutes, last %s: %s See the pods' logs.", j.number(crashes), last.Process, last.Message)}
	}
	return nil
}

// hasFailed reports whether a job has failed since failures count. Counts come in buckets
// of some seconds, and a bucket that began before does not count, so the failures that
// agents report with their time count too.
func (j *judgement) hasFailed() bool {
	return j.failed > 0 || slices.ContainsFunc(j.Failures, func(failure Failure) bool { return !failure.At.Before(j.since) })
}

// ends returns the crashes of the last Window, and its restarts for maxExceptions that
// count.
func (j *judgement) ends() (crashes, restarts []End) {
	for _, end := range j.out.Memory.Ends {
		switch {
		case !end.MaxExceptions:
			crashes = append(crashes, end)
		case !end.At.Before(j.resumed):
			restarts = append(restarts, end)
		}
	}
	return crashes, restarts
}

func (j *judgement) restarting(restarts []End) *Alert {
	return &Alert{v1alpha1.ConditionWorkersFailing, v1alpha1.ReasonMaxExceptions, fmt.Sprintf(
		"%s process(es) were restarted in the last 5 minutes because %d jobs in a row had failed on each%s. See the application's log, and the failed jobs.",
		j.number(restarts), j.Rules.MaxExceptions, j.lastFailure())}
}

// lastFailure names the last failed job, as the end of a clause.
func (j *judgement) lastFailure() string {
	var last Failure
	for _, failure := range j.Failures {
		if failure.At.After(last.At) || failure.At.Equal(last.At) && failure.Process < last.Process {
			last = failure
		}
	}
	if last.At.IsZero() || j.Now.Sub(last.At) >= Window {
		return ""
	}
	text := fmt.Sprintf(", last %s on %s", named(last.Class), last.Process)
	if last.Exception != "" {
		text += " with " + last.Exception
	}
	return text
}

// number returns the number of ends for a message, with "At least" if older ends may have
// been forgotten.
func (j *judgement) number(ends []End) string {
	if len(ends) < j.mostEnds() {
		return strconv.Itoa(len(ends))
	}
	return fmt.Sprintf("At least %d", len(ends))
}

func latest(ends []End) End { return slices.MaxFunc(ends, newer) }

// newer compares two ends by their time; the newer end is greater.
func newer(a, b End) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(b.ID, a.ID)) }

func atWork(process Process) string {
	if !process.Working {
		return ""
	}
	return ", while it works on " + named(process.Class)
}

// named returns a job's class, or "a job" because workers need not report the class.
func named(class string) string { return cmp.Or(class, "a job") }

func mebibytes(bytes int64) string { return fmt.Sprintf("%dMi", bytes>>20) }
