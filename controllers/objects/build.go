// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"time"

	"queueworker.dev/queueworker/api/effective"
)

// Build builds the objects of a pool. Without a usable QueueApp there is only the
// ConfigMap, and the Problem says why.
func Build(in Input) (Objects, *effective.Problem) {
	refused, told := consent(in)
	objects := Objects{ConfigMap: controlConfigMap(in), NotPermitted: told}
	if in.App == nil {
		return objects, nil
	}
	container, problem := workerContainer(in.App)
	if problem != nil {
		return objects, problem
	}
	if refused != nil {
		return objects, refused
	}
	if effective.IsBatch(&in.Worker.Spec) {
		if problem := endless(in.App, container); problem != nil {
			return objects, problem
		}
	}
	template, findings := podTemplate(in, container)
	objects.Findings = findings
	objects.Grace = time.Duration(*template.Spec.TerminationGracePeriodSeconds) * time.Second
	if effective.IsBatch(&in.Worker.Spec) {
		if in.Run != "" {
			objects.Run = runJob(in, template, template.Spec.Containers[container].Name)
		}
		return objects, nil
	}
	objects.Deployment = deployment(in, template)
	if effective.Pods(in.Most, &in.Worker.Spec) > 1 {
		objects.PodDisruptionBudget = podDisruptionBudget(in.Worker)
	}
	stamp(&objects)
	return objects, nil
}
