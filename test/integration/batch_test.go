// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakes"
)

// jobsOf lists the Jobs of a QueueWorker.
func jobsOf(ctx context.Context, namespace, worker string) ([]batchv1.Job, error) {
	jobs := &batchv1.JobList{}
	err := api.List(ctx, jobs, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelName: worker})
	return jobs.Items, err
}

// hasJobs waits until a QueueWorker has n Jobs.
func hasJobs(t *testing.T, namespace, worker string, n int) []batchv1.Job {
	t.Helper()
	var jobs []batchv1.Job
	eventually(t, fmt.Sprintf("%s has %d Jobs", worker, n), func(ctx context.Context) (err error) {
		if jobs, err = jobsOf(ctx, namespace, worker); err == nil && len(jobs) != n {
			err = fmt.Errorf("it has %d", len(jobs))
		}
		return err
	})
	return jobs
}

// runAgents waits until the active run has n agents, and returns them.
func runAgents(t *testing.T, namespace, worker string, n int) []*fakes.Agent {
	t.Helper()
	var agents []*fakes.Agent
	eventually(t, fmt.Sprintf("%d agents of the run of %s", n, worker), func(ctx context.Context) error {
		live := &v1alpha1.QueueWorker{}
		if err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: worker}, live); err != nil {
			return err
		}
		if live.Status.Batch == nil || live.Status.Batch.ActiveRun == "" {
			return errors.New("there is no run")
		}
		if agents = kubelet.Agents(namespace, live.Status.Batch.ActiveRun+"-"); len(agents) != n {
			return fmt.Errorf("there are %d", len(agents))
		}
		return nil
	})
	return agents
}

// isComplete accepts a pool whose run ended with its queues empty.
var isComplete = all(
	hasCondition(v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonRunComplete),
	hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonRunComplete),
	lacksCondition(v1alpha1.ConditionReconciling), lacksCondition(v1alpha1.ConditionStalled),
	func(w *v1alpha1.QueueWorker) error {
		return errors.Join(same(v1alpha1.StateIdle, w.Status.State), same(0, w.Status.Processes), same("", w.Status.Batch.ActiveRun))
	},
)

func batchWorker(namespace, name string, change func(*v1alpha1.QueueWorkerSpec)) *v1alpha1.QueueWorker {
	return builders.QueueWorker(namespace, name).Spec(func(spec *v1alpha1.QueueWorkerSpec) {
		spec.Mode = v1alpha1.ModeBatch
		if change != nil {
			change(spec)
		}
	}).Obj()
}

