// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueapp

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/controllers/preflight"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakeapiserver"
)

func TestAProbeComesChangesAndGoes(t *testing.T) {
	o := newApp(t, measured())
	_, writes := o.pass()
	if len(writes) == 0 || writes[0] != applyProbe {
		t.Errorf("the writes are %q", writes)
	}
	if d := o.probe(); !metav1.IsControlledBy(d, measured().Obj()) || d.Spec.Template.Spec.Containers[0].Image != "probe:1" {
		t.Errorf("the probe is %+v", d)
	}
	if _, tracked := o.Backlogs.Where(web); !tracked {
		t.Error("the probe is not asked")
	}
	o.settle()
	before := o.cluster.Dump()
	wantWrites(t, o.settle())
	if diff := cmp.Diff(before, o.cluster.Dump()); diff != "" {
		t.Errorf("without a change the cluster changes:\n%s", diff)
	}

	for _, step := range []struct {
		what string
		do   func()
		want string
	}{
		{"another image of the probe", func() { o.ProbeImage = "probe:2" }, applyProbe},
		{"another driver", func() { o.cluster.Put(measured().Driver(v1alpha1.DriverDatabase).Obj()) }, applyProbe},
		{"changed by hand", func() {
			fakeapiserver.Change(o.cluster, "shop", "web-backlog", func(d *appsv1.Deployment) { d.Spec.Replicas = new(int32(0)) })
		}, applyProbe},
		{"no driver", func() { o.cluster.Put(builders.QueueApp("shop", "web").UID("the-app").Obj()) }, deleteProbe},
		{"a driver again", func() { o.cluster.Put(measured().Obj()) }, applyProbe},
		{"no pool", func() { o.cluster.Remove(pool("emails")) }, deleteProbe},
		{"a pool again", func() { o.cluster.Put(pool("emails")) }, applyProbe},
		{"a pool of another app", func() {
			o.cluster.Put(builders.QueueApp("shop", "mail").Obj())
			o.cluster.Put(builders.QueueWorker("shop", "emails").App("mail").Obj())
		}, deleteProbe},
	} {
		step.do()
		writes := slices.DeleteFunc(o.settle(), func(w string) bool { return w == writeStatus })
		if !slices.Equal(writes, []string{step.want}) {
			t.Errorf("%s: the writes are %q, want %q", step.what, writes, step.want)
		}
		exists := step.want == applyProbe
		if _, tracked := o.Backlogs.Where(web); tracked != exists || (o.probe() != nil) != exists {
			t.Errorf("%s: it is asked: %t, it exists: %t", step.what, tracked, o.probe() != nil)
		}
	}
}

// A pool that is being deleted needs no probe, and neither does a deleted app.
func TestWhatIsGoingNeedsNoProbe(t *testing.T) {
	o := newApp(t, measured())
	o.settle()
	fakeapiserver.Change(o.cluster, "shop", "emails", func(w *v1alpha1.QueueWorker) { w.Finalizers = []string{"example.com/wait"} })
	o.cluster.Remove(pool("emails"))
	o.settle()
	if o.probe() != nil {
		t.Error("the probe of a pool that is being deleted remains")
	}

	o = newApp(t, measured())
	o.settle()
	o.cluster.Remove(fakeapiserver.Read[cached.QueueApp](o.cluster, "shop", "web"))
	_, writes := o.pass()
	wantWrites(t, writes)
	if _, tracked := o.Backlogs.Where(web); tracked {
		t.Error("the probe of an app that is gone is asked")
	}
}

