// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakeapiserver"
)

// firstRun is the name of the first run of the pool, which its UID decides.
const firstRun = "emails-run-f582ac60"

func (o *operator) run() *batchv1.Job {
	o.t.Helper()
	return fakeapiserver.Read[batchv1.Job](o.cluster, "shop", firstRun)
}

// end plays the Job controller: the run has ended with this condition.
func (o *operator) end(how batchv1.JobConditionType) {
	o.t.Helper()
	fakeapiserver.Change(o.cluster, "shop", firstRun, func(job *batchv1.Job) {
		job.Status.Conditions = []batchv1.JobCondition{{Type: how, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(o.clock.Now())}}
	})
}

func TestARunIsStartedOnce(t *testing.T) {
	o := batchPool(t)
	_, writes := o.pass()
	wantWrites(t, writes, "apply ConfigMap emails-control", "create Job "+firstRun, "patch status QueueWorker emails")
	if job := o.run(); *job.Spec.Parallelism != 2 || !objects.OwnedBy(job, o.worker()) {
		t.Errorf("the Job is %+v", job.Spec)
	}
	if writes := o.settle(); count(writes, "create Job "+firstRun) > 0 || o.worker().Status.Batch.ActiveRun != firstRun {
		t.Errorf("the writes are %q, the status %+v", writes, o.worker().Status.Batch)
	}
}

// The cache may not know the run yet, and an operator that has just started remembers
// nothing.
func TestARunIsStartedOnceAlthoughTheCacheIsBehind(t *testing.T) {
	for name, restarted := range map[string]bool{"the same operator": false, "an operator that has just started": true} {
		t.Run(name, func(t *testing.T) {
			o := batchPool(t)
			o.cluster.Freeze()
			o.pass()
			started := o.run()
			if restarted {
				o = newOperator(t, o.cluster, o.clock.Now())
			}
			if writes := o.settle(); slices.ContainsFunc(writes, func(w string) bool { return strings.Contains(w, "Job") }) {
				t.Errorf("the writes are %q", writes)
			}
			o.cluster.Thaw()
			o.settle()
			o.wantCondition(v1alpha1.ConditionConflict, "")
			if job := o.run(); job.UID != started.UID || o.worker().Status.Batch.ActiveRun != firstRun {
				t.Errorf("the run is %s, and was %s; the status is %+v", job.UID, started.UID, o.worker().Status.Batch)
			}
		})
	}
}

// The status names a run that the cache lacks. If it cannot be looked for, it may exist.
func TestARunThatCannotBeLookedForIsNotStartedAgain(t *testing.T) {
	o := batchPool(t)
	o.settle()
	o.cluster.Hide("Job", firstRun)
	o.cluster.Fail("read Job "+firstRun, errAway)
	if _, err := o.try(); !errors.Is(err, errAway) {
		t.Errorf("the error is %v, want %v", err, errAway)
	}
	wantWrites(t, o.cluster.Writes())
	o.cluster.Fail("read Job "+firstRun, nil)
	o.settle()
	if runs := o.worker().Status.Batch; runs.ActiveRun != firstRun {
		t.Errorf("the status is %+v", runs)
	}
}

func TestARunThatIsGoneIsNotStartedAgain(t *testing.T) {
	o := batchPool(t)
	o.settle()
	o.cluster.Remove(o.run())
	writes := o.settle()
	if runs := o.worker().Status.Batch; runs.ActiveRun != "" || len(runs.Runs) != 1 || runs.Runs[0].Outcome != v1alpha1.RunStopped {
		t.Errorf("the status is %+v", runs)
	}
	if o.run() != nil {
		t.Errorf("the writes are %q", writes)
	}
}

