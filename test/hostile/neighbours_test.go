// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/test/builders"
)

// TestChurnDoesNotSlowOthers creates and deletes QueueApps, and then QueueWorkers, up to
// 40 times a second. For comparison it does the same with the objects that come of them:
// a QueueWorker has a ConfigMap and a Deployment. With its status and the removal of its
// children it still costs the API server more, which here shares two cores with everything
// else. A ResourceQuota for count/queueworkers.queueworker.dev bounds that.
func TestChurnDoesNotSlowOthers(t *testing.T) {
	attacker := newNamespace(t, "attacker")
	mustCreate(t, builders.QueueApp(attacker, "shop").MaxProcesses(10).Obj())
	o := startOperator(t)
	o.answers(t)
	v := newVictim(t)
	var n atomic.Int64
	churn := func(objects func(name string) []client.Object) func(context.Context) error {
		return every(25*time.Millisecond, func(ctx context.Context) error {
			all := objects(fmt.Sprintf("churn-%d", n.Add(1)))
			for _, one := range all {
				if err := api.Create(ctx, one); err != nil {
					return err
				}
			}
			for _, one := range all {
				if err := api.Delete(ctx, one, client.PropagationPolicy(metav1.DeletePropagationBackground)); client.IgnoreNotFound(err) != nil {
					return err
				}
			}
			return nil
		})
	}
	configMap := func(name string) client.Object {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: attacker, Name: name}}
	}
	for kind, pair := range map[string]struct {
		calm, attack func(name string) []client.Object
	}{
		"QueueApps": {
			func(name string) []client.Object { return []client.Object{configMap(name)} },
			func(name string) []client.Object { return []client.Object{builders.QueueApp(attacker, name).Obj()} },
		},
		"QueueWorkers": {
			func(name string) []client.Object {
				return []client.Object{configMap(name), smallDeployment(attacker, name)}
			},
			func(name string) []client.Object {
				return []client.Object{builders.QueueWorker(attacker, name).App("shop").Obj()}
			},
		},
	} {
		t.Run(kind, func(t *testing.T) {
			contest{calm: churn(pair.calm), attack: churn(pair.attack), rounds: 2, span: lasting(3*time.Second, 30*time.Second)}.compare(t, o, v)
		})
	}
	o.survives(t, mostFat)
}

// smallDeployment returns a Deployment of one pod that the operator does not know.
func smallDeployment(namespace, name string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "worker", Image: "registry.example.com/worker:1"}}},
			},
		},
	}
}

// TestManySmallObjectsFitIntoTheOperator stores thousands of objects of a few KB.
func TestManySmallObjectsFitIntoTheOperator(t *testing.T) {
	attacker := newNamespace(t, "attacker")
	count := 500
	if long() {
		count = 2000
	}
	names := strings.Trim(repeated(`queue-with-a-long-name-for-a-queue-%`, 460), ",")
	inParallel(t, count, func(i int) error {
		name := fmt.Sprintf("many-%d", i)
		app := builders.QueueApp(attacker, name).Args(strings.Repeat("x", 4096)).Obj()
		if err := api.Create(t.Context(), app); err != nil {
			return err
		}
		return api.Create(t.Context(), builders.QueueWorker(attacker, name).App(name).Queue(names).Stopped(true).Obj())
	})
	o := startOperator(t)
	o.answers(t)
	newVictim(t).change(t)
	o.settle(time.Minute)
	o.survives(t, mostFat)
}
