// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/scaling"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/test/builders"
)

// inBatch returns an observation of a pool of mode Batch with a QueueApp of a driver.
// If running is true, it has an open run of two pods of three processes.
func inBatch(driver v1alpha1.Driver, running bool) *World {
	o := &World{
		Now:    time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
		Worker: &v1alpha1.QueueWorker{ObjectMeta: metav1.ObjectMeta{Name: "nightly", UID: "1"}},
		App:    &v1alpha1.QueueApp{Spec: v1alpha1.QueueAppSpec{Connection: &v1alpha1.Connection{Driver: driver}}},
	}
	o.Worker.Spec.Mode, o.Worker.Spec.Processes = v1alpha1.ModeBatch, new(int32(4))
	if running {
		o.Runs = []*batchv1.Job{{
			ObjectMeta: metav1.ObjectMeta{Name: "nightly-run-1", UID: "run"},
			Spec:       batchv1.JobSpec{Parallelism: new(int32(2))},
		}}
		configure(o, `{"processes":3}`)
	}
	return o
}

// configure sets the configuration of the run's agents.
func configure(o *World, config string) {
	o.Runs[0].Spec.Template.Spec.Containers = []corev1.Container{{Env: []corev1.EnvVar{{Name: protocol.ConfigEnv, Value: config}}}}
}

func TestTheSizeOfARun(t *testing.T) {
	tests := map[string]struct {
		running bool
		change  func(*World)
		want    int32
		claim   scaling.Claim
	}{
		"one that is due":         {want: 4, claim: scaling.Claim{Wanted: 4, Minimum: 1}},
		"one on its way":          {running: true, want: 6, claim: scaling.Claim{Wanted: 6, Minimum: 6}},
		"one on its way, stopped": {running: true, change: func(o *World) { o.Worker.Spec.Stopped = true }, want: 6, claim: scaling.Claim{Wanted: 6, Minimum: 6}},
		"one larger than the cap": {running: true, change: func(o *World) { o.App.Spec.MaxProcesses = new(int32(2)) }, want: 6, claim: scaling.Claim{Wanted: 6, Minimum: 6}},
		"one that is due, capped": {change: func(o *World) { o.App.Spec.MaxProcesses = new(int32(3)) }, want: 3, claim: scaling.Claim{Wanted: 4, Minimum: 1}},
		"none is due":             {change: func(o *World) { o.Worker.Spec.Paused = true }},
		"one as large as an integer": {
			running: true, want: maxRunProcesses, claim: scaling.Claim{Wanted: maxRunProcesses, Minimum: maxRunProcesses},
			change: func(o *World) {
				o.Runs[0].Spec.Parallelism = new(int32(1<<31 - 1))
				configure(o, `{"processes":2147483647}`)
			},
		},
		"of another mode meanwhile": {running: true, change: func(o *World) { o.Worker.Spec.Mode = v1alpha1.ModeContinuous }, want: 6, claim: scaling.Claim{Wanted: 6, Minimum: 6}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := inBatch(v1alpha1.DriverRedis, tc.running)
			if tc.change != nil {
				tc.change(o)
			}
			got := SizeOf(o)
			if limit := o.App.Spec.MaxProcesses; limit != nil {
				got.Within(scaling.Share(*limit, []scaling.Claim{got.Claim})[0], false, *limit, o)
			}
			if got.Processes != tc.want || got.Claim.Wanted != tc.claim.Wanted || got.Claim.Minimum != tc.claim.Minimum {
				t.Errorf("size %d, claim %+v, want %d, %+v", got.Processes, got.Claim, tc.want, tc.claim)
			}
		})
	}
}