func TestARunEndsWhenItsQueuesAreEmptyAndNoWorkerIsBusy(t *testing.T) {
	namespace := newNamespace(t)
	o := startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj())
	backend := kubelet.Backend(namespace, "shop")
	backend.Set(protocol.QueueDepth{Queue: "default", Ready: 5})
	create(t, batchWorker(namespace, "nightly", func(spec *v1alpha1.QueueWorkerSpec) {
		spec.Processes, spec.ProcessesPerPod = new(int32(3)), 2
	}))
	running := waitFor(t, namespace, "nightly", "works", all(
		hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonRunning), lacksCondition(v1alpha1.ConditionComplete),
		func(w *v1alpha1.QueueWorker) error {
			return errors.Join(same(v1alpha1.StateActive, w.Status.State), same(4, w.Status.Ready), same(4, w.Status.Desired))
		}))
	run := running.Status.Batch.ActiveRun
	agents := runAgents(t, namespace, "nightly", 2)
	for _, agent := range agents {
		if config := agent.Config(); config.Run != run || config.StopWhenEmpty {
			t.Errorf("the agent's run is %q, want %q; stops when empty: %t", config.Run, run, config.StopWhenEmpty)
		}
	}
	agents[0].Start(0, "App\\Jobs\\Send")
	for _, depth := range []protocol.QueueDepth{{Reserved: 1}, {Delayed: 1}, {Ready: 1}} {
		depth.Queue = "default"
		asked := backend.Asked()
		backend.Set(depth)
		eventually(t, "the backlog is measured twice", func(context.Context) error {
			if backend.Asked() < asked+2 {
				return errors.New("not yet")
			}
			return nil
		})
		if phase := agents[0].Status().Phase; phase != protocol.PhaseRunning {
			t.Fatalf("with %+v the pod is %s", depth, phase)
		}
	}
	agents[0].Finish(0, fakes.Processed)
	agents[1].Work(1, 6, fakes.Processed)
	agents[1].Work(1, 1, fakes.Failed)
	backend.Set(protocol.QueueDepth{Queue: "default"})

	worker := waitFor(t, namespace, "nightly", "is complete", isComplete)
	if totals := worker.Status.Totals; totals != (v1alpha1.Totals{Processed: 7, Failed: 1}) {
		t.Errorf("totals %+v", totals)
	}
	if got := worker.Status.Batch.Runs; len(got) != 1 || got[0].Name != run || got[0].Outcome != v1alpha1.RunComplete || got[0].Processed != 7 || got[0].Failed != 1 {
		t.Errorf("runs %+v", got)
	}
	for _, pod := range podsOf(t, namespace, "nightly") {
		if pod.Status.Phase != corev1.PodSucceeded {
			t.Errorf("pod %s is %s", pod.Name, pod.Status.Phase)
		}
	}
	requireSettled(t, namespace, "nightly")
	from := mark(t)
	reconcileAll(t, namespace)
	requireNoWrites(t, writesBetween(t, o, from, mark(t)))

	t.Run("again on request, once", func(t *testing.T) {
		changeWorker(t, namespace, "nightly", func(w *v1alpha1.QueueWorker) {
			metav1.SetMetaDataAnnotation(&w.ObjectMeta, v1alpha1.AnnotationRunAt, "once more")
			w.Spec.Processes = new(int32(2))
		})
		hasJobs(t, namespace, "nightly", 2)
		worker := waitFor(t, namespace, "nightly", "is complete again", all(isComplete, func(w *v1alpha1.QueueWorker) error {
			return same(2, len(w.Status.Batch.Runs))
		}))
		if worker.Status.Batch.Runs[0].Processed != 0 || worker.Status.Totals.Processed != 7 {
			t.Errorf("status %+v", worker.Status.Batch)
		}
		requireSettled(t, namespace, "nightly")
		hasJobs(t, namespace, "nightly", 2)
	})
	t.Run("history", func(t *testing.T) {
		changeWorker(t, namespace, "nightly", func(w *v1alpha1.QueueWorker) {
			w.Spec.Batch = &v1alpha1.Batch{SuccessfulRunsHistoryLimit: new(int32(0))}
		})
		hasJobs(t, namespace, "nightly", 0)
		eventually(t, "the pods go too", func(context.Context) error {
			return same(0, len(podsOf(t, namespace, "nightly")))
		})
		requireSettled(t, namespace, "nightly")
		if worker := getWorker(t, namespace, "nightly"); worker.Status.Totals.Processed != 7 || worker.Status.Totals.UnaccountedWorkers != 0 {
			t.Errorf("totals %+v", worker.Status.Totals)
		}
	})
}

// requireSettled makes the operator reconcile a QueueWorker again, and fails the test if
// its totals change: nothing may be counted twice.
func requireSettled(t *testing.T, namespace, name string) {
	t.Helper()
	before := getWorker(t, namespace, name).Status.Totals
	changeWorker(t, namespace, name, func(w *v1alpha1.QueueWorker) { w.Spec.Verbose = !w.Spec.Verbose })
	after := waitFor(t, namespace, name, "is looked at again", isComplete)
	if before != after.Status.Totals {
		t.Errorf("totals were %+v and are %+v", before, after.Status.Totals)
	}
}

func TestAPodOfARunThatIsTakenAwayIsReplaced(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj())
	backend := kubelet.Backend(namespace, "shop")
	backend.Set(protocol.QueueDepth{Queue: "default", Ready: 1})
	create(t, batchWorker(namespace, "nightly", nil))
	first := runAgents(t, namespace, "nightly", 1)[0]
	first.Work(0, 3, fakes.Processed)
	if err := api.Delete(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: first.Pod}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a successor", func(context.Context) error {
		agents := kubelet.Agents(namespace, "nightly-run-")
		if len(agents) != 1 || agents[0].Pod == first.Pod {
			return fmt.Errorf("there are %d agents", len(agents))
		}
		return nil
	})
	kubelet.Agents(namespace, "nightly-run-")[0].Work(0, 2, fakes.Processed)
	backend.Set(protocol.QueueDepth{Queue: "default"})
	worker := waitFor(t, namespace, "nightly", "is complete", isComplete)
	if totals := worker.Status.Totals; totals != (v1alpha1.Totals{Processed: 5}) {
		t.Errorf("totals %+v, want 5 processed jobs", totals)
	}
}

