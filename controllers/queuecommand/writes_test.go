// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queuecommand

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakeapiserver"
)

var errAway = errors.New("connection refused")

const writeStatus = "patch status QueueCommand retry"

// job is the name of the Job of the command retry.
var job = objects.CommandJobName("retry", "the-command")

// operator is a reconciler of QueueCommands in a fake cluster with the command retry.
type operator struct {
	*Reconciler
	t       *testing.T
	cluster *fakeapiserver.Cluster
	clock   *clocktesting.FakePassiveClock
}

func newOperator(t *testing.T, cluster *fakeapiserver.Cluster, now time.Time) *operator {
	t.Helper()
	o := &operator{t: t, cluster: cluster, clock: clocktesting.NewFakePassiveClock(now)}
	o.Reconciler = &Reconciler{
		Client: cluster.Client(), Live: cluster.Live(), Clock: o.clock,
		Backlogs: collector.NewBacklogs(collector.BacklogOptions{Clock: o.clock}), AgentImage: "agent:1",
	}
	cluster.Now = o.clock.Now
	return o
}

// retryAll returns the command retry.
func retryAll() *v1alpha1.QueueCommand {
	cmd := newCommand("retry", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionRetryFailed, All: true})
	cmd.UID = "the-command"
	return cmd
}

func inCluster(t *testing.T, all ...client.Object) *operator {
	t.Helper()
	return newOperator(t, fakeapiserver.New(t, all...), noon)
}

func (o *operator) try() (ctrl.Result, error) {
	return o.Reconcile(ctrl.LoggerInto(o.t.Context(), logr.Discard()), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "shop", Name: "retry"}})
}

func (o *operator) pass() (ctrl.Result, []string) {
	o.t.Helper()
	result, err := o.try()
	if err != nil {
		o.t.Fatal(err)
	}
	return result, o.cluster.Writes()
}

func (o *operator) status() v1alpha1.QueueCommandStatus {
	o.t.Helper()
	return fakeapiserver.Read[v1alpha1.QueueCommand](o.cluster, "shop", "retry").Status
}

func (o *operator) job() *batchv1.Job {
	o.t.Helper()
	return fakeapiserver.Read[batchv1.Job](o.cluster, "shop", job)
}

func wantWrites(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the writes are %q, want %q", got, want)
	}
}

// A Job that the status does not name may have run before, so it must not run yet.
func TestTheStatusNamesAJobBeforeItRuns(t *testing.T) {
	o := inCluster(t, shopApp(), retryAll())
	o.cluster.Before(writeStatus, func() {
		if !*o.job().Spec.Suspend {
			t.Error("the Job runs before the status names it")
		}
	})
	o.cluster.Before("patch Job "+job, func() {
		if told := o.status(); told.JobUID != o.job().UID || told.State != v1alpha1.CommandPending {
			t.Errorf("the Job is resumed when the status is %+v", told)
		}
	})
	_, writes := o.pass()
	wantWrites(t, writes, "create Job "+job, writeStatus, "patch Job "+job)
	if j := o.job(); *j.Spec.Suspend || j.Annotations[v1alpha1.AnnotationBegun] == "" || !metav1.IsControlledBy(j, retryAll()) {
		t.Errorf("the Job is %+v", j)
	}
	for range 3 {
		if _, writes := o.pass(); slices.ContainsFunc(writes, func(w string) bool { return w != writeStatus }) {
			t.Errorf("then the writes are %q", writes)
		}
	}
}

