// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cached

import (
	"fmt"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// Usable returns a copy with the decoded template. If the operator cannot use the
// template, the copy has an empty one and the Problem says why.
func (a *QueueApp) Usable() (*v1alpha1.QueueApp, *effective.Problem) {
	app, refusal := a.Whole()
	switch {
	case refusal == "":
		return app, nil
	case a.Spec.Template.Refusal() == "":
		return app, &effective.Problem{Reason: v1alpha1.ReasonAppInvalid, Message: fmt.Sprintf("The QueueApp %q cannot be used: %s.", app.Name, refusal)}
	}
	return app, effective.TooLarge("QueueApp", app.Name, refusal)
}
