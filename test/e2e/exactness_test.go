// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// deadly are the kinds of jobs that end their process and therefore never record how they
// ended. Laravel marks them as failed when it finds them abandoned.
var deadly = map[string]bool{"fatal": true, "selfkill": true}

// mix holds every kind of job that ends by itself, in shares of a thousand.
var mix = []struct {
	jobs  lab.Jobs
	share int
}{
	{lab.Jobs{Kind: "quick"}, 620},
	{lab.Jobs{Kind: "slow", Arg: "0.3"}, 200},
	{lab.Jobs{Kind: "failing", Tries: 3}, 50},
	{lab.Jobs{Kind: "failing", Arg: "1", Tries: 3}, 50},
	{lab.Jobs{Kind: "selffail"}, 30},
	{lab.Jobs{Kind: "released", Arg: "1"}, 30},
	{lab.Jobs{Kind: "memory"}, 10},
	{lab.Jobs{Kind: "fatal", Tries: 1}, 5},
	{lab.Jobs{Kind: "selfkill", Tries: 1}, 5},
}

// TestCountsAreExact runs every kind of job through a pool while its pods are deleted at
// random and its image is rolled out twice. Then it compares the status with what each
// job counted about itself.
func TestCountsAreExact(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		json bool
		// released counts the attempts that put their job back, if the dialect shows
		// them.
		processed, released func(known) int64
	}{
		"bracketed text": {
			// Laravel 8 prints Processed for a job that released itself.
			processed: func(k known) int64 { return k.Ends + k.Released },
			released:  func(k known) int64 { return k.thrown },
		},
		"JSON lines": {
			json:      true,
			processed: func(k known) int64 { return k.Ends },
			released:  func(k known) int64 { return k.Released + k.thrown },
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			l.Demo()
			lab.Update(l, "demo", &v1alpha1.QueueApp{}, func(app *v1alpha1.QueueApp) {
				container := &app.Spec.Template.Spec.Containers[0]
				container.Env = append(container.Env, corev1.EnvVar{Name: "REDIS_QUEUE_RETRY_AFTER", Value: "60"})
				if tc.json {
					container.Env = append(container.Env, corev1.EnvVar{Name: "DEMO_JSON", Value: "1"})
				}
			})
			l.Create(builders.QueueWorker(l.Namespace, "all").Processes(4).MaxJobs(100).Timeout(45 * time.Second).Sleep(time.Second).Obj())
			l.Ready("all", 2*time.Minute)

			jobs := lab.Either(3000, 600)
			for _, part := range mix {
				part.jobs.Run, part.jobs.Count = "exact", jobs*part.share/1000
				l.Dispatch(part.jobs)
			}
			chaos(l, lab.Either(20, 4))
			l.Settled("exact", 5*time.Minute)
			k := checkEveryJob(l, "exact")

			want := v1alpha1.Totals{Processed: tc.processed(k), Failed: k.Failed, Released: tc.released(k)}
			l.Eventually(fmt.Sprintf("totals are %+v", want), 2*time.Minute, func() (bool, string) {
				got := l.Worker("all").Status.Totals
				return got == want, fmt.Sprintf("%+v", got)
			})
			t.Logf("%d jobs, %d starts: totals %+v", k.Dispatched, k.Starts, want)
		})
	}
}

// chaos deletes pods at random. It changes the image after a third and after two thirds
// of the deletions.
func chaos(l *lab.Lab, deletions int) {
	l.Helper()
	for i := range deletions {
		if i == deletions/3 || i == deletions*2/3 {
			image := map[bool]string{true: lab.DemoImage2, false: lab.DemoImage}[i == deletions/3]
			lab.Update(l, "demo", &v1alpha1.QueueApp{}, func(app *v1alpha1.QueueApp) {
				app.Spec.Template.Spec.Containers[0].Image = image
			})
		}
		pods := l.Pods("all")
		victim := pods[rand.IntN(len(pods))]
		if err := l.Client.Delete(l.Ctx, &victim); client.IgnoreNotFound(err) != nil {
			l.Fatalf("delete pod %s: %v", victim.Name, err)
		}
		l.Eventually("the pool has a running pod again", time.Minute, func() (bool, string) {
			running := 0
			for _, pod := range l.Pods("all") {
				if pod.Status.Phase == corev1.PodRunning {
					running++
				}
			}
			return running >= 3, fmt.Sprint(running, " run")
		})
	}
}