func TestACommandThatIsCutOffRunsOnce(t *testing.T) {
	whole := inCluster(t, shopApp(), retryAll())
	whole.pass()
	whole.pass()
	want := whole.cluster.Dump()
	for cut := range 3 {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("after %d, answer lost: %t", cut, lost), func(t *testing.T) {
				o := inCluster(t, shopApp(), retryAll())
				o.cluster.CutAfter(cut, lost)
				if _, err := o.try(); !errors.Is(err, fakeapiserver.ErrCut) {
					t.Errorf("the error is %v", err)
				}
				o.cluster.Restore()
				created := o.job()
				o = newOperator(t, o.cluster, noon)
				o.pass()
				o.pass()
				if created != nil && created.UID != o.job().UID {
					t.Errorf("there were two Jobs, %s and %s", created.UID, o.job().UID)
				}
				if diff := cmp.Diff(want, o.cluster.Dump()); diff != "" {
					t.Errorf("the cluster differs (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// begun returns an operator whose command's Job runs.
func begun(t *testing.T) *operator {
	t.Helper()
	o := inCluster(t, shopApp(), retryAll())
	o.pass()
	return o
}

func TestACommandIsNotRunAgain(t *testing.T) {
	tests := map[string]func(*operator){
		"its Job is deleted": func(o *operator) { o.cluster.Remove(o.job()) },
		"its Job is suspended": func(o *operator) {
			fakeapiserver.Change(o.cluster, "shop", job, func(j *batchv1.Job) { j.Spec.Suspend = new(true) })
		},
		"its Job is replaced": func(o *operator) {
			o.cluster.Remove(o.job())
			o.cluster.Put(builders.ControlledBy(&batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: job, UID: "another"}, Spec: batchv1.JobSpec{Suspend: new(true)}}, "QueueCommand", retryAll()))
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			o := begun(t)
			change(o)
			_, writes := o.pass()
			wantWrites(t, writes, writeStatus)
			if told := o.status(); told.State != v1alpha1.CommandFailed || told.Conditions[0].Reason != v1alpha1.ReasonJobGone {
				t.Errorf("the status is %+v", told)
			}
			_, writes = o.pass()
			wantWrites(t, writes)
		})
	}
}

// A Job that changes between the two writes may have run: its change wakes the command.
func TestAJobThatChangedIsNotResumed(t *testing.T) {
	o := inCluster(t, shopApp(), retryAll())
	o.cluster.Before("patch Job "+job, func() {
		fakeapiserver.Change(o.cluster, "shop", job, func(j *batchv1.Job) { j.Labels["by"] = "a user" })
	})
	_, writes := o.pass()
	wantWrites(t, writes, "create Job "+job, writeStatus)
	_, writes = o.pass()
	wantWrites(t, writes, "patch Job "+job)
}

func TestAForeignJobIsLeftAlone(t *testing.T) {
	foreign := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: job, UID: "theirs"}, Spec: batchv1.JobSpec{Suspend: new(true)}}
	o := inCluster(t, shopApp(), retryAll(), foreign)
	o.cluster.Hide("Job", job)
	_, writes := o.pass()
	wantWrites(t, writes, writeStatus)
	if told := o.status(); told.State != v1alpha1.CommandFailed || told.Conditions[0].Reason != v1alpha1.ReasonForeignObject {
		t.Errorf("the status is %+v", told)
	}
	if j := o.job(); !*j.Spec.Suspend || len(j.Annotations) > 0 {
		t.Errorf("the foreign Job is %+v", j)
	}
}

func TestACommandWaitsForWhatMayStillBeCreated(t *testing.T) {
	once := newCommand("retry", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionOnce, WorkerName: "emails"})
	once.UID = "the-command"
	tests := map[string]struct {
		command *v1alpha1.QueueCommand
		before  []client.Object
		lacks   client.Object
		reason  string
	}{
		"its QueueApp":    {command: retryAll(), lacks: shopApp(), reason: v1alpha1.ReasonAppNotFound},
		"its QueueWorker": {command: once, before: []client.Object{shopApp()}, lacks: builders.QueueWorker("shop", "emails").Obj(), reason: v1alpha1.ReasonWorkerNotFound},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := inCluster(t, append(tc.before, tc.command)...)
			result, writes := o.pass()
			wantWrites(t, writes, writeStatus)
			if told := o.status(); told.State != v1alpha1.CommandPending || result.RequeueAfter <= 0 || result.RequeueAfter > 2*time.Second {
				t.Errorf("it looks again after %s, the status is %+v", result.RequeueAfter, told)
			}
			_, writes = o.pass()
			wantWrites(t, writes)
			late := newOperator(t, fakeapiserver.New(t, append(tc.before, tc.command)...), noon.Add(3*time.Minute))
			late.pass()
			if told := late.status(); told.State != v1alpha1.CommandFailed || told.Conditions[0].Reason != tc.reason {
				t.Errorf("after its time the status is %+v", told)
			}
			o.cluster.Put(tc.lacks)
			_, writes = o.pass()
			wantWrites(t, writes, "create Job "+job, writeStatus, "patch Job "+job)
		})
	}
}

// Any user may give a pod the label of a command.
func TestOnlyTheCommandsOwnPodEndsIt(t *testing.T) {
	o := begun(t)
	ended := func(pod *corev1.Pod, output string) *corev1.Pod {
		pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			StartedAt: metav1.NewTime(noon), FinishedAt: metav1.NewTime(noon), Message: output,
		}}
		return pod
	}
	loose := ended(builders.PodOfJob(o.job(), "loose", noon.Add(time.Hour)), "forged")
	loose.OwnerReferences = nil
	o.cluster.Put(loose)
	o.pass()
	if told := o.status(); told.State == v1alpha1.CommandSucceeded {
		t.Fatalf("a pod with its label ends it: %+v", told)
	}
	o.cluster.Put(ended(builders.PodOfJob(o.job(), "own", noon), "Two jobs were retried."))
	o.pass()
	if told := o.status(); told.State != v1alpha1.CommandSucceeded || !strings.Contains(told.Output, "Two jobs") {
		t.Errorf("the status is %+v", told)
	}
}

