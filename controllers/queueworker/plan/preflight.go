// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/preflight"
)

// PreflightOf returns the findings of a pool's workers. The newest pod speaks for all,
// because older pods will be replaced by pods like it.
func PreflightOf(w *World) preflight.Pool {
	pool := preflight.Pool{Name: w.Worker.Name}
	var newest *Pod
	images := map[v1alpha1.CheckedImage]bool{}
	for _, pod := range w.Pods {
		report := pod.Report
		if !podstate.Active(pod.Pod) || report.Status == nil || report.Status.Runtime == nil || len(report.Status.Runtime.Findings) == 0 {
			continue
		}
		if newest == nil || later(pod, newest) {
			newest = pod
			pool.Findings = report.Status.Runtime.Findings
		}
		if container := podstate.WorkerContainer(pod.Pod); container != nil {
			images[v1alpha1.CheckedImage{Image: container.Image, ImageID: container.ImageID, Version: report.Status.Runtime.Version}] = true
		}
	}
	pool.Images = slices.SortedFunc(maps.Keys(images), func(a, b v1alpha1.CheckedImage) int {
		return cmp.Or(strings.Compare(a.ImageID, b.ImageID), strings.Compare(a.Image, b.Image), strings.Compare(a.Version, b.Version))
	})
	return pool
}

func later(a, b *Pod) bool {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name)) > 0
}
