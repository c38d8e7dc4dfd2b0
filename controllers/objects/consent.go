// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// defaultPoolsMay is what a QueueApp permits its pools while its spec.poolsMay is
// absent. A PriorityClass is left out because it takes room from other pods of the
// cluster.
var defaultPoolsMay = []v1alpha1.PoolField{v1alpha1.PoolEnv, v1alpha1.PoolNodeSelector, v1alpha1.PoolTolerations}

// consent compares a QueueWorker's settings for its pods with the fields that its
// QueueApp permits. refused is why the pool may not be built. told is the content of
// the condition NotPermitted. It is also set if the pool keeps an older setting that a
// new pool may not have.
func consent(in Input) (refused, told *effective.Problem) {
	var kept []string
	if names := foreignEnv(in.Worker); len(names) > 0 {
		kept = append(kept, fmt.Sprintf(
			"The QueueWorker's spec.env takes %s from a Secret, a ConfigMap or a file, and only a QueueApp may do that. The variable was stored before this rule, so the pool still uses it, but spec.env cannot be changed. Move the variable to env of the container in spec.template of the QueueApp.",
			enumerate(names)))
	}
	missing := notPermitted(in)
	if slices.Equal(missing, []v1alpha1.PoolField{v1alpha1.PoolPriorityClassName}) && in.App.Spec.PoolsMay == nil && hadPriorityClass(in) {
		kept = append(kept, fmt.Sprintf(
			"The QueueWorker's spec.priorityClassName is %s, and the QueueApp %q does not say whether its pools may name a PriorityClass; the pool had it before and keeps it. Add PriorityClassName to spec.poolsMay of the QueueApp, or remove spec.priorityClassName.",
			in.Worker.Spec.PriorityClassName, in.App.Name))
		missing = nil
	}
	if len(missing) > 0 {
		refused = &effective.Problem{Reason: v1alpha1.ReasonNotPermitted, Message: refusalOf(in, missing)}
		return refused, &effective.Problem{Reason: v1alpha1.ReasonNotPermitted, Message: strings.Join(append([]string{refused.Message}, kept...), " ")}
	}
	if len(kept) > 0 {
		told = &effective.Problem{Reason: v1alpha1.ReasonFromBefore, Message: strings.Join(kept, " ")}
	}
	return nil, told
}

// foreignEnv names the variables that a QueueWorker takes from an object that only a
// QueueApp may name. The API refuses such variables, but keeps those that were stored
// earlier.
func foreignEnv(worker *v1alpha1.QueueWorker) []string {
	var names []string
	for i := range worker.Spec.Env {
		if from := worker.Spec.Env[i].ValueFrom; from != nil && from.FieldRef == nil && from.ResourceFieldRef == nil && *from != (corev1.EnvVarSource{}) {
			names = append(names, worker.Spec.Env[i].Name)
		}
	}
	return names
}

// notPermitted returns the fields that a QueueWorker sets and its QueueApp does not permit.
func notPermitted(in Input) []v1alpha1.PoolField {
	if in.App == nil {
		return nil
	}
	permitted := in.App.Spec.PoolsMay
	if permitted == nil {
		permitted = defaultPoolsMay
	}
	spec := &in.Worker.Spec
	class := spec.PriorityClassName
	var out []v1alpha1.PoolField
	for _, field := range []struct {
		name v1alpha1.PoolField
		set  bool
	}{
		{v1alpha1.PoolEnv, len(spec.Env) > 0},
		{v1alpha1.PoolNodeSelector, len(spec.NodeSelector) > 0},
		{v1alpha1.PoolPriorityClassName, class != "" && class != in.App.Spec.Template.Spec.PriorityClassName},
		{v1alpha1.PoolTolerations, len(spec.Tolerations) > 0},
	} {
		if field.set && !slices.Contains(permitted, field.name) {
			out = append(out, field.name)
		}
	}
	return out
}

// hadPriorityClass reports whether pods of this pool and QueueApp already had the
// pool's PriorityClass. It reads only objects that only the operator writes: the pool's
// own Deployment and runs, and its status.
func hadPriorityClass(in Input) bool {
	same := func(template *corev1.PodTemplateSpec) bool {
		return template.Spec.PriorityClassName == in.Worker.Spec.PriorityClassName && template.Labels[v1alpha1.LabelApp] == in.App.Name
	}
	if in.Live != nil && OwnedBy(in.Live, in.Worker) && same(&in.Live.Spec.Template) {
		return true
	}
	for _, run := range in.Runs {
		if OwnedBy(run, in.Worker) && same(&run.Spec.Template) {
			return true
		}
	}
	status := &in.Worker.Status
	told := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionNotPermitted)
	return told != nil && told.Reason == v1alpha1.ReasonFromBefore &&
		told.ObservedGeneration == in.Worker.Generation && status.AppName == in.App.Name
}

// refusalOf says which fields a QueueApp does not permit, and what to do.
func refusalOf(in Input, missing []v1alpha1.PoolField) string {
	fields, names := make([]string, 0, len(missing)), make([]string, 0, len(missing))
	for _, field := range missing {
		names = append(names, string(field))
		fields = append(fields, "spec."+strings.ToLower(string(field[:1]))+string(field[1:]))
	}
	return fmt.Sprintf("The QueueWorker %q sets %s, which the QueueApp %q does not permit: its spec.poolsMay %s. Remove it from the QueueWorker, or add %s to spec.poolsMay of the QueueApp. Until then the pods that the pool has stay as they are.",
		in.Worker.Name, enumerate(fields), in.App.Name, permits(in.App), enumerate(names))
}

// permits says what a QueueApp permits its pools, as the end of a sentence.
func permits(app *v1alpha1.QueueApp) string {
	switch permitted := app.Spec.PoolsMay; {
	case permitted == nil:
		return "is absent, which permits all but a PriorityClass other than the template's"
	case len(permitted) == 0:
		return "is empty"
	default:
		names := make([]string, 0, len(permitted))
		for _, field := range permitted {
			names = append(names, string(field))
		}
		return "lists only " + enumerate(names)
	}
}

// enumerate lists a few names in a sentence.
func enumerate(names []string) string {
	const most, longest = 4, 64
	var out []string
	for i, name := range names {
		if i == most {
			return strings.Join(out, ", ") + fmt.Sprintf(" and %d more", len(names)-most)
		}
		if len(name) > longest {
			name = strings.ToValidUTF8(name[:longest], "") + "..."
		}
		out = append(out, name)
	}
	if len(out) < 2 {
		return strings.Join(out, "")
	}
	return strings.Join(out[:len(out)-1], ", ") + " and " + out[len(out)-1]
}
