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

// OperatorLabels are the labels of the operator's Deployment. The chart and the kustomize
// tree set them, whatever the Deployment's name is.
var OperatorLabels = map[string]string{v1alpha1.LabelComponent: "operator"}

// Powers are the rights of an operator in one namespace.
type Powers struct {
	// Operator is the Deployment, as NAMESPACE/NAME.
	Operator string
	// Home and Account are the namespace and the name of the operator's service account.
	Home, Account string
	// Namespace is where the rights hold; empty means all namespaces.
	Namespace string
	Rights    []Right
}

// Needed returns the rights that the operators need, as questions to the cluster. An
// operator for all namespaces needs them in in.Namespace. An operator for some namespaces
// needs them in those of its namespaces that inhabited returns.
func Needed(in Input) []Powers {
	var needed []Powers
	for i := range in.Operators {
		deployment := &in.Operators[i]
		if !concerns(in, deployment) {
			continue
		}
		powers := Powers{
			Operator: deployment.Namespace + "/" + deployment.Name,
			Home:     deployment.Namespace, Account: account(deployment),
		}
		namespaces := []string{in.Namespace}
		if watched := watching(deployment); len(watched) > 0 {
			namespaces = slices.DeleteFunc(watched, func(namespace string) bool { return !slices.Contains(inhabited(in), namespace) })
		}
		for _, namespace := range namespaces {
			powers.Namespace, powers.Rights = namespace, Operators()
			needed = append(needed, powers)
		}
	}
	return needed
}

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

func operators(in Input) []Finding {
	switch {
	case in.OperatorsError != "":
		return []Finding{{
			Level: Unchecked, About: "operator", Check: "OperatorRuns", Cause: in.OperatorsError,
			Cure: "Ask a user who may list Deployments in all namespaces and create subjectaccessreviews to run this command.",
		}}
	case len(in.Operators) == 0:
		return []Finding{absent(in)}
	}
	var found []Finding
	for i := range in.Operators {
		if concerns(in, &in.Operators[i]) {
			found = append(found, operator(&in.Operators[i]))
		}
	}
	if shared := shared(in); shared != "" {
		found = append(found, Finding{
			Level: Warning, About: "operator", Check: "OneOperator", Cause: shared + "; two that work in the same namespaces undo each other's writes.",
			Cure: "Remove all but one, or give each namespaces of its own: watchNamespaces in the chart's values.",
		})
	}
	return append(found, unwatched(in)...)
}

// absent reports that there is no operator.
func absent(in Input) Finding {
	finding := Finding{
		Level: Wrong, About: "operator", Check: "OperatorRuns",
		Cause: "No Deployment in the cluster has the label " + v1alpha1.LabelComponent + "=" + OperatorLabels[v1alpha1.LabelComponent] + ": no operator is installed.",
		Cure:  "Install QueueWorker's chart.",
	}
	if in.Unproven > 0 {
		finding.Cause = fmt.Sprintf("No operator is installed. %d Deployment(s) have the label %s=%s, but their service accounts may not %s.",
			in.Unproven, v1alpha1.LabelComponent, OperatorLabels[v1alpha1.LabelComponent], Proof())
		finding.Cure = "Install QueueWorker's chart. If it is installed, upgrade it, because its role or the binding of its role is missing."
	}
	return finding
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

// shared names two operators that work in the same namespaces; empty if there are none.
func shared(in Input) string {
	for i := range in.Operators {
		for j := range i {
			if !concerns(in, &in.Operators[i]) || !concerns(in, &in.Operators[j]) {
				continue
			}
			a, b := watching(&in.Operators[i]), watching(&in.Operators[j])
			if len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(namespace string) bool { return slices.Contains(b, namespace) }) {
				return fmt.Sprintf("%d operators are installed, and %s/%s and %s/%s share namespaces", len(in.Operators),
					in.Operators[j].Namespace, in.Operators[j].Name, in.Operators[i].Namespace, in.Operators[i].Name)
			}
		}
	}
	return ""
}

// unwatched reports namespaces that are looked at but that no operator works in.
func unwatched(in Input) []Finding {
	missing := slices.DeleteFunc(inhabited(in), func(namespace string) bool {
		return slices.ContainsFunc(in.Operators, func(deployment appsv1.Deployment) bool {
			return WorksIn(&deployment, namespace)
		})
	})
	if len(missing) == 0 {
		return nil
	}
	level := Wrong
	if len(in.Workers) == 0 { // the user may be looking at the wrong namespace
		level = Warning
	}
	return []Finding{{
		Level: level, About: "operator", Check: "OperatorWatches", Cause: "No operator works in the namespace " + strings.Join(missing, ", ") + ", since none has it in --watch-namespaces.",
		Cure: "Add it to watchNamespaces in the chart's values.",
	}}
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
