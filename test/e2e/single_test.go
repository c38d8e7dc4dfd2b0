// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// emailsPool starts a pool of the demo application.
func emailsPool(l *lab.Lab, processes int32) {
	l.Helper()
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Processes(processes).Sleep(time.Second).Spec(func(spec *v1alpha1.QueueWorkerSpec) {
		spec.Verbose = true
	}).Obj())
	l.Ready("emails", 2*time.Minute)
}

// annotatePod sets an annotation of a pod, or removes it if the value is empty.
func annotatePod(l *lab.Lab, pod, key, value string) {
	l.Helper()
	lab.Update(l, pod, &corev1.Pod{}, func(p *corev1.Pod) {
		if value == "" {
			delete(p.Annotations, key)
			return
		}
		metav1.SetMetaDataAnnotation(&p.ObjectMeta, key, value)
	})
}

// inPhase waits until the agent of a pod is in a phase.
func inPhase(l *lab.Lab, pod string, want protocol.Phase) {
	l.Helper()
	l.Eventually(fmt.Sprintf("%s is %s", pod, want), 30*time.Second, func() (bool, string) {
		object := &corev1.Pod{}
		l.Get(pod, object)
		status, err := l.Agent(object)
		return err == nil && status.Phase == want, fmt.Sprintf("%+v %v", status, err)
	})
}

// atWork waits until at least this number of jobs of a run have begun.
func atWork(l *lab.Lab, run string, jobs int64) {
	l.Helper()
	l.Eventually(fmt.Sprintf("%d jobs are begun", jobs), time.Minute, func() (bool, string) {
		truth := l.Truth(run)
		return truth.Starts >= jobs, fmt.Sprintf("%+v", truth)
	})
}