func TestAProbeThatCannotBeWritten(t *testing.T) {
	foreign := &appsv1.Deployment{ObjectMeta: named("web-backlog")}
	tests := map[string]struct {
		prepare func(*operator)
		free    func(*operator)
		again   time.Duration
		message string
	}{
		"another owner's": {
			prepare: func(o *operator) { o.cluster.Put(foreign) }, free: func(o *operator) { o.cluster.Remove(foreign) },
			again: 15 * time.Second, message: "The Deployment web-backlog exists already and has no owner. The operator does not change it",
		},
		"another owner's that the cache lacks": {
			prepare: func(o *operator) { o.cluster.Put(foreign); o.cluster.Hide("Deployment", "web-backlog") },
			free:    func(o *operator) { o.cluster.Remove(foreign); o.cluster.Thaw() },
			again:   15 * time.Second, message: "The Deployment web-backlog exists already and has no owner. The operator does not change it",
		},
		"refused": {
			prepare: func(o *operator) { o.cluster.Fail(applyProbe, errRefuse) }, free: func(o *operator) { o.cluster.Fail(applyProbe, nil) },
			again: time.Minute, message: "The API server refused the Deployment web-backlog of the backlog probe: ",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := newApp(t, measured())
			tc.prepare(o)
			result, writes := o.pass()
			if slices.Contains(writes, applyProbe) || result.RequeueAfter != tc.again {
				t.Errorf("it is tried again after %s, the writes are %q", result.RequeueAfter, writes)
			}
			where, tracked := o.Backlogs.Where(web)
			if !tracked || where.Reason != protocol.BacklogMisconfigured || !strings.HasPrefix(where.Message, tc.message) {
				t.Errorf("the pools are told %+v", where)
			}
			o.cluster.Put(builders.QueueApp("shop", "web").UID("the-app").Obj())
			if writes := o.settle(); slices.Contains(writes, deleteProbe) {
				t.Errorf("without a driver the writes are %q", writes)
			}
			o.cluster.Put(measured().Obj())
			tc.free(o)
			if writes := o.settle(); !slices.Contains(writes, applyProbe) {
				t.Errorf("afterwards the writes are %q", writes)
			}
		})
	}
}

// runningProbe returns an operator whose probe runs in a pod that serves TLS. Pods that
// only have its labels run beside it.
func runningProbe(t *testing.T, secure bool) (o *operator, pod *corev1.Pod) {
	t.Helper()
	o = newApp(t, measured())
	o.settle()
	set := builders.ReplicaSet(o.probe())
	pod = builders.PodOfSet(set, "probe", noon)
	pod.Status.PodIP = "10.0.0.1"
	if secure {
		pod.Spec.Containers[0].Ports = append(pod.Spec.Containers[0].Ports, corev1.ContainerPort{Name: protocol.OperatorPortName})
	}
	loose := pod.DeepCopy()
	loose.Name, loose.UID, loose.OwnerReferences, loose.CreationTimestamp = "loose", "loose", nil, metav1.NewTime(noon.Add(time.Hour))
	o.cluster.Put(set)
	o.cluster.Put(pod)
	o.cluster.Put(loose)
	return o, pod
}

func TestOnlyTheAppsOwnProbeIsToldThePinAndAsked(t *testing.T) {
	for _, secure := range []bool{true, false} {
		o, pod := runningProbe(t, secure)
		writes := o.settle()
		if told := slices.Equal(writes, []string{"patch Pod probe"}); told != secure || !secure && len(writes) > 0 {
			t.Errorf("secure %t: the writes are %q", secure, writes)
		}
		if where, _ := o.Backlogs.Where(web); where.UID != pod.UID || where.Secure != secure || !strings.HasPrefix(where.Address, "10.0.0.1:") {
			t.Errorf("secure %t: asked is %+v", secure, where)
		}
		if pin := fakeapiserver.Read[corev1.Pod](o.cluster, "shop", "probe").Annotations[v1alpha1.AnnotationOperator]; (pin == "pin") != secure {
			t.Errorf("secure %t: it is told %q", secure, pin)
		}
	}
}

// A probe that does not know the operator would refuse each question.
func TestAProbeThatCannotBeToldThePinIsNotAsked(t *testing.T) {
	o, _ := runningProbe(t, true)
	o.cluster.Fail("patch Pod probe", errAway)
	if _, err := o.try(); !errors.Is(err, errAway) {
		t.Errorf("the error is %v, want %v", err, errAway)
	}
	if where, _ := o.Backlogs.Where(web); where.Address != "" {
		t.Errorf("asked is %+v", where)
	}
	o.cluster.Fail("patch Pod probe", nil)
	o.settle()
	if where, _ := o.Backlogs.Where(web); where.Address == "" {
		t.Error("afterwards it is not asked")
	}
}