func TestWhichWorkersAreAtWork(t *testing.T) {
	tests := map[string]struct {
		driver  v1alpha1.Driver
		dialect string
		timeout time.Duration
		age     time.Duration
		want    int
	}{
		"one that tells of every end":                      {v1alpha1.DriverRedis, "json", time.Minute, time.Second, 1},
		"what the backend would hold reserved":             {v1alpha1.DriverRedis, "brackets", time.Minute, time.Second, 0},
		"what it has given out again, and may still run":   {v1alpha1.DriverRedis, "brackets", 10 * time.Minute, 5 * time.Minute, 1},
		"what it has given out again, and was killed":      {v1alpha1.DriverRedis, "brackets", time.Minute, 5 * time.Minute, 0},
		"without a timeout":                                {v1alpha1.DriverDatabase, "text", 0, 5 * time.Minute, 0},
		"of an endpoint that may not know":                 {v1alpha1.DriverHTTP, "brackets", time.Minute, time.Second, 1},
		"of an endpoint, and was killed":                   {v1alpha1.DriverHTTP, "brackets", time.Minute, 5 * time.Minute, 0},
		"of an endpoint that may not know, and no timeout": {v1alpha1.DriverHTTP, "brackets", 0, time.Hour, 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := inBatch(tc.driver, true)
			config := &protocol.Config{TimeoutSeconds: int64(tc.timeout / time.Second)}
			report := telemetry.PodReport{PulledAt: o.Now, Status: &protocol.Status{
				Runtime: &protocol.RuntimeFacts{Dialect: tc.dialect},
				Workers: []protocol.Worker{{Job: &protocol.Job{AgeSeconds: tc.age.Seconds()}}, {}},
			}}
			if got := atWork(o, config, &Pod{Report: report}); got != tc.want {
				t.Errorf("%d are at work, want %d", got, tc.want)
			}
		})
	}
}

// A run is judged by the configuration that its workers began with, whatever is
// declared now.
func TestARunIsJudgedByWhatItBeganWith(t *testing.T) {
	config := `{"queue":"a,b","connection":"redis","timeoutSeconds":7200,"version":1,"name":"$$x"}`
	alone := `{"queue":"a,b","connection":"redis","stopWhenEmpty":true,"version":1}`
	tests := map[string]struct {
		config     string
		change     func(*World)
		queues     []string
		unmeasured bool
		changed    bool
		known      bool
	}{
		"nothing has changed":       {config: config, queues: []string{"a", "b"}, known: true},
		"another queue":             {config: config, change: func(o *World) { o.Worker.Spec.Queue = "c" }, queues: []string{"a", "b"}, known: true},
		"another connection":        {config: config, change: func(o *World) { o.App.Spec.Connection.Name = "sqs" }, queues: []string{"a", "b"}, changed: true},
		"no driver any more":        {config: config, change: func(o *World) { o.App.Spec.Connection.Driver = v1alpha1.DriverNone }, queues: []string{"a", "b"}, changed: true},
		"no QueueApp any more":      {config: config, change: func(o *World) { o.App = nil }, queues: []string{"a", "b"}, changed: true},
		"begun without a driver":    {config: alone, queues: []string{"a", "b"}, unmeasured: true},
		"a Job of somebody else's":  {config: "{", change: func(o *World) { o.Worker.Spec.Queue = "c" }, queues: []string{"c"}},
		"a Job that says nothing":   {change: func(o *World) { o.Worker.Spec.Queue = "c" }, queues: []string{"c"}},
		"no run is open, and after": {config: config, change: func(o *World) { o.Runs, o.Worker.Spec.Queue = nil, "c" }, queues: []string{"c"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := inBatch(v1alpha1.DriverRedis, true)
			o.Worker.Spec.Queue, o.App.Spec.Connection.Name = "a,b", "redis"
			o.Backlog = telemetry.BacklogReport{MeasuredAt: o.Now}
			o.Runs[0].Spec.Template.Spec.Containers = nil
			if tc.config != "" {
				configure(o, tc.config)
			}
			if tc.change != nil {
				tc.change(o)
			}
			got := work(o)
			if !slices.Equal(QueuesOf(o), tc.queues) || got.Unmeasured != tc.unmeasured || got.Changed != tc.changed || got.Known != tc.known {
				t.Errorf("the queues are %v, the work %+v; want %+v", QueuesOf(o), got, tc)
			}
		})
	}
}