func TestAnEndedCommandIsRemovedInTime(t *testing.T) {
	remove := "delete QueueCommand retry"
	ended := retryAll()
	ended.Spec.TTL = &metav1.Duration{Duration: time.Minute}
	ended.Status = v1alpha1.QueueCommandStatus{State: v1alpha1.CommandFailed, Conditions: []metav1.Condition{{Type: v1alpha1.ConditionFailed, LastTransitionTime: metav1.NewTime(noon)}}}
	o := inCluster(t, ended)
	result, writes := o.pass()
	wantWrites(t, writes)
	if result.RequeueAfter != time.Minute {
		t.Errorf("it is looked at again after %s", result.RequeueAfter)
	}
	o.clock.SetTime(noon.Add(time.Minute))
	o.cluster.Fail(remove, errAway)
	if _, err := o.try(); !errors.Is(err, errAway) {
		t.Errorf("the error is %v, want %v", err, errAway)
	}
	o.cluster.Fail(remove, nil)
	o.cluster.Freeze()
	successor := retryAll()
	successor.UID = "another"
	o.cluster.Remove(ended)
	o.cluster.Put(successor)
	_, writes = o.pass() // the cache has the earlier one
	wantWrites(t, writes)
	if fakeapiserver.Read[v1alpha1.QueueCommand](o.cluster, "shop", "retry") == nil {
		t.Error("its successor is deleted")
	}

	o = newOperator(t, fakeapiserver.New(t, ended), noon.Add(time.Minute))
	_, writes = o.pass()
	wantWrites(t, writes, remove)
	_, writes = o.pass()
	wantWrites(t, writes)
}

func TestAReadThatFailsRunsNothing(t *testing.T) {
	once := newCommand("retry", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionOnce, WorkerName: "emails"})
	once.UID = "the-command"
	for _, call := range []string{"get QueueCommand retry", "get Job " + job, "read Job " + job, "get QueueWorker emails", "list QueueApp"} {
		o := inCluster(t, shopApp(), once, builders.QueueWorker("shop", "emails").Obj())
		o.cluster.Fail(call, errAway)
		if _, err := o.try(); !errors.Is(err, errAway) {
			t.Errorf("%s: the error is %v, want %v", call, err, errAway)
		}
		if writes := o.cluster.Writes(); len(writes) > 0 {
			t.Errorf("%s: the writes are %q", call, writes)
		}
	}
	o := begun(t)
	o.cluster.Fail("list Pod", errAway)
	if _, err := o.try(); !errors.Is(err, errAway) {
		t.Errorf("the error is %v, want %v", err, errAway)
	}
	wantWrites(t, o.cluster.Writes())
}

// A list says at once what will never come, and waits for what may come.
func TestAListSaysWhatItWaitsFor(t *testing.T) {
	web := client.ObjectKeyFromObject(shopApp())
	tests := map[string]struct {
		prepare func(*operator)
		state   v1alpha1.CommandState
		message string
	}{
		"no probe":            {func(*operator) {}, v1alpha1.CommandPending, "No backlog probe runs for the QueueApp web, because no QueueWorker uses it"},
		"a probe that starts": {func(o *operator) { o.Backlogs.Track(web, collector.Probe{}) }, v1alpha1.CommandPending, "The backlog probe is not running yet."},
		"a probe that cannot start": {
			func(o *operator) { o.Backlogs.Track(web, collector.Probe{Message: "Its image cannot be pulled."}) }, v1alpha1.CommandPending, "Its image cannot be pulled.",
		},
		"an app without a driver": {
			func(o *operator) { o.cluster.Put(builders.QueueApp("shop", "web").Obj()) }, v1alpha1.CommandFailed, `The QueueApp "web" has no backlog probe to list failed jobs`,
		},
		"another runtime": {
			func(o *operator) { o.cluster.Put(builders.QueueApp("shop", "web").Custom("work").Obj()) }, v1alpha1.CommandFailed, `The QueueApp "web" has the runtime Custom`,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := inCluster(t, shopApp(), newCommand("retry", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionListFailed}))
			tc.prepare(o)
			result, writes := o.pass()
			wantWrites(t, writes, writeStatus)
			if told := o.status(); told.State != tc.state || !strings.HasPrefix(told.Message, tc.message) || result.RequeueAfter <= 0 {
				t.Errorf("it looks again after %s, the status is %s: %s", result.RequeueAfter, told.State, told.Message)
			}
			_, writes = o.pass()
			wantWrites(t, writes)
		})
	}
}

// An older probe knows the operator by a key whose hash only its own pod is told.
func TestAnOlderProbeIsToldItsKeyOnce(t *testing.T) {
	web := client.ObjectKeyFromObject(shopApp())
	pod, beside := builders.Pod("probe", noon), builders.Pod("beside", noon)
	for _, p := range []*corev1.Pod{pod, beside} {
		p.Namespace, p.Labels = "shop", objects.ProbeSelector("web")
	}
	o := inCluster(t, shopApp(), newCommand("retry", v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionListFailed}), pod, beside)
	o.Backlogs.Track(web, collector.Probe{UID: pod.UID, Address: "127.0.0.1:1"})
	for _, call := range []string{"list Pod", "patch Pod probe"} {
		o.cluster.Fail(call, errAway)
		if _, err := o.try(); !errors.Is(err, errAway) {
			t.Errorf("%s: the error is %v, want %v", call, err, errAway)
		}
		o.cluster.Fail(call, nil)
	}
	_, writes := o.pass()
	wantWrites(t, writes, "patch Pod probe", writeStatus)
	_, writes = o.pass()
	if slices.Contains(writes, "patch Pod probe") || slices.Contains(writes, "patch Pod beside") {
		t.Errorf("without a change the writes are %q", writes)
	}
}
