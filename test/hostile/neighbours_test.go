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

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/test/builders"
)

// TestChurnDoesNotSlowOthers creates and deletes QueueApps, and then QueueWorkers, up to
// 40 times a second. For comparison it does the same with ConfigMaps.
func TestChurnDoesNotSlowOthers(t *testing.T) {
	attacker := newNamespace(t, "attacker")
	mustCreate(t, builders.QueueApp(attacker, "shop").MaxProcesses(10).Obj())
	o := startOperator(t)
	o.answers(t)
	v := newVictim(t)
	var n atomic.Int64
	churn := func(object func(name string) client.Object) func(context.Context) error {
		return every(25*time.Millisecond, func(ctx context.Context) error {
			one := object(fmt.Sprintf("churn-%d", n.Add(1)))
			if err := api.Create(ctx, one); err != nil {
				return err
			}
			return client.IgnoreNotFound(api.Delete(ctx, one))
		})
	}
	calm := churn(func(name string) client.Object {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: attacker, Name: name}}
	})
	for kind, object := range map[string]func(name string) client.Object{
		"QueueApps":    func(name string) client.Object { return builders.QueueApp(attacker, name).Obj() },
		"QueueWorkers": func(name string) client.Object { return builders.QueueWorker(attacker, name).App("shop").Obj() },
	} {
		t.Run(kind, func(t *testing.T) {
			contest{calm: calm, attack: churn(object), rounds: 2, span: lasting(3*time.Second, 30*time.Second)}.compare(t, o, v)
		})
	}
	o.survives(t, mostFat)
}

// TestManySmallObjectsFitIntoTheOperator stores thousands of objects of a few KB.
func TestManySmallObjectsFitIntoTheOperator(t *testing.T) {
	attacker := newNamespace(t, "attacker")
	count := 500
	if long() {
		count = 2000
	}
	names := strings.Trim(repeated(`queue-%`, 1500), ",")
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
