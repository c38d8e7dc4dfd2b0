// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// pinSpread is the time over which an operator with a new key writes its pin to pools
// that have another pin. The pools need it only for the names of jobs, and a burst of
// writes would delay more important work when an operator starts.
const pinSpread = 30 * time.Second

// pins decides when a pool's agents get the pin of this operator.
type pins struct {
	own string

	once  sync.Once
	since time.Time
}

// of returns the pin that a pool's ConfigMap must hold now, and the time after which it
// must hold another pin; 0 if it must not. A pool without a pin gets it at once.
func (p *pins) of(pool types.NamespacedName, live string, now time.Time) (string, time.Duration) {
	p.once.Do(func() { p.since = now })
	if live == "" || live == p.own {
		return p.own, 0
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(pool.String())) // never fails
	share := time.Duration(float64(pinSpread) * float64(sum.Sum32()) / (1 << 32))
	if wait := p.since.Add(share).Sub(now); wait > 0 {
		return live, wait
	}
	return p.own, 0
}

// annotateOnce writes an annotation to a pod of a probe, unless it already has this value.
func annotateOnce(ctx context.Context, writer client.Client, pod *corev1.Pod, key, value string) error {
	if pod.Annotations[key] == value {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": pod.UID, "annotations": map[string]any{key: value},
	}})
	if err != nil {
		return fmt.Errorf("encode the patch of Pod %s: %w", pod.Name, err)
	}
	err = writer.Patch(ctx, pod.DeepCopy(), client.RawPatch(types.MergePatchType, patch))
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("write the annotation %s to Pod %s: %w", key, pod.Name, err)
	}
	return nil
}

// announce tells the pod of a probe the key by which it knows the operator, before the
// probe is asked.
func (r *QueueAppReconciler) announce(ctx context.Context, pods []corev1.Pod) error {
	for i := range pods {
		pod := &pods[i]
		if _, secure := addressOf(pod); !secure || !active(pod) {
			continue
		}
		if err := annotateOnce(ctx, r.Client, pod, v1alpha1.AnnotationOperator, r.pin); err != nil {
			return err
		}
	}
	return nil
}