func TestARunMayLeaveDelayedJobsToTheNext(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj())
	kubelet.Backend(namespace, "shop").Set(protocol.QueueDepth{Queue: "default", Delayed: 3})
	create(t, batchWorker(namespace, "nightly", func(spec *v1alpha1.QueueWorkerSpec) {
		spec.Batch = &v1alpha1.Batch{WaitForDelayed: new(false)}
	}), batchWorker(namespace, "patient", nil))
	waitFor(t, namespace, "nightly", "is complete", isComplete)
	patient := waitFor(t, namespace, "patient", "works on", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonRunning))
	if patient.Status.Batch.ActiveRun == "" {
		t.Errorf("the run that waits for delayed jobs has ended: %+v", patient.Status.Batch)
	}
}

func TestStoppedAndPausedRuns(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj())
	kubelet.Backend(namespace, "shop").Set(protocol.QueueDepth{Queue: "default", Ready: 1})
	create(t, batchWorker(namespace, "nightly", nil))
	agent := runAgents(t, namespace, "nightly", 1)[0]

	changeWorker(t, namespace, "nightly", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = true })
	waitFor(t, namespace, "nightly", "is paused", all(
		hasCondition(v1alpha1.ConditionPaused, metav1.ConditionTrue, v1alpha1.ReasonPaused),
		func(w *v1alpha1.QueueWorker) error { return same(v1alpha1.StatePaused, w.Status.State) }))
	kubelet.Backend(namespace, "shop").Set(protocol.QueueDepth{Queue: "default"})
	changeWorker(t, namespace, "nightly", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = false })
	kubelet.Backend(namespace, "shop").Set(protocol.QueueDepth{Queue: "default", Ready: 1})
	waitFor(t, namespace, "nightly", "works again", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonRunning))

	if !agent.Start(0, "Report") {
		t.Fatal("the worker is not idle")
	}
	changeWorker(t, namespace, "nightly", func(w *v1alpha1.QueueWorker) { w.Spec.Stopped = true })
	waitFor(t, namespace, "nightly", "is draining", func(w *v1alpha1.QueueWorker) error {
		return errors.Join(same(v1alpha1.StateDraining, w.Status.State), same(true, w.Status.Batch.ActiveRun != ""))
	})
	agent.Finish(0, fakes.Processed)
	worker := waitFor(t, namespace, "nightly", "is stopped", all(
		hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonStopped),
		func(w *v1alpha1.QueueWorker) error {
			return errors.Join(same(v1alpha1.StateStopped, w.Status.State), same(1, w.Status.Totals.Processed))
		}))
	if run := worker.Status.Batch.Runs[0]; run.Outcome != v1alpha1.RunStopped || run.Processed != 1 {
		t.Errorf("run %+v", run)
	}
	hasJobs(t, namespace, "nightly", 0)
	changeWorker(t, namespace, "nightly", func(w *v1alpha1.QueueWorker) { w.Spec.Stopped = false })
	waitFor(t, namespace, "nightly", "waits for a request", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonRunStopped))
	hasJobs(t, namespace, "nightly", 0)
}

// workingRun starts an operator and a run of some pods with a job that waits. It returns
// the agents of the run once the run works.
func workingRun(t *testing.T, namespace string, pods int32) []*fakes.Agent {
	t.Helper()
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj())
	kubelet.Backend(namespace, "shop").Set(protocol.QueueDepth{Queue: "default", Ready: 1})
	create(t, batchWorker(namespace, "nightly", func(spec *v1alpha1.QueueWorkerSpec) { spec.Processes = &pods }))
	agents := runAgents(t, namespace, "nightly", int(pods))
	waitFor(t, namespace, "nightly", "works", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonRunning))
	return agents
}

// TestAStoppedRunCanBeKilled: a stopped run keeps its pods while they work, so that a
// user can still kill their jobs, with the stop or after it.
func TestAStoppedRunCanBeKilled(t *testing.T) {
	tests := map[string]func(t *testing.T, namespace string, agent *fakes.Agent){
		"with the stop": func(t *testing.T, namespace string, _ *fakes.Agent) {
			changeWorker(t, namespace, "nightly", func(w *v1alpha1.QueueWorker) { w.Spec.Stopped = true; killNow(w) })
		},
		"after it": func(t *testing.T, namespace string, agent *fakes.Agent) {
			changeWorker(t, namespace, "nightly", func(w *v1alpha1.QueueWorker) { w.Spec.Stopped = true })
			inPhases(t, []*fakes.Agent{agent}, protocol.PhaseCordoned)
			changeWorker(t, namespace, "nightly", killNow)
		},
	}
	for name, kill := range tests {
		t.Run(name, func(t *testing.T) {
			namespace := newNamespace(t)
			agent := workingRun(t, namespace, 1)[0]
			if !agent.Start(0, `App\Jobs\SendMail`) {
				t.Fatal("the worker is not idle")
			}
			kill(t, namespace, agent)
			hasJobs(t, namespace, "nightly", 0)
			if killed := agent.Status().Counters.Exits[protocol.ExitKilledOnRequest]; killed != 1 {
				t.Errorf("%d processes were killed, want 1", killed)
			}
			requireContains(t, requireEvent(t, namespace, "nightly", v1alpha1.EventJobsKilled), `App\Jobs\SendMail 1`)
			waitFor(t, namespace, "nightly", "is stopped", inState(v1alpha1.StateStopped))
		})
	}
}