// A Job that appears at a pool with a Deployment does not affect its size, whoever made
// the Job, and is removed. The plan for the pool's own pods stays as it is.
func TestAJobThatComesToAContinuousPoolSteersNothing(t *testing.T) {
	o := inBatch(v1alpha1.DriverRedis, true)
	o.Worker.Spec.Mode = v1alpha1.ModeContinuous
	o.Runs[0].Spec.Parallelism = new(int32(0))
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "nightly-worker", OwnerReferences: []metav1.OwnerReference{{
		APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "QueueWorker", Name: "nightly", UID: "1", Controller: new(true),
	}}}}
	deployment.Spec.Replicas = new(int32(4))
	o.Deployment = deployment
	controlled := func(name, kind, uid string) *corev1.Pod {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), OwnerReferences: []metav1.OwnerReference{{Kind: kind, UID: types.UID(uid), Controller: new(true)}}}}
		pod.Status.Phase = corev1.PodRunning
		return pod
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		o.add(controlled(name, "ReplicaSet", "set"), telemetry.PodReport{})
	}
	o.add(controlled("forged", "Job", "run"), telemetry.PodReport{})
	for pass := range 3 {
		s := SizeOf(o)
		d := Decide(o, s, "agent")
		if s.Processes != 4 || d.Removal.Replicas != 4 || slices.ContainsFunc(d.Removal.Cordon, func(pod string) bool { return pod != "forged" }) {
			t.Fatalf("pass %d: size %d, plan %+v", pass, s.Processes, d.Removal)
		}
		if pass > 0 && (d.Runs == nil || len(d.Runs.End) != 1) {
			t.Errorf("pass %d: the Job is not removed: %+v", pass, d.Runs)
		}
		o.Worker.Status.Batch = &d.Runs.Status
	}
}

func TestSinceWhenItIsQuiet(t *testing.T) {
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	pods := []*Pod{
		{Pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "a"}}}, {Pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "b"}}},
	}
	var log activityLog
	pull := func(second int, uid types.UID, change func(*protocol.Status)) time.Time {
		status := protocol.Status{Workers: []protocol.Worker{{}}}
		change(&status)
		for _, pod := range pods {
			if pod.UID == uid {
				pod.Report = telemetry.PodReport{Status: &status, PulledAt: start.Add(time.Duration(second) * time.Second)}
			}
		}
		log = log.next(pods)
		return log.since
	}
	idle := func(s *protocol.Status) { s.Counters.Processed = 7 }
	for _, step := range []struct {
		what   string
		second int
		pod    types.UID
		status func(*protocol.Status)
		want   int
	}{
		{"first heard of", 1, "a", idle, 1},
		{"the other first heard of", 2, "b", idle, 2},
		{"nothing new", 5, "a", idle, 2},
		{"a job has begun", 6, "b", func(s *protocol.Status) { idle(s); s.Workers[0].Job = &protocol.Job{ID: "1", AgeSeconds: 1} }, 6},
		{"it goes on", 7, "b", func(s *protocol.Status) { idle(s); s.Workers[0].Job = &protocol.Job{ID: "1", AgeSeconds: 2} }, 6},
		{"it has ended", 8, "b", func(s *protocol.Status) { s.Counters.Processed = 8 }, 8},
		{"a process has ended", 9, "a", func(s *protocol.Status) {
			idle(s)
			s.Counters.Exits = map[protocol.ExitReason]int64{protocol.ExitKilled: 1}
		}, 9},
	} {
		since := pull(step.second, step.pod, step.status)
		if want := start.Add(time.Duration(step.want) * time.Second); !since.Equal(want) {
			t.Errorf("%s: quiet since %s, want %s", step.what, since.Format(time.TimeOnly), want.Format(time.TimeOnly))
		}
	}
}

// TestQuietKeepsNoTexts: a report may name 64 jobs with long texts.
func TestQuietKeepsNoTexts(t *testing.T) {
	const pods, most = 100, 1 << 10
	var all []*Pod
	for i := range pods {
		uid := types.UID(fmt.Sprint(i))
		all = append(all, &Pod{
			Pod:    &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: uid}},
			Report: telemetry.PodReport{Status: builders.LargestStatus(string(uid)), PulledAt: time.Unix(1, 0)},
		})
	}
	before := live()
	log := activityLog{}.next(all)
	if each := (live() - before) / pods; each > most {
		t.Errorf("%d bytes of each pod are kept, want at most %d", each, most)
	}
	runtime.KeepAlive(all)
	runtime.KeepAlive(log)
}

// live returns the heap in use, in bytes.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