// known is the truth about a run, and what follows from it.
type known struct {
	lab.Truth
	// thrown counts the attempts that threw and had tries left.
	thrown int64
}

// checkEveryJob holds each job to its promise: it succeeded once or failed finally once,
// within its tries, and no job was lost.
func checkEveryJob(l *lab.Lab, run string) known {
	l.Helper()
	kinds := l.PerJob(run, "jobs")
	count := func(what string) func(uid string) int64 {
		hash := l.PerJob(run, what)
		return func(uid string) int64 {
			n, _ := strconv.ParseInt(hash[uid], 10, 64) // an absent field is zero
			return n
		}
	}
	starts, ends, failed := count("starts"), count("ends"), count("failed")
	k := known{Truth: l.Truth(run)}
	k.thrown = k.Starts - k.Ends - k.Released - k.Failed
	for uid, kind := range kinds {
		if ends(uid)+failed(uid) != 1 {
			l.Errorf("job %s (%s) succeeded %d times and failed %d times after %d starts", uid, kind, ends(uid), failed(uid), starts(uid))
		}
		if starts(uid) > 3 {
			l.Errorf("job %s (%s) was started %d times", uid, kind, starts(uid))
		}
		if deadly[kind] {
			// Its start ended in death, and its failure was recorded without a start.
			k.thrown += failed(uid) - starts(uid)
		}
	}
	if int64(len(kinds)) != k.Dispatched {
		l.Errorf("%d jobs were dispatched, %d are known", k.Dispatched, len(kinds))
	}
	return k
}

// TestCountsWithoutOperator ends pods while the operator is down. The totals lack exactly
// the jobs that those pods did unseen, and the status says how many pods that concerns.
func TestCountsWithoutOperator(t *testing.T) {
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "all").Processes(2).Sleep(time.Second).Obj())
	l.Ready("all", 2*time.Minute)
	defer scaleOperator(l, 1)

	var unseen int64
	rounds := int64(lab.Either(5, 2))
	for round := range rounds {
		scaleOperator(l, 0)
		l.Dispatch(lab.Jobs{Kind: "quick", Count: 200, Run: "away"})
		l.Settled("away", time.Minute)
		unseen += endUnseen(l)
		scaleOperator(l, 1)

		want := v1alpha1.Totals{Processed: l.Truth("away").Ends - unseen, UnaccountedWorkers: round + 1}
		l.Eventually(fmt.Sprintf("totals are %+v", want), 2*time.Minute, func() (bool, string) {
			got := l.Worker("all").Status.Totals
			return got == want, fmt.Sprintf("%+v", got)
		})
		l.Ready("all", time.Minute)
	}
	t.Logf("%d operators were down while a pod ended: %d of %d jobs were unseen", rounds, unseen, l.Truth("away").Ends)
}

// endUnseen deletes a pod and returns how many of its jobs the status does not contain.
func endUnseen(l *lab.Lab) int64 {
	l.Helper()
	victim := l.Pods("all")[0]
	var unseen int64
	l.Eventually("the agent has read that its last job is done", 10*time.Second, func() (bool, string) {
		status, err := l.Agent(&victim)
		if err != nil {
			return false, err.Error()
		}
		unseen = status.Counters.Processed
		return status.Workers[0].Job == nil, fmt.Sprintf("%+v", status.Workers[0])
	})
	for _, accounted := range l.Worker("all").Status.Accounted {
		if accounted.UID == victim.UID {
			unseen -= accounted.Processed
		}
	}
	l.Delete(&victim, time.Minute)
	return unseen
}
