// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// resources are the resources that QueueWorker's chart installs.
var resources = []string{"queueapps", "queuecommands", "queueworkers"}

func kinds(in Input) []Finding {
	found := Finding{Level: Fine, About: Subject{Kind: OfCluster}, Check: "CRDs", Cause: Cause{Code: KindsServed, Names: resources}}
	if in.KindsError != nil {
		found.Level, found.Cause = Unchecked, Cause{Code: NotRead, Err: in.KindsError}
		return []Finding{found}
	}
	var missing []string
	for _, resource := range resources {
		if !slices.Contains(in.Kinds, resource) {
			missing = append(missing, resource+"."+v1alpha1.GroupName)
		}
	}
	if len(missing) > 0 {
		found.Level, found.Cause, found.Cure = Wrong, Cause{Code: KindsMissing, Names: missing}, cure(UpgradeKinds)
	}
	return []Finding{found}
}