// killedJobs waits until events name this number of jobs as killed, and returns their
// notes.
func killedJobs(l *lab.Lab, jobs int) string {
	l.Helper()
	var notes string
	l.Eventually(fmt.Sprintf("events name %d killed jobs", jobs), 30*time.Second, func() (bool, string) {
		list := &eventsv1.EventList{}
		if err := l.Client.List(l.Ctx, list, client.InNamespace(l.Namespace)); err != nil {
			l.Fatal(err)
		}
		var all []string
		for i := range list.Items {
			if list.Items[i].Reason == v1alpha1.EventJobsKilled && list.Items[i].Regarding.Kind == "QueueWorker" {
				all = append(all, list.Items[i].Note)
			}
		}
		notes = strings.Join(all, "\n")
		return strings.Count(notes, `App\Jobs\`) == jobs, notes
	})
	return notes
}

// TestOneWorkerIsPausedAndTheOthersWork: the worker also stays paused while the pool's
// document changes.
func TestOneWorkerIsPausedAndTheOthersWork(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	emailsPool(l, 3)
	paused := l.Pods("emails")[0].Name
	annotatePod(l, paused, v1alpha1.AnnotationPaused, v1alpha1.AnnotationTrue)
	inPhase(l, paused, protocol.PhasePaused)
	before := agentCounters(l, paused)

	l.UpdateWorker("emails", func(w *v1alpha1.QueueWorker) { restartedAt(&w.ObjectMeta, "now") })
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "0.2", Count: 60, Run: "others"})
	l.Settled("others", time.Minute)
	if after := agentCounters(l, paused); after.Processed != before.Processed {
		t.Errorf("the paused worker did %d jobs", after.Processed-before.Processed)
	}
	l.Eventually("the status shows the row as Paused", 90*time.Second, func() (bool, string) {
		status := l.Worker("emails").Status
		i := slices.IndexFunc(status.Workers, func(w v1alpha1.Worker) bool { return w.Name == paused+"/0" })
		return i >= 0 && status.Workers[i].State == v1alpha1.WorkerPaused && status.State != v1alpha1.StatePaused, fmt.Sprintf("%+v", status.Workers)
	})
	annotatePod(l, paused, v1alpha1.AnnotationPaused, "")
	inPhase(l, paused, protocol.PhaseRunning)
}

func agentCounters(l *lab.Lab, pod string) protocol.Counters {
	l.Helper()
	object := &corev1.Pod{}
	l.Get(pod, object)
	status, err := l.Agent(object)
	if err != nil {
		l.Fatal(err)
	}
	return status.Counters
}

// TestKillCutsJobsShortAndNamesThem kills a working pool in every state that it may be
// in. A killed job has begun and has not ended.
func TestKillCutsJobsShortAndNamesThem(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		// before runs before the kill; kill is the kill itself.
		before, kill func(l *lab.Lab)
		killed       int
		// anew reports whether the pool works again at once.
		anew bool
	}{
		"all": {
			kill:   func(l *lab.Lab) { l.UpdateWorker("emails", killAt) },
			killed: 2, anew: true,
		},
		"one pod": {
			kill:   func(l *lab.Lab) { annotatePod(l, l.Pods("emails")[0].Name, v1alpha1.AnnotationKillAt, "now") },
			killed: 1, anew: true,
		},
		"paused": {
			before: func(l *lab.Lab) { setPaused(l, true); inPhase(l, l.Pods("emails")[0].Name, protocol.PhasePaused) },
			kill:   func(l *lab.Lab) { l.UpdateWorker("emails", killAt) },
			killed: 2,
		},
		"stopped in the same write": {
			kill: func(l *lab.Lab) {
				l.UpdateWorker("emails", func(w *v1alpha1.QueueWorker) { w.Spec.Stopped = true; killAt(w) })
			},
			killed: 2,
		},
		"stopped before": {
			before: func(l *lab.Lab) {
				l.UpdateWorker("emails", func(w *v1alpha1.QueueWorker) { w.Spec.Stopped = true })
				inPhase(l, l.Pods("emails")[0].Name, protocol.PhaseCordoned)
			},
			kill:   func(l *lab.Lab) { l.UpdateWorker("emails", killAt) },
			killed: 2,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			emailsPool(l, 2)
			l.Dispatch(lab.Jobs{Kind: "slow", Arg: "50", Count: 2, Run: "killed"})
			atWork(l, "killed", 2)
			if tc.before != nil {
				tc.before(l)
			}
			began := time.Now()
			tc.kill(l)
			notes := killedJobs(l, tc.killed)
			took := time.Since(began)
			t.Logf("%s: %d job(s) killed and named after %s:\n%s", name, tc.killed, took.Round(time.Millisecond), notes)
			for uid := range l.PerJob("killed", "ends") {
				t.Errorf("job %s has ended", uid)
			}
			if took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
			if !tc.anew {
				l.Eventually("no process is left", 30*time.Second, func() (bool, string) {
					status := l.Worker("emails").Status
					return status.State == v1alpha1.StatePaused || status.State == v1alpha1.StateStopped, string(status.State)
				})
				return
			}
			l.Dispatch(lab.Jobs{Kind: "quick", Count: 10, Run: "anew"})
			l.Settled("anew", 30*time.Second)
		})
	}
}

func killAt(w *v1alpha1.QueueWorker) {
	metav1.SetMetaDataAnnotation(&w.ObjectMeta, v1alpha1.AnnotationKillAt, time.Now().Format(time.RFC3339Nano))
}

// TestRetireTakesThatVeryPod: if the pool becomes smaller, exactly the retired pod is
// removed; if the pool keeps its size, the pod is replaced. In both cases its job
// finishes first.
func TestRetireTakesThatVeryPod(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ processes, left int32 }{
		"of a smaller pool":           {3, 2},
		"of a pool as large as it is": {2, 2},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			emailsPool(l, tc.processes)
			l.Dispatch(lab.Jobs{Kind: "slow", Arg: "8", Count: int(tc.processes), Run: "retire"})
			atWork(l, "retire", int64(tc.processes))
			before := uidsOf(l.Pods("emails"))
			// A ReplicaSet would remove the oldest pod last.
			pods := l.Pods("emails")
			slices.SortFunc(pods, func(a, b corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
			retired := pods[0]
			annotatePod(l, retired.Name, v1alpha1.AnnotationRetire, v1alpha1.AnnotationTrue)
			if tc.left != tc.processes {
				l.UpdateWorker("emails", func(w *v1alpha1.QueueWorker) { w.Spec.Processes = &tc.left })
			}
			l.Eventually("that pod is gone, and the pool has its size", 90*time.Second, func() (bool, string) {
				now := uidsOf(l.Pods("emails"))
				worker := l.Worker("emails")
				return !slices.Contains(now, retired.UID) && len(now) == int(tc.left) && worker.Status.Ready == tc.left, fmt.Sprint(now, worker.Status.Ready)
			})
			kept := 0
			for _, uid := range uidsOf(l.Pods("emails")) {
				if slices.Contains(before, uid) {
					kept++
				}
			}
			if kept != int(tc.processes)-1 {
				t.Errorf("%d of the %d other pods are left", kept, tc.processes-1)
			}
			l.Settled("retire", time.Minute)
			begunAndEndedOnce(l, "retire")
		})
	}
}

func uidsOf(pods []corev1.Pod) []types.UID {
	uids := make([]types.UID, 0, len(pods))
	for i := range pods {
		uids = append(uids, pods[i].UID)
	}
	return uids
}

// TestAPauseWithAnEndPasses: the pause ends by itself, at its time.
func TestAPauseWithAnEndPasses(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	emailsPool(l, 2)
	until := time.Now().Add(30 * time.Second).Truncate(time.Second)
	l.UpdateWorker("emails", func(w *v1alpha1.QueueWorker) { w.Spec.PausedUntil = &metav1.Time{Time: until} })
	l.State("emails", v1alpha1.StatePaused, 20*time.Second)
	if reason := conditionReason(l.Worker("emails"), v1alpha1.ConditionPaused); reason != v1alpha1.ReasonPausedUntil {
		t.Errorf("the condition Paused has the reason %s", reason)
	}
	l.Dispatch(lab.Jobs{Kind: "quick", Count: 10, Run: "later"})
	l.Settled("later", time.Minute)
	var first time.Time
	for _, times := range l.Times("later") {
		if first.IsZero() || times.Began.Before(first) {
			first = times.Began
		}
	}
	t.Logf("paused until %s, the first job began %s later", until.Format(time.TimeOnly), first.Sub(until).Round(time.Millisecond))
	// The operator looks at every pool once a minute, so a pause that ends only by that
	// look would end half a minute late on average.
	if late := first.Sub(until); late < 0 || late > 20*time.Second {
		t.Errorf("the first job began %s after the end of the pause", late)
	}
}

func conditionReason(worker *v1alpha1.QueueWorker, conditionType string) string {
	for _, condition := range worker.Status.Conditions {
		if condition.Type == conditionType {
			return condition.Reason
		}
	}
	return ""
}

// TestRecreateReplacesEveryPodWithoutLoss: it works as kubectl rollout restart does for a
// Deployment.
func TestRecreateReplacesEveryPodWithoutLoss(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	emailsPool(l, 3)
	before := uidsOf(l.Pods("emails"))
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "0.3,2,0.5", Count: 90, Run: "recreate"})
	atWork(l, "recreate", 3)
	l.UpdateWorker("emails", func(w *v1alpha1.QueueWorker) {
		metav1.SetMetaDataAnnotation(&w.ObjectMeta, v1alpha1.AnnotationRecreatedAt, "now")
	})
	l.Eventually("every pod is another", 90*time.Second, func() (bool, string) {
		now := uidsOf(l.Pods("emails"))
		return len(now) == 3 && !slices.ContainsFunc(now, func(uid types.UID) bool { return slices.Contains(before, uid) }), fmt.Sprint(now)
	})
	l.Ready("emails", time.Minute)
	l.Settled("recreate", 2*time.Minute)
	begunAndEndedOnce(l, "recreate")
}
