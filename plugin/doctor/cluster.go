// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// resources are those that QueueWorker's chart brings.
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

func operators(in Input) []Finding {
	switch {
	case in.OperatorsError != "":
		return []Finding{{
			Level: Unchecked, About: "operator", Check: "OperatorRuns", Cause: in.OperatorsError,
			Cure: "Ask somebody who may list Deployments to run this command.",
		}}
	case len(in.Operators) == 0:
		return []Finding{{
			Level: Wrong, About: "operator", Check: "OperatorRuns", Cause: "No Deployment in the cluster has the label app.kubernetes.io/name=queueworker: no operator is installed.",
			Cure: "Install QueueWorker's chart.",
		}}
	}
	var found []Finding
	for i := range in.Operators {
		found = append(found, operator(&in.Operators[i]))
	}
	if len(in.Operators) > 1 {
		found = append(found, Finding{
			Level: Warning, About: "operator", Check: "OneOperator", Cause: fmt.Sprintf("%d operators are installed; two that watch the same namespaces undo each other's writes.", len(in.Operators)),
			Cure: "Remove all but one, or give each namespaces of its own: watchNamespaces in the chart's values.",
		})
	}
	return found
}

func operator(deployment *appsv1.Deployment) Finding {
	about := "operator " + deployment.Namespace + "/" + deployment.Name
	image := "unknown image"
	if containers := deployment.Spec.Template.Spec.Containers; len(containers) > 0 {
		image = containers[0].Image
	}
	if deployment.Status.AvailableReplicas > 0 {
		return Finding{Level: Fine, About: about, Check: "OperatorRuns", Cause: fmt.Sprintf("%d of %d pods run %s.", deployment.Status.AvailableReplicas, replicas(deployment), image)}
	}
	causes := []string{fmt.Sprintf("None of its %d pods is available.", replicas(deployment))}
	for _, condition := range deployment.Status.Conditions {
		if condition.Status != corev1.ConditionTrue && condition.Message != "" {
			causes = append(causes, condition.Message)
		}
	}
	return Finding{
		Level: Wrong, About: about, Check: "OperatorRuns", Cause: strings.Join(causes, " ") + " Workers go on with their jobs, but nothing that is changed now takes effect.",
		Cure: fmt.Sprintf("kubectl -n %s describe deployment %s, and the logs of its pods, tell why.", deployment.Namespace, deployment.Name),
	}
}

func replicas(deployment *appsv1.Deployment) int32 {
	if deployment.Spec.Replicas == nil {
		return 1
	}
	return *deployment.Spec.Replicas
}
