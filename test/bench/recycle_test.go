// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bench measures the product on a real cluster against the same worker without
// the product. Because machines are shared and noisy, it prints ratios of runs that took
// turns, and the medians of these ratios.
package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

const (
	jobsPerRun = 20_000
	pairs      = 7
	recycle    = 500
)

// contender is a way to run a worker on a queue with the contender's name.
type contender struct {
	name string
	// start makes it take jobs; stop makes it stop taking jobs.
	start, stop func()
}

// BenchmarkRecycling prints jobs per second with a recycle every 500 jobs, as ratios to a
// shell loop that restarts the same worker at once.
func BenchmarkRecycling(b *testing.B) {
	l := lab.New(b)
	l.Demo()
	contenders := []contender{
		pool(l, "recycling", recycle),
		shell(l, "loop", fmt.Sprintf("while :; do %s --max-jobs=%d; done", command("loop"), recycle)),
		pool(l, "endless", 0),
		shell(l, "bare", "exec "+command("bare")),
	}
	for b.Loop() {
		rates := takeTurns(l, contenders)
		report(b, rates, "recycling", "loop")
		report(b, rates, "endless", "bare")
		report(b, rates, "endless", "loop")
	}
}

// BenchmarkPlainDeployment prints the rate of a plain Deployment of the same command. The
// kubelet takes each exit of the worker for a crash.
func BenchmarkPlainDeployment(b *testing.B) {
	l := lab.New(b)
	l.Demo()
	l.Dispatch(lab.Jobs{Kind: "quick", Count: jobsPerRun, Queue: "plain"})
	pod := shellPod(l, "plain", fmt.Sprintf("exec %s --max-jobs=%d", command("plain"), recycle))
	for b.Loop() {
		labels := map[string]string{"app": "plain"}
		l.Create(&appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "plain"},
			Spec: appsv1.DeploymentSpec{
				Selector: &metav1.LabelSelector{MatchLabels: labels},
				Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod.Spec},
			},
		})
		const patience = 165 * time.Second
		start := time.Now()
		var done int64
		l.Eventually("time is up or the jobs are done", patience+time.Minute, func() (bool, string) {
			done = jobsPerRun - waiting(l, "plain")
			return done == jobsPerRun || time.Since(start) > patience, ""
		})
		b.ReportMetric(float64(done)/time.Since(start).Seconds(), "jobs/s")
		b.Logf("a plain Deployment did %d of %d jobs in %.0f s", done, jobsPerRun, time.Since(start).Seconds())
	}
}

// pool creates a QueueWorker of one process that is paused between its turns.
func pool(l *lab.Lab, name string, maxJobs int32) contender {
	l.Create(builders.QueueWorker(l.Namespace, name).Queue(name).MaxJobs(maxJobs).Sleep(time.Second).Paused(true).Obj())
	l.Ready(name, 2*time.Minute)
	paused := func(is bool) {
		l.UpdateWorker(name, func(w *v1alpha1.QueueWorker) { w.Spec.Paused = is })
		l.Ready(name, time.Minute)
	}
	return contender{name, func() { paused(false) }, func() { paused(true) }}
}

// shell returns a pod that runs a shell script and exists only in its turns.
func shell(l *lab.Lab, name, script string) contender {
	return contender{
		name:  name,
		start: func() { l.Create(shellPod(l, name, script)) },
		stop: func() {
			l.Delete(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}}, time.Minute)
		},
	}
}

// shellPod returns a pod with the same image, environment and limits as a pool's pods.
func shellPod(l *lab.Lab, name, script string) *corev1.Pod {
	pod := l.DemoPod(name, nil, []string{"sh", "-c", script})
	return pod
}

// command returns the command that the agent runs, flag by flag.
func command(queue string) string {
	return "php -d memory_limit=192M artisan queue:work redis --queue=" + queue + " --timeout=60 --memory=128 --sleep=1 --tries=1"
}

// takeTurns lets each contender process the same number of jobs, in turns. It returns
// their rates in jobs per second, turn by turn.
func takeTurns(l *lab.Lab, contenders []contender) map[string][]float64 {
	rates := map[string][]float64{}
	for turn := range pairs {
		for _, c := range contenders {
			l.Dispatch(lab.Jobs{Kind: "quick", Count: jobsPerRun, Queue: c.name})
			c.start()
			rate := workOff(l, c.name)
			c.stop()
			rates[c.name] = append(rates[c.name], rate)
			l.Logf("turn %d: %s %.0f jobs/s", turn+1, c.name, rate)
		}
	}
	return rates
}

// workOff measures from the first job taken until the last job is done, so that no
// contender's start counts.
func workOff(l *lab.Lab, queue string) float64 {
	l.Helper()
	first := until(l, queue, func(left int64) bool { return left < jobsPerRun })
	begin := time.Now()
	until(l, queue, func(left int64) bool { return left == 0 })
	return float64(first) / time.Since(begin).Seconds()
}

// until asks every few milliseconds how many jobs are left. It returns the number as soon
// as done accepts it.
func until(l *lab.Lab, queue string, done func(left int64) bool) int64 {
	l.Helper()
	deadline := time.After(5 * time.Minute)
	for tick := time.Tick(5 * time.Millisecond); ; {
		left := waiting(l, queue)
		if done(left) {
			return left
		}
		select {
		case <-tick:
		case <-deadline:
			l.Fatalf("queue %s still has %d jobs after 5 minutes", queue, left)
		}
	}
}

// waiting returns how many jobs of a queue are not done.
func waiting(l *lab.Lab, queue string) int64 {
	l.Helper()
	key := "laravel_database_queues:" + queue
	ready, err := l.Redis.LLen(l.Ctx, key).Result()
	if err != nil {
		l.Fatalf("ask Redis for queue %s: %v", queue, err)
	}
	reserved, err := l.Redis.ZCard(l.Ctx, key+":reserved").Result()
	if err != nil {
		l.Fatalf("ask Redis for queue %s: %v", queue, err)
	}
	return ready + reserved
}

// report prints the median of the ratios of two contenders' turns.
func report(b *testing.B, rates map[string][]float64, ours, theirs string) {
	b.Helper()
	ratios := make([]float64, 0, pairs)
	for i := range rates[ours] {
		ratios = append(ratios, rates[ours][i]/rates[theirs][i])
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], ours+"/"+theirs)
	b.Logf("%s to %s: median %.3f of %d turns, from %.3f to %.3f", ours, theirs, ratios[len(ratios)/2], len(ratios), ratios[0], ratios[len(ratios)-1])
}
