// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// swing is what a pool goes through: how many pods it loses in all, and how many it
// has before and after.
var swing = struct {
	removals        int
	highest, lowest int
	// step is how many pods are started at once.
	step int
	// jobs are how many seconds they take, in turn.
	jobs string
}{
	removals: lab.Either(300, 30),
	highest:  lab.Either(21, 7),
	lowest:   1,
	step:     6,
	// The last is longer than the grace period Kubernetes gives by itself.
	jobs: lab.Either("0.2,1,0.5,4,2,0.2,1,0.5,3,0.2,1,0.5,2,0.2,40", "0.2,1,0.5,4,2,0.2,1,0.5,3,0.2,1,6"),
}

// TestScaleDownsInterruptNoJob swings a pool up and down by its scale subresource
// while jobs run all the time. In the long form a plain Deployment of the same
// command goes through the same, to see what that costs there.
func TestScaleDownsInterruptNoJob(t *testing.T) {
	t.Parallel()
	pools := map[string]func(l *lab.Lab) subject{"QueueWorker": queueWorkerPool}
	if lab.Long() {
		pools["plain Deployment"] = deploymentPool
	}
	var mu sync.Mutex
	var figures []string
	t.Run("pools", func(t *testing.T) {
		for name, start := range pools {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				l := lab.New(t)
				l.Demo()
				figure := swingPool(l, start(l))
				mu.Lock()
				defer mu.Unlock()
				figures = append(figures, name+": "+figure)
			})
		}
	})
	for _, figure := range figures {
		t.Log(figure)
	}
}

// subject is something that runs workers.
type subject struct {
	// labels are those of its pods.
	labels client.MatchingLabels
	// resize asks for a number of pods of one process each.
	resize func(pods int)
	// interrupts tells that a job may be interrupted.
	interrupts bool
}

func queueWorkerPool(l *lab.Lab) subject {
	l.Create(builders.QueueWorker(l.Namespace, "emails").Sleep(time.Second).Obj())
	return subject{
		labels: client.MatchingLabels{v1alpha1.LabelName: "emails"},
		resize: func(pods int) { l.Resize(&v1alpha1.QueueWorker{}, "emails", int32(pods), "kubectl") },
	}
}

// deploymentPool is what one writes without this product.
func deploymentPool(l *lab.Lab) subject {
	labels := map[string]string{"app": "emails"}
	pod := l.DemoPod("", labels, []string{"php", "artisan", "queue:work", "redis", "--queue=default", "--timeout=60", "--sleep=1"})
	pod.Spec.TerminationGracePeriodSeconds = nil
	l.Create(&appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "emails"},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(1)),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec},
		},
	})
	return subject{
		labels:     labels,
		resize:     func(pods int) { l.Resize(&appsv1.Deployment{}, "emails", int32(pods), "kubectl") },
		interrupts: true,
	}
}

// swingPool swings a pool and says in a sentence what came of its jobs.
func swingPool(l *lab.Lab, p subject) string {
	l.Helper()
	s := &swinging{l, p, map[string]bool{}}
	began, removed := time.Now(), 0
	for turn := 0; removed < swing.removals; turn++ {
		s.climb()
		// Every third time the pods are wanted back while they are being removed.
		enough := swing.lowest
		if turn%3 == 2 {
			enough = swing.highest - 1
		}
		removed = s.fall(enough)
	}
	took := time.Since(began)
	p.resize(swing.highest)
	truth := l.Settled("swing", 5*time.Minute)
	if !p.interrupts {
		begunAndEndedOnce(l, "swing")
	}
	return fmt.Sprintf("%d pods removed in %s, %d jobs interrupted of %d (%d starts, %d ends)",
		removed, took.Round(time.Second), truth.Starts-truth.Ends, truth.Dispatched, truth.Starts, truth.Ends)
}

// swinging is a pool on its way up and down.
type swinging struct {
	*lab.Lab
	subject
	// seen are the pods there ever were, by UID.
	seen map[string]bool
}

// look counts the pods that are there and those that run, and sees to it that there
// is work.
func (s *swinging) look() (there, running int) {
	s.Helper()
	keepBusy(s.Lab)
	pods := podsOf(s.Lab, s.labels)
	for i := range pods {
		s.seen[string(pods[i].UID)] = true
		if pods[i].Status.Phase == corev1.PodRunning {
			running++
		}
	}
	return len(pods), running
}

// climb makes the pool as large as it gets, step by step, and waits until all of it
// is at work.
func (s *swinging) climb() {
	s.Helper()
	for size := 0; size < swing.highest; {
		size = min(size+swing.step, swing.highest)
		if there, _ := s.look(); there >= size {
			continue
		}
		s.resize(size)
		s.Eventually(fmt.Sprintf("%d pods run", size), 3*time.Minute, func() (bool, string) {
			there, running := s.look()
			return there == size && running == size, fmt.Sprintf("%d pods, %d run", there, running)
		})
	}
	starts := s.Truth("swing").Starts
	s.Eventually("as many jobs were begun as there are pods", 3*time.Minute, func() (bool, string) {
		s.look()
		return s.Truth("swing").Starts >= starts+int64(swing.highest), fmt.Sprintf("%+v", s.Truth("swing"))
	})
}

// fall makes the pool as small as it gets, waits until no more than enough pods are
// left, and returns how many were removed so far in all.
func (s *swinging) fall(enough int) (removed int) {
	s.Helper()
	s.resize(swing.lowest)
	s.Eventually(fmt.Sprintf("no more than %d pods are left", enough), 3*time.Minute, func() (bool, string) {
		there, running := s.look()
		removed = len(s.seen) - there
		return there <= enough, fmt.Sprintf("%d pods, %d run", there, running)
	})
	return removed
}

// keepBusy puts jobs on the queue so that some wait all the time.
func keepBusy(l *lab.Lab) {
	l.Helper()
	waiting, err := l.Redis.LLen(l.Ctx, "laravel_database_queues:default").Result()
	if err != nil {
		l.Fatal(err)
	}
	if waiting < int64(2*swing.highest) {
		l.Dispatch(lab.Jobs{Kind: "slow", Arg: swing.jobs, Count: 4 * swing.highest, Tries: 3, Run: "swing"})
	}
}

// begunAndEndedOnce holds each job of a run to one start and one end.
func begunAndEndedOnce(l *lab.Lab, run string) {
	l.Helper()
	starts, ends := l.PerJob(run, "starts"), l.PerJob(run, "ends")
	for uid := range l.PerJob(run, "jobs") {
		if starts[uid] != "1" || ends[uid] != "1" {
			l.Errorf("job %s was begun %q times and ended %q times, want once each", uid, starts[uid], ends[uid])
		}
	}
}

// podsOf are the pods of some labels, those being removed left out.
func podsOf(l *lab.Lab, labels client.MatchingLabels) []corev1.Pod {
	l.Helper()
	list := &corev1.PodList{}
	if err := l.Client.List(l.Ctx, list, client.InNamespace(l.Namespace), labels); err != nil {
		l.Fatalf("list pods: %v", err)
	}
	var out []corev1.Pod
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp == nil {
			out = append(out, list.Items[i])
		}
	}
	return out
}
