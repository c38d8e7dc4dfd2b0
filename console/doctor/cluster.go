// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"
	"strings"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// resources are the resources that QueueWorker's chart installs.
var resources = []string{"queueapps", "queuecommands", "queueworkers"}

const cluster = "cluster"

func kinds(in Input) []Finding {
	if in.KindsError != "" {
		return []Finding{{Level: Unchecked, About: cluster, Check: "CRDs", Cause: in.KindsError}}
	}
	var missing []string
	for _, resource := range resources {
		if !slices.Contains(in.Kinds, resource) {
			missing = append(missing, resource+"."+v1alpha1.GroupName)
		}
	}
	if len(missing) > 0 {
		return []Finding{{
			Level: Wrong, About: cluster, Check: "CRDs", Cause: "The cluster does not know " + strings.Join(missing, ", ") + ".",
			Cure: "Install or upgrade QueueWorker's chart; helm upgrade leaves CRDs as they are unless the chart's values let it write them.",
		}}
	}
	return []Finding{{Level: Fine, About: cluster, Check: "CRDs", Cause: "The cluster knows " + strings.Join(resources, ", ") + "."}}
}
