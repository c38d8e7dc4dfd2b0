// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/wording"
)

// none fills a cell without a known value.
const none = "-"

const mebibyte = 1 << 20

func number(n int32) string { return strconv.Itoa(int(n)) }

func or(text string) string {
	if text == "" {
		return none
	}
	return text
}

// since returns how long ago a time was, as kubectl writes it.
func since(t *metav1.Time, now time.Time) string {
	if t.IsZero() {
		return none
	}
	return wording.Short(now.Sub(t.Time))
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

func pid(n int32) string {
	if n == 0 {
		return none
	}
	return number(n)
}

func memory(q *resource.Quantity) string {
	if q == nil {
		return none
	}
	return fmt.Sprintf("%dMi", (q.Value()+mebibyte-1)/mebibyte)
}

func cpu(q *resource.Quantity) string {
	if q == nil {
		return none
	}
	return fmt.Sprintf("%dm", q.MilliValue())
}

// job names a job and says how long it has been running.
func job(j *v1alpha1.CurrentJob, now time.Time) string {
	if j == nil {
		return none
	}
	name := j.Class
	if name == "" {
		name = "a job"
	}
	if j.StartedTime == nil {
		return name
	}
	return name + " for " + since(j.StartedTime, now)
}

// plainClass cuts a class's namespace from the name of a job, to save room.
func plainClass(job string) string { return job[strings.LastIndex(job, `\`)+1:] }

// seen says how fresh a row is.
func seen(w *view.Worker, now time.Time) string {
	if w.Live {
		return "live"
	}
	if w.AsOf == nil {
		return none
	}
	return since(w.AsOf, now) + " ago"
}