func TestTheNameOfARunIsTaken(t *testing.T) {
	foreign := &batchv1.Job{ObjectMeta: named(firstRun)}
	o := batchPool(t, foreign)
	result, writes := o.pass()
	wantWrites(t, writes, "apply ConfigMap emails-control", "patch status QueueWorker emails")
	if result.RequeueAfter <= 0 || result.RequeueAfter > 15*time.Second {
		t.Errorf("it looks again after %s", result.RequeueAfter)
	}
	told := o.wantCondition(v1alpha1.ConditionConflict, v1alpha1.ReasonForeignObject)
	if told == nil || !strings.HasPrefix(told.Message, "The Job "+firstRun+" exists already and has no owner") {
		t.Errorf("the condition is %+v", told)
	}
	if job := o.run(); len(job.Labels)+len(job.OwnerReferences) > 0 {
		t.Errorf("the foreign Job is %+v", job.ObjectMeta)
	}

	o.cluster.Fail("read Job "+firstRun, errAway)
	if _, err := o.try(); !errors.Is(err, errAway) {
		t.Errorf("the error is %v, want %v", err, errAway)
	}
	o.cluster.Fail("read Job "+firstRun, nil)

	// It goes between the operator's two looks at it.
	o.cluster.Before("read Job "+firstRun, func() { o.cluster.Remove(foreign) })
	o.pass()
	o.wantCondition(v1alpha1.ConditionConflict, "")
	if writes := o.settle(); count(writes, "create Job "+firstRun) != 1 {
		t.Errorf("once the name is free, the writes are %q", writes)
	}
}

func TestARefusedRunIsToldAndTriedAgain(t *testing.T) {
	o := batchPool(t)
	o.cluster.Fail("create Job "+firstRun, errRefuse)
	result, _ := o.pass()
	if result.RequeueAfter <= 0 || result.RequeueAfter > time.Minute {
		t.Errorf("it is tried again after %s", result.RequeueAfter)
	}
	if told := o.wantCondition(v1alpha1.ConditionStalled, v1alpha1.ReasonRejected); told == nil || !strings.Contains(told.Message, "The API server refused the Job "+firstRun) {
		t.Errorf("the condition is %+v", told)
	}
	o.cluster.Fail("create Job "+firstRun, errAway)
	if _, err := o.try(); !errors.Is(err, errAway) {
		t.Errorf("the error is %v, want %v", err, errAway)
	}
	o.cluster.Fail("create Job "+firstRun, nil)
	o.settle()
	o.wantCondition(v1alpha1.ConditionStalled, "")
	if o.run() == nil {
		t.Error("the run is not started")
	}
}

func TestARunThatHasEndedIsKeptOrDeleted(t *testing.T) {
	tests := map[string]struct {
		how  batchv1.JobConditionType
		keep int32
		want v1alpha1.RunOutcome
		gone bool
	}{
		"complete and kept":    {batchv1.JobComplete, 1, v1alpha1.RunComplete, false},
		"failed and kept":      {batchv1.JobFailed, 1, v1alpha1.RunFailed, false},
		"complete and deleted": {batchv1.JobComplete, 0, v1alpha1.RunComplete, true},
		"failed and deleted":   {batchv1.JobFailed, 0, v1alpha1.RunFailed, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := batchPool(t)
			o.spec(func(spec *v1alpha1.QueueWorkerSpec) {
				spec.Batch = &v1alpha1.Batch{SuccessfulRunsHistoryLimit: &tc.keep, FailedRunsHistoryLimit: &tc.keep}
			})
			o.settle()
			o.end(tc.how)
			o.clock.SetTime(o.clock.Now().Add(3 * time.Second))
			_, writes := o.pass()
			wantWrites(t, writes, "patch status QueueWorker emails") // the end is told before the Job goes
			if runs := o.worker().Status.Batch; runs.ActiveRun != "" || runs.Runs[0].Outcome != tc.want {
				t.Errorf("the status is %+v", runs)
			}
			writes = o.settle()
			if deleted := count(writes, "delete Job "+firstRun); (deleted == 1) != tc.gone || (o.run() == nil) != tc.gone {
				t.Errorf("the writes are %q", writes)
			}
			if count(writes, "create Job "+firstRun) > 0 {
				t.Error("it is started again")
			}
		})
	}
}

