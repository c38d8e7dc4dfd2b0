// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// maxNamed bounds the names of jobs in one event, in bytes, because the API server
// takes a note of at most 1 kB.
const maxNamed = 800

// JobsKilled returns the events that name the jobs cut short because of killAt since
// the sequence numbers in told, one event per pod.
func JobsKilled(in Input, told map[types.UID]int64) []Event {
	var out []Event
	for _, pod := range in.Pods {
		if pod.Report == nil {
			continue
		}
		last, known := told[pod.UID]
		var names []string
		for _, job := range pod.Report.KilledJobs {
			if job.Sequence > last && (known || job.AgeSeconds <= freshExit.Seconds()) {
				names = append(names, jobName(job.Class, job.ID))
			}
		}
		out = append(out, jobsKilled(in, pod.Name, pod.UID, pod.ResourceVersion, names)...)
	}
	for _, pod := range in.Ended {
		last, known := told[pod.UID]
		if !known && !pod.Tracked {
			continue // it ended before this operator looked
		}
		out = append(out, jobsKilled(in, pod.Name, pod.UID, "", endedJobs(pod, last))...)
	}
	return out
}

// endedJobs returns the jobs that ended with a pod and were not reported.
func endedJobs(pod EndedPod, told int64) []string {
	var names []string
	for _, job := range pod.Killed {
		if job.Sequence > told {
			names = append(names, jobName(job.Class, job.ID))
		}
	}
	return names
}

// jobsKilled returns the event of one pod, if it has lost jobs. The version of the pod
// keeps the events of two kills apart.
func jobsKilled(in Input, pod string, uid types.UID, version string, names []string) []Event {
	if len(names) == 0 {
		return nil
	}
	return []Event{{
		Type: corev1.EventTypeWarning, Reason: v1alpha1.EventJobsKilled, Action: "Kill",
		Note: fmt.Sprintf("Killed %d job(s) in pod %s, as killAt asks: %s", len(names), pod, enumerate(names)),
		Related: &corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: in.Worker.Namespace, Name: pod, UID: uid, ResourceVersion: version,
		},
	}}
}

// enumerate names as many jobs as there is room for, and says how many more there are.
func enumerate(names []string) string {
	var out strings.Builder
	for i, name := range names {
		if out.Len()+len(name) > maxNamed {
			return fmt.Sprintf("%s and %d more", out.String(), len(names)-i)
		}
		if i > 0 {
			out.WriteString(", ")
		}
		out.WriteString(name)
	}
	return out.String()
}

// jobName returns a job's class and id, as far as its worker prints them.
func jobName(class, id string) string {
	switch {
	case class == "" && id == "":
		return "a job without a name"
	case id == "":
		return class
	case class == "":
		return "job " + id
	}
	return class + " " + id
}
