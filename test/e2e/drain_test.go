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

// swing describes what a pool goes through: how many pods it loses in total, and its size
// at the top and at the bottom.
var swing = struct {
	removals        int
	highest, lowest int
	// step is how many pods are started at once.
	step int
	// jobs are the durations of the jobs in seconds, used in turn.
	jobs string
}{
	removals: lab.Either(300, 15),
	highest:  lab.Either(21, 7),
	lowest:   1,
	step:     6,
	// The last job takes longer than the grace period that Kubernetes sets by default.
	jobs: lab.Either("0.2,1,0.5,4,2,0.2,1,0.5,3,0.2,1,0.5,2,0.2,40", "0.2,1,0.5,4,2,0.2,1,0.5,3,0.2,1,6"),
}

// TestScaleDownsInterruptNoJob scales a pool up and down through its scale subresource
// while jobs run all the time. In the long form a plain Deployment of the same command
// goes through the same, for comparison.
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

// subject is a workload that runs workers.
type subject struct {
	// labels are the labels of its pods.
	labels client.MatchingLabels
	// resize asks for a number of pods of one process each.
	resize func(pods int)
	// interrupts reports whether this workload may interrupt a job.
	interrupts bool
}

func queueWorkerPool(l *lab.Lab) subject {
	l.Create(builders.QueueWorker(l.Namespace, "emails").Sleep(time.Second).Obj())
	return subject{
		labels: client.MatchingLabels{v1alpha1.LabelName: "emails"},
		resize: func(pods int) { l.Resize(&v1alpha1.QueueWorker{}, "emails", int32(pods), "kubectl") },
	}
}

// deploymentPool starts the Deployment that users write without this product.
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

// swingPool scales a pool up and down and returns a sentence about its jobs.
func swingPool(l *lab.Lab, p subject) string {
	l.Helper()
	s := &swinging{l, p, map[string]bool{}}
	began, removed := time.Now(), 0
	for turn := 0; removed < swing.removals; turn++ {
		s.climb()
		// Every third time, ask for the pods again while they are being removed.
		enough := swing.lowest
		if turn%3 == 1 {
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
	// seen holds the UID of every pod that has existed.
	seen map[string]bool
}

// look counts the pods that exist and the pods that run, and makes sure that there is
// work.
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

// climb raises the pool to its highest size step by step, and waits until all of it is at
// work.
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

// fall lowers the pool to its lowest size and waits until at most enough pods are left.
// It returns how many pods were removed so far in total.
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

// keepBusy puts jobs on the queue so that some jobs wait all the time.
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

// begunAndEndedOnce fails the test unless each job of a run began once and ended once.
func begunAndEndedOnce(l *lab.Lab, run string) {
	l.Helper()
	starts, ends := l.PerJob(run, "starts"), l.PerJob(run, "ends")
	for uid := range l.PerJob(run, "jobs") {
		if starts[uid] != "1" || ends[uid] != "1" {
			l.Errorf("job %s was begun %q times and ended %q times, want once each", uid, starts[uid], ends[uid])
		}
	}
}

// podsOf lists the pods with some labels, without the pods that are being deleted.
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