// TestARunThatIsNotStoppedAfterAllGoesOn: if the stop of a run is revoked, its workers
// take jobs again.
func TestARunThatIsNotStoppedAfterAllGoesOn(t *testing.T) {
	namespace := newNamespace(t)
	agents := workingRun(t, namespace, 2)
	agents[0].Start(0, "Report")
	changeWorker(t, namespace, "nightly", func(w *v1alpha1.QueueWorker) { w.Spec.Stopped = true })
	inPhases(t, agents, protocol.PhaseCordoned, protocol.PhaseCordoned)
	changeWorker(t, namespace, "nightly", func(w *v1alpha1.QueueWorker) { w.Spec.Stopped = false })
	inPhases(t, agents, protocol.PhaseRunning, protocol.PhaseRunning)
	waitFor(t, namespace, "nightly", "works again", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonRunning))
	hasJobs(t, namespace, "nightly", 1)
}

func TestAnotherModeRemovesWhatTheLastOneMade(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj())
	kubelet.Backend(namespace, "shop").Set(protocol.QueueDepth{Queue: "default", Ready: 1})
	create(t, builders.QueueWorker(namespace, "emails").Processes(2).Obj())
	waitReady(t, namespace, "emails")
	agent := agentsOf(t, namespace, "emails", 2)[0]
	agent.Work(0, 2, fakes.Processed)
	agent.Start(0, "Send")
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Mode = v1alpha1.ModeBatch })
	waitFor(t, namespace, "emails", "waits for the job", hasCondition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonProgressing))
	hasJobs(t, namespace, "emails", 0)
	agent.Finish(0, fakes.Processed)
	hasJobs(t, namespace, "emails", 1)
	run := runAgents(t, namespace, "emails", 2)[0]
	run.Work(0, 1, fakes.Processed)
	run.Start(0, "Send")
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Mode = v1alpha1.ModeContinuous })
	waitFor(t, namespace, "emails", "waits for the job of the run", func(w *v1alpha1.QueueWorker) error {
		return same(v1alpha1.StateDraining, w.Status.State)
	})
	run.Finish(0, fakes.Processed)
	worker := waitFor(t, namespace, "emails", "works on", all(isReady, func(w *v1alpha1.QueueWorker) error {
		return errors.Join(same(5, w.Status.Totals.Processed), same(true, w.Status.Batch == nil), same(2, w.Status.Ready))
	}))
	if worker.Status.Totals.UnaccountedWorkers != 0 {
		t.Errorf("totals %+v", worker.Status.Totals)
	}
	hasJobs(t, namespace, "emails", 0)
	deploymentOf(t, namespace, "emails")
}

func TestAScheduleStartsRuns(t *testing.T) {
	namespace := newNamespace(t)
	clock := &offsetClock{}
	startOperator(t, operatorOptions{namespaces: []string{namespace}, clock: clock, pullClock: clock})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj())
	backend := kubelet.Backend(namespace, "shop")
	backend.Set(protocol.QueueDepth{Queue: "default"})
	create(t, batchWorker(namespace, "hourly", func(spec *v1alpha1.QueueWorkerSpec) {
		spec.Batch = &v1alpha1.Batch{Schedule: "30 2 * * *", TimeZone: "Europe/Berlin"}
	}))
	worker := waitFor(t, namespace, "hourly", "waits", hasCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAwaitingRun))
	next := worker.Status.Batch.NextScheduleTime
	if next == nil || !strings.HasSuffix(next.UTC().Format(time.TimeOnly), ":30:00") {
		t.Fatalf("the next run is at %s", next)
	}
	hasJobs(t, namespace, "hourly", 0)
	for n := range 2 {
		if n == 0 {
			clock.forward(time.Until(next.Time) + time.Minute)
		} else {
			clock.forward(24 * time.Hour)
		}
		poke(t, namespace, "hourly")
		worker = waitFor(t, namespace, "hourly", fmt.Sprintf("has had %d runs", n+1), all(isComplete, func(w *v1alpha1.QueueWorker) error {
			return same(n+1, len(w.Status.Batch.Runs))
		}))
		if last := worker.Status.Batch.LastScheduleTime; last == nil || !last.Equal(new(metav1.NewTime(next.Add(time.Duration(n)*24*time.Hour)))) {
			t.Errorf("the last time of the schedule is %s", last)
		}
	}
}

