// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/runtimes"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// workerContainer returns the index of the container that runs the worker, or why the
// QueueApp cannot be used.
func workerContainer(app *v1alpha1.QueueApp) (int, *effective.Problem) {
	containers := app.Spec.Template.Spec.Containers
	if len(containers) == 0 {
		return 0, &effective.Problem{Reason: v1alpha1.ReasonAppInvalid, Message: fmt.Sprintf(
			"The QueueApp %q has no container in spec.template; add the one that runs the application.", app.Name)}
	}
	index := 0
	if name := app.Spec.Container; name != "" {
		index = slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == name })
		if index < 0 {
			return 0, &effective.Problem{Reason: v1alpha1.ReasonContainerNotFound, Message: fmt.Sprintf(
				"The QueueApp %q names the container %q, but spec.template has only: %s.", app.Name, name, containerNames(containers))}
		}
	}
	container, runtime := &containers[index], runtimes.Of(app.Spec.Runtime)
	switch {
	case !runtime.Known:
		return 0, &effective.Problem{Reason: v1alpha1.ReasonAppInvalid, Message: fmt.Sprintf(
			"The QueueApp %q has the runtime %s, which this operator does not know; update the operator, or choose another runtime.",
			app.Name, runtime.Name)}
	case !runtime.OwnCommand && len(container.Args) > 0:
		return 0, &effective.Problem{Reason: v1alpha1.ReasonAppInvalid, Message: fmt.Sprintf(
			"The QueueApp %q sets args for the container %q, but the operator itself builds the arguments of a %s worker; remove args and use the fields of the QueueWorker.",
			app.Name, container.Name, runtime.Name)}
	case runtime.OwnCommand && len(container.Command) == 0:
		return 0, &effective.Problem{Reason: v1alpha1.ReasonAppInvalid, Message: fmt.Sprintf(
			"The QueueApp %q has the runtime %s but no command for the container %q; set command to the worker program, since an image's own entrypoint is not known here.",
			app.Name, runtime.Name, container.Name)}
	}
	return index, nil
}

func containerNames(containers []corev1.Container) string {
	names := make([]string, 0, len(containers))
	for i := range containers {
		names = append(names, containers[i].Name)
	}
	return strings.Join(names, ", ")
}