func TestTheNetworkPolicyFollowsTheSpec(t *testing.T) {
	o := newOperator(t, fakeapiserver.New(t, withPolicy(builders.QueueApp("shop", "web").UID("the-app"))))
	_, writes := o.pass()
	wantWrites(t, writes, applyPolicy, writeStatus)
	if is := o.condition(v1alpha1.ConditionNetworkPolicyApplied); is == nil || is.Status != metav1.ConditionTrue || is.Reason != v1alpha1.ReasonApplied {
		t.Errorf("the condition is %+v", is)
	}
	wantWrites(t, o.settle())
	fakeapiserver.Change(o.cluster, "shop", "web-queueworker", func(p *networkingv1.NetworkPolicy) { p.Spec.Ingress = nil })
	wantWrites(t, o.settle(), applyPolicy)
	if len(o.policy().Spec.Ingress) == 0 {
		t.Error("a change by hand stays")
	}

	o.cluster.Hide("NetworkPolicy", "web-queueworker")
	wantWrites(t, o.settle()) // it is too new for the cache
	fakeapiserver.Change(o.cluster, "shop", "web-queueworker", func(p *networkingv1.NetworkPolicy) { delete(p.Labels, v1alpha1.LabelManagedBy) })
	_, writes = o.pass()
	wantWrites(t, writes, applyPolicy)
	o.cluster.Thaw()

	o.cluster.Put(builders.QueueApp("shop", "web").UID("the-app").Obj())
	wantWrites(t, o.settle(), "delete NetworkPolicy web-queueworker", writeStatus)
	if is := o.condition(v1alpha1.ConditionNetworkPolicyApplied); is != nil || o.policy() != nil {
		t.Errorf("the condition is %+v", is)
	}
}

func TestANetworkPolicyThatCannotBeWritten(t *testing.T) {
	foreign := &networkingv1.NetworkPolicy{ObjectMeta: named("web-queueworker")}
	tests := map[string]struct {
		prepare         func(*operator)
		reason, message string
		again           time.Duration
	}{
		"another owner's": {
			func(o *operator) { o.cluster.Put(foreign) }, v1alpha1.ReasonForeignObject,
			"The NetworkPolicy web-queueworker exists already and has no owner. The operator does not change it", 15 * time.Second,
		},
		"another owner's that the cache lacks": {
			func(o *operator) { o.cluster.Put(foreign); o.cluster.Hide("NetworkPolicy", "web-queueworker") }, v1alpha1.ReasonForeignObject,
			"The NetworkPolicy web-queueworker exists already and has no owner. The operator does not change it", 15 * time.Second,
		},
		"refused": {
			func(o *operator) { o.cluster.Fail(applyPolicy, errRefuse) }, v1alpha1.ReasonRejected,
			"The API server refused the NetworkPolicy web-queueworker: ", time.Minute,
		},
		"of an unknown operator": {
			func(o *operator) { o.Namespace = "" }, v1alpha1.ReasonRejected,
			"The operator does not know the namespace it runs in, so it cannot make the NetworkPolicy web-queueworker", 0,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := newOperator(t, fakeapiserver.New(t, withPolicy(builders.QueueApp("shop", "web").UID("the-app"))))
			tc.prepare(o)
			result, writes := o.pass()
			wantWrites(t, writes, writeStatus)
			if result.RequeueAfter != tc.again {
				t.Errorf("it is tried again after %s, want %s", result.RequeueAfter, tc.again)
			}
			is := o.condition(v1alpha1.ConditionNetworkPolicyApplied)
			if is == nil || is.Status != metav1.ConditionFalse || is.Reason != tc.reason || !strings.HasPrefix(is.Message, tc.message) {
				t.Errorf("the condition is %+v", is)
			}
			wantWrites(t, o.settle())
			live := o.policy()
			o.cluster.Put(builders.QueueApp("shop", "web").UID("the-app").Obj())
			o.settle()
			if (o.policy() == nil) != (live == nil) {
				t.Error("another owner's NetworkPolicy is deleted")
			}
		})
	}
}