// TestWhatKeepsRunsFromBeginningIsTold makes the mistakes that no schema finds, and
// corrects them.
func TestWhatKeepsRunsFromBeginningIsTold(t *testing.T) {
	schedule := func(text, zone string) func(*v1alpha1.QueueWorkerSpec) {
		return func(spec *v1alpha1.QueueWorkerSpec) { spec.Batch = &v1alpha1.Batch{Schedule: text, TimeZone: zone} }
	}
	mendSchedule := func(t *testing.T, namespace string) {
		changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Batch = nil })
	}
	shop := builders.QueueApp("", "shop").Driver(v1alpha1.DriverRedis)
	for name, tc := range map[string]obstacle{
		"an hour of a schedule that is none": {
			worker: batchWorker("", "emails", schedule("0 25 * * *", "")), reason: v1alpha1.ReasonScheduleInvalid, phrases: []string{"0 25 * * *", "25"}, mend: mendSchedule,
		},
		"a day that never comes": {
			worker: batchWorker("", "emails", schedule("0 0 31 2 *", "")), reason: v1alpha1.ReasonScheduleInvalid, phrases: []string{"never comes"}, mend: mendSchedule,
		},
		"a time zone nobody knows": {
			worker: batchWorker("", "emails", schedule("@daily", "Europe/Atlantis")), reason: v1alpha1.ReasonScheduleInvalid, phrases: []string{"Europe/Atlantis", "IANA"}, mend: mendSchedule,
		},
		"a container that does not end": {
			app: builders.QueueApp("", "shop").Driver(v1alpha1.DriverRedis).Template(func(template *corev1.PodTemplateSpec) {
				template.Spec.Containers = append(template.Spec.Containers, corev1.Container{Name: "proxy", Image: "registry.example.com/proxy:1"})
			}).Obj(),
			worker: batchWorker("", "emails", nil), reason: v1alpha1.ReasonAppInvalid, phrases: []string{`"proxy"`, "restartPolicy Always"},
			mend: changeApp(func(app *v1alpha1.QueueApp) {
				app.Spec.Template.Spec.Containers = app.Spec.Template.Spec.Containers[:1]
			}),
		},
		"a Job of somebody else's with the name": {
			worker: batchWorker("", "emails", func(spec *v1alpha1.QueueWorkerSpec) { spec.Stopped = true }),
			reason: v1alpha1.ReasonForeignObject, phrases: []string{"Job emails-run-", "has no owner"},
			mend: func(t *testing.T, namespace string) {
				if err := api.DeleteAllOf(t.Context(), &batchv1.Job{}, client.InNamespace(namespace), client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
					t.Fatal(err)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := newNamespace(t)
			clock := &offsetClock{}
			startOperator(t, operatorOptions{namespaces: []string{namespace}, clock: clock, pullClock: clock})
			if tc.app == nil {
				tc.app = shop.Obj()
			}
			for _, object := range []client.Object{tc.app, tc.worker} {
				object.SetNamespace(namespace)
				create(t, object)
			}
			kubelet.Backend(namespace, "shop").Set(protocol.QueueDepth{Queue: "default"})
			if tc.reason == v1alpha1.ReasonForeignObject {
				takeRunName(t, namespace)
			}
			tc.final = true
			requireTold(t, namespace, tc, clock)
			tc.mend(t, namespace)
			poke(t, namespace, "emails")
			waitFor(t, namespace, "emails", "has had its run", isComplete)
		})
	}
}

// takeRunName creates a Job with the name of the next run of a stopped QueueWorker, and
// then starts the QueueWorker.
func takeRunName(t *testing.T, namespace string) {
	t.Helper()
	worker := waitFor(t, namespace, "emails", "is stopped", inState(v1alpha1.StateStopped))
	sum := sha256.Sum256([]byte(worker.UID))
	create(t, &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "emails-run-f" + hex.EncodeToString(sum[:])[:7]},
		Spec: batchv1.JobSpec{Suspend: new(true), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "other", Image: "registry.example.com/other:1"}},
		}}},
	})
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Stopped = false })
}
