// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
)

// OperatorLabels are the labels of the operator's Deployment. The chart and the kustomize
// tree set them, whatever the Deployment's name is.
var OperatorLabels = map[string]string{v1alpha1.LabelComponent: "operator"}

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
			Operator: full(deployment), Home: deployment.Namespace, Account: account(deployment),
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

func operators(in Input) []Finding {
	switch {
	case in.OperatorsError != nil:
		return []Finding{{
			Level: Unchecked, About: Subject{Kind: OfOperator}, Check: checkRuns,
			Cause: Cause{Code: NotRead, Err: in.OperatorsError}, Cure: cure(AskWhoSeesOperators),
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
	if shared := shared(in); len(shared) > 0 {
		found = append(found, Finding{
			Level: Warning, About: Subject{Kind: OfOperator}, Check: "OneOperator",
			Cause: Cause{Code: NamespacesShared, Count: len(in.Operators), Names: shared}, Cure: cure(KeepOneOperator),
		})
	}
	return append(found, unwatched(in)...)
}

// checkRuns names the check whether the operator runs.
const checkRuns = "OperatorRuns"

// absent reports that there is no operator.
func absent(in Input) Finding {
	finding := Finding{
		Level: Wrong, About: Subject{Kind: OfOperator}, Check: checkRuns, Cause: Cause{Code: NoOperator}, Cure: cure(InstallChart),
	}
	if in.Unproven > 0 {
		finding.Cause, finding.Cure = Cause{Code: NoneProven, Count: in.Unproven}, cure(InstallOrBindRole)
	}
	return finding
}

// shared names two operators that work in the same namespaces; nil if there are none.
func shared(in Input) []string {
	for i := range in.Operators {
		for j := range i {
			if !concerns(in, &in.Operators[i]) || !concerns(in, &in.Operators[j]) {
				continue
			}
			a, b := watching(&in.Operators[i]), watching(&in.Operators[j])
			if len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(namespace string) bool { return slices.Contains(b, namespace) }) {
				return []string{full(&in.Operators[j]), full(&in.Operators[i])}
			}
		}
	}
	return nil
}

// full returns the name of a Deployment with its namespace.
func full(deployment *appsv1.Deployment) string { return deployment.Namespace + "/" + deployment.Name }

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
		Level: level, About: Subject{Kind: OfOperator}, Check: "OperatorWatches",
		Cause: Cause{Code: NamespacesUnwatched, Names: missing}, Cure: cure(WatchNamespace),
	}}
}

func operator(deployment *appsv1.Deployment) Finding {
	about := Subject{Kind: OfOperator, Name: full(deployment)}
	cause := Cause{Code: OperatorRuns, Available: deployment.Status.AvailableReplicas, Replicas: replicas(deployment)}
	if containers := deployment.Spec.Template.Spec.Containers; len(containers) > 0 {
		cause.Image = containers[0].Image
	}
	if cause.Available > 0 {
		return Finding{Level: Fine, About: about, Check: checkRuns, Cause: cause}
	}
	cause.Code = OperatorDown
	for _, condition := range deployment.Status.Conditions {
		if condition.Status != corev1.ConditionTrue && condition.Message != "" {
			cause.Names = append(cause.Names, condition.Message)
		}
	}
	return Finding{
		Level: Wrong, About: about, Check: checkRuns, Cause: cause,
		Cure: view.Advice{Code: DescribeOperator, Namespace: deployment.Namespace, Name: deployment.Name},
	}
}

func replicas(deployment *appsv1.Deployment) int32 {
	if deployment.Spec.Replicas == nil {
		return 1
	}
	return *deployment.Spec.Replicas
}