// A run is ended by deleting its Job, once its pods have had their time.
func TestARunThatMustEndLosesItsPodsFirst(t *testing.T) {
	tests := map[string]func(*v1alpha1.QueueWorkerSpec){
		"stopped":         func(spec *v1alpha1.QueueWorkerSpec) { spec.Stopped = true },
		"of another mode": func(spec *v1alpha1.QueueWorkerSpec) { spec.Mode = v1alpha1.ModeContinuous },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			o := batchPool(t)
			o.settle()
			o.cluster.Put(builders.PodOfJob(o.run(), "emails-run-1", noon))
			o = newOperator(t, o.cluster, o.clock.Now())
			o.spec(change)
			_, writes := o.pass()
			if count(writes, "patch Pod emails-run-1") != 1 || o.run() == nil || o.deployment() != nil {
				t.Errorf("at once the writes are %q", writes)
			}
			if pod := o.pod("emails-run-1"); pod.Annotations[v1alpha1.AnnotationCordonedAt] == "" {
				t.Errorf("the pod is told %v", pod.Annotations)
			}
			o.cluster.Fail("delete Job "+firstRun+" in the foreground", errAway)
			o.clock.SetTime(o.clock.Now().Add(20 * time.Second))
			if _, err := o.try(); !errors.Is(err, errAway) {
				t.Errorf("the error is %v, want %v", err, errAway)
			}
			if o.deployment() != nil {
				t.Error("the Deployment is created while the run is there")
			}
			o.cluster.Fail("delete Job "+firstRun+" in the foreground", nil)
			o.cluster.Writes()
			writes = o.settle()
			if count(writes, "delete Job "+firstRun+" in the foreground") != 1 {
				t.Errorf("the writes are %q", writes)
			}
			if created := count(writes, "apply Deployment emails-worker") == 1; created != (name == "of another mode") {
				t.Errorf("the Deployment is created: %t, the writes are %q", created, writes)
			}
		})
	}
}

// The pods of the Deployment finish their jobs before a run begins.
func TestAPoolThatGetsRunsLosesItsDeploymentFirst(t *testing.T) {
	o := runningPool(t)
	fakeapiserver.Change(o.cluster, "shop", "emails-worker", func(d *appsv1.Deployment) { d.Finalizers = []string{"foregroundDeletion"} })
	o.settle()
	o.spec(inRuns)
	writes := o.settle()
	if count(writes, "delete Deployment emails-worker in the foreground") != 1 || count(writes, "delete PodDisruptionBudget emails-worker") != 1 {
		t.Errorf("the writes are %q", writes)
	}
	if o.run() != nil || o.deployment() == nil {
		t.Error("a run begins before the Deployment has gone")
	}
	fakeapiserver.Change(o.cluster, "shop", "emails-worker", func(d *appsv1.Deployment) { d.Finalizers = nil })
	o.settle()
	if o.run() == nil {
		t.Error("no run begins once the Deployment has gone")
	}
}

// What is not the pool's own is not deleted with its mode.
func TestAForeignDeploymentSurvivesTheMode(t *testing.T) {
	o := batchPool(t, withLabels(&appsv1.Deployment{ObjectMeta: named("emails-worker")}, ours))
	o.settle()
	if o.deployment() == nil {
		t.Error("another owner's Deployment is deleted")
	}
}

func TestWhatCannotBeDeletedWithTheModeIsTriedAgain(t *testing.T) {
	for _, call := range []string{"delete Deployment emails-worker in the foreground", "delete PodDisruptionBudget emails-worker"} {
		o := newPool(t)
		o.settle()
		o.spec(inRuns)
		o.cluster.Fail(call, errAway)
		if _, err := o.try(); !errors.Is(err, errAway) {
			t.Errorf("%s: the error is %v, want %v", call, err, errAway)
		}
		if o.run() != nil {
			t.Errorf("%s: a run begins", call)
		}
		o.cluster.Fail(call, nil)
		o.settle()
		if o.run() == nil {
			t.Errorf("%s: no run begins afterwards", call)
		}
	}
}
