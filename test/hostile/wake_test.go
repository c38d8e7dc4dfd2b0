// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

// TestAPatchOfAQueueAppWithManyPoolsDoesNotSlowOthers has 600 pools under one cap and a
// change of their app every two seconds.
func TestAPatchOfAQueueAppWithManyPoolsDoesNotSlowOthers(t *testing.T) {
	attacker := newNamespace(t, "attacker")
	pools := 600
	mustCreate(t, builders.QueueApp(attacker, "shop").MaxProcesses(300).Obj(),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: attacker, Name: "decoy"}})
	inParallel(t, pools, func(i int) error {
		return api.Create(t.Context(), builders.QueueWorker(attacker, fmt.Sprintf("pool-%d", i)).Stopped(true).Obj())
	})
	o := startOperator(t)
	o.answers(t)
	v := newVictim(t)
	contest{
		calm: every(2*time.Second, func(ctx context.Context) error {
			decoy := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: attacker, Name: "decoy"}}
			return merge(ctx, decoy, fmt.Sprintf(`{"data":{"at":"%d"}}`, time.Now().UnixNano()))
		}),
		attack: every(2*time.Second, func(ctx context.Context) error {
			app := &v1alpha1.QueueApp{ObjectMeta: metav1.ObjectMeta{Namespace: attacker, Name: "shop"}}
			return merge(ctx, app, fmt.Sprintf(`{"spec":{"maxProcesses":%d}}`, 300+time.Now().Unix()%100))
		}),
		rounds: 2, span: lasting(8*time.Second, 40*time.Second),
	}.compare(t, o, v)
	o.survives(t, mostFat)
}
