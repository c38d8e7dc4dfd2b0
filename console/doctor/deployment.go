// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
)

// watching returns the namespaces that an operator works in; empty means all.
func watching(deployment *appsv1.Deployment) []string {
	var watched []string
	for i := range deployment.Spec.Template.Spec.Containers {
		arguments := slices.Concat(deployment.Spec.Template.Spec.Containers[i].Command, deployment.Spec.Template.Spec.Containers[i].Args)
		for at, argument := range arguments {
			name, value, found := strings.Cut(strings.TrimLeft(argument, "-"), "=")
			if name != "watch-namespaces" {
				continue
			}
			if !found && at+1 < len(arguments) {
				value = arguments[at+1]
			}
			for namespace := range strings.SplitSeq(value, ",") {
				if namespace = strings.TrimSpace(namespace); namespace != "" {
					watched = append(watched, namespace)
				}
			}
		}
	}
	return watched
}

// inhabited returns the namespaces to look at: in.Namespace, or every namespace with
// QueueWorkers.
func inhabited(in Input) []string {
	if in.Namespace != "" {
		return []string{in.Namespace}
	}
	var found []string
	for i := range in.Workers {
		if namespace := in.Workers[i].Namespace; !slices.Contains(found, namespace) {
			found = append(found, namespace)
		}
	}
	return found
}

// concerns reports whether an operator works in the namespaces of the input. Another
// team's operator for other namespaces does not concern the caller.
func concerns(in Input, deployment *appsv1.Deployment) bool {
	return in.Namespace == "" || WorksIn(deployment, in.Namespace)
}

// WorksIn reports whether an operator works in a namespace.
func WorksIn(deployment *appsv1.Deployment, namespace string) bool {
	watched := watching(deployment)
	return len(watched) == 0 || slices.Contains(watched, namespace)
}

// account returns the name of a Deployment's service account.
func account(deployment *appsv1.Deployment) string {
	return cmp.Or(deployment.Spec.Template.Spec.ServiceAccountName, "default")
}