func TestTheStatusOfAnAppIsWrittenOnce(t *testing.T) {
	o := newApp(t, measured())
	o.settle()
	o.Findings.Tell(types.NamespacedName{Namespace: "shop", Name: "emails"}, web, preflight.Pool{
		Name: "emails", Findings: []protocol.Finding{{Kind: protocol.FindingKinds[0], OK: false, Message: "It is missing."}},
	})
	o.cluster.Before(writeStatus, func() {
		fakeapiserver.Change(o.cluster, "shop", "web", func(app *cached.QueueApp) { app.Annotations = map[string]string{"by": "a user"} })
	})
	result, writes := o.pass()
	wantWrites(t, writes)
	if result.RequeueAfter != time.Second {
		t.Errorf("after a conflict it is tried again after %s", result.RequeueAfter)
	}
	o.cluster.Fail(writeStatus, errAway)
	if _, err := o.try(); !errors.Is(err, errAway) {
		t.Errorf("the error is %v, want %v", err, errAway)
	}
	o.cluster.Fail(writeStatus, nil)
	wantWrites(t, o.settle(), writeStatus)
	if is := o.condition(v1alpha1.ConditionPreflightPassed); is == nil || is.Status != metav1.ConditionFalse {
		t.Errorf("the condition is %+v", is)
	}
	app := fakeapiserver.Read[cached.QueueApp](o.cluster, "shop", "web")
	if whole, refusal := app.Whole(); refusal != "" || len(whole.Spec.Template.Spec.Containers) != 1 || app.Annotations["by"] != "a user" {
		t.Errorf("the write of the status has changed the QueueApp: %+v", app)
	}
}

func TestAReadThatFailsIsNoReasonToDeleteAnything(t *testing.T) {
	for _, call := range []string{
		"get QueueApp web", "list QueueApp", "list QueueWorker", "get Deployment web-backlog", "get NetworkPolicy web-queueworker", "list ReplicaSet", "list Pod",
	} {
		o := newOperator(t, fakeapiserver.New(t, withPolicy(measured()), pool("emails")))
		o.settle()
		o.cluster.Fail(call, errAway)
		if _, err := o.try(); !errors.Is(err, errAway) {
			t.Errorf("%s: the error is %v, want %v", call, err, errAway)
		}
		if writes := o.cluster.Writes(); len(writes) > 0 {
			t.Errorf("%s: the writes are %q", call, writes)
		}
		if _, tracked := o.Backlogs.Where(web); !tracked {
			t.Errorf("%s: the probe is not asked any more", call)
		}
	}
	for _, call := range []string{"read Deployment web-backlog", "read NetworkPolicy web-queueworker"} {
		o := newOperator(t, fakeapiserver.New(t, withPolicy(measured()), pool("emails")))
		o.cluster.Fail(call, errAway)
		if _, err := o.try(); !errors.Is(err, errAway) {
			t.Errorf("%s: the error is %v, want %v", call, err, errAway)
		}
		if writes := o.cluster.Writes(); slices.Contains(writes, "apply "+strings.TrimPrefix(call, "read ")) {
			t.Errorf("%s: the writes are %q", call, writes)
		}
	}
}

// The template of an app that names no worker container gives no probe. Its pools say why.
func TestAnAppWithoutAWorkerContainerHasNoProbe(t *testing.T) {
	o := newApp(t, measured().Container("missing"))
	if writes := o.settle(); slices.Contains(writes, applyProbe) {
		t.Errorf("the writes are %q", writes)
	}
}

// TestAPassThatIsCutOffIsCompletedByTheNext loses the connection after each write.
func TestAPassThatIsCutOffIsCompletedByTheNext(t *testing.T) {
	changes := map[string]func(*operator){
		"comes": func(*operator) {},
		"goes": func(o *operator) {
			o.settle()
			o.cluster.Put(builders.QueueApp("shop", "web").UID("the-app").Obj())
		},
	}
	for name, change := range changes {
		start := func() *operator {
			o := newOperator(t, fakeapiserver.New(t, withPolicy(measured()), pool("emails")))
			change(o)
			return o
		}
		whole := start()
		writes := whole.settle()
		want := whole.cluster.Dump()
		if len(writes) < 2 {
			t.Fatalf("%s: the writes are %q", name, writes)
		}
		for cut := range writes {
			for _, lost := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, after %d of %d, answer lost: %t", name, cut, len(writes), lost), func(t *testing.T) {
					o := start()
					o.cluster.CutAfter(cut, lost)
					if _, err := o.try(); !errors.Is(err, fakeapiserver.ErrCut) {
						t.Errorf("the error is %v", err)
					}
					o.cluster.Restore()
					o = newOperator(t, o.cluster)
					o.settle()
					if diff := cmp.Diff(want, o.cluster.Dump()); diff != "" {
						t.Errorf("the cluster differs (-want +got):\n%s", diff)
					}
				})
			}
		}
	}
}
