// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/preflight"
)

// tellPreflight passes the findings of the pool's workers to its app.
func (r *Reconciler) tellPreflight(o *observation) {
	name := client.ObjectKeyFromObject(o.worker)
	if o.app == nil {
		r.Findings.Forget(name)
		return
	}
	r.Findings.Tell(name, client.ObjectKeyFromObject(o.app), preflightOf(o))
}

// preflightOf returns the findings of a pool's workers. The newest pod speaks for all,
// because older pods will be replaced by pods like it.
func preflightOf(o *observation) preflight.Pool {
	pool := preflight.Pool{Name: o.worker.Name}
	var newest *corev1.Pod
	images := map[v1alpha1.CheckedImage]bool{}
	for _, pod := range o.pods {
		report := o.reports.Pods[pod.UID]
		if !podstate.Active(pod) || report.Status == nil || report.Status.Runtime == nil || len(report.Status.Runtime.Findings) == 0 {
			continue
		}
		if newest == nil || later(pod, newest) {
			newest = pod
			pool.Findings = report.Status.Runtime.Findings
		}
		if container := podstate.WorkerContainer(pod); container != nil {
			images[v1alpha1.CheckedImage{Image: container.Image, ImageID: container.ImageID, Version: report.Status.Runtime.Version}] = true
		}
	}
	pool.Images = slices.SortedFunc(maps.Keys(images), func(a, b v1alpha1.CheckedImage) int {
		return cmp.Or(strings.Compare(a.ImageID, b.ImageID), strings.Compare(a.Image, b.Image), strings.Compare(a.Version, b.Version))
	})
	return pool
}

func later(a, b *corev1.Pod) bool {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name)) > 0
}
