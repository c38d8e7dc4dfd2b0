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
	// jobs are how many seconds they take, in turn.
	jobs string
}{
	removals: lab.Either(300, 30),
	highest:  lab.Either(26, 7),
	lowest:   1,
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
	seen := map[string]bool{}
	// look counts the pods that are there and those that were removed, and sees to it
	// that there is work.
	look := func() (there, running, removed int) {
		keepBusy(l)
		pods := podsOf(l, p.labels)
		for i := range pods {
			seen[string(pods[i].UID)] = true
			if pods[i].Status.Phase == corev1.PodRunning {
				running++
			}
		}
		return len(pods), running, len(seen) - len(pods)
	}
	began, removed := time.Now(), 0
	for turn := 0; removed < swing.removals; turn++ {
		starts := l.Truth("swing").Starts
		p.resize(swing.highest)
		l.Eventually("all pods have jobs", 3*time.Minute, func() (bool, string) {
			there, running, _ := look()
			return there == swing.highest && running == there && l.Truth("swing").Starts >= starts+int64(swing.highest), fmt.Sprintf("%d pods, %d run", there, running)
		})
		p.resize(swing.lowest)
		// Every third time the pods are wanted back while they are being removed.
		enough := swing.lowest
		if turn%3 == 2 {
			enough = swing.highest - 1
		}
		l.Eventually(fmt.Sprintf("no more than %d pods are left", enough), 3*time.Minute, func() (bool, string) {
			var there, running int
			there, running, removed = look()
			return there <= enough, fmt.Sprintf("%d pods, %d run", there, running)
		})
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
