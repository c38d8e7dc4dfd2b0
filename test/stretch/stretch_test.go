// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package stretch

import (
	"testing"

	"queueworker.dev/queueworker/api/bounds"
)

func load(t testing.TB) *Apps {
	t.Helper()
	apps, err := Load("../../config/crd/bases")
	if err != nil {
		t.Fatal(err)
	}
	return apps
}

// TestTheOperatorRefusesWhatTheSchemaRefuses: the operator refuses exactly what the API
// server refuses, because both have their bounds from one table.
func TestTheOperatorRefusesWhatTheSchemaRefuses(t *testing.T) {
	apps := load(t)
	for app := range apps.EachBound() {
		refusals := apps.Refusals(app)
		excess, err := bounds.Check("spec.template", app.Template(), bounds.Template)
		if err != nil {
			t.Fatal(err)
		}
		if over := app.Size > app.Most; len(refusals) > 0 != over || (excess != nil) != over {
			t.Errorf("%s of %d, bound %d: schema: %v, operator: %v", app.Name, app.Size, app.Most, cut(refusals.ToAggregate()), excess)
		}
	}
}

func cut(err error) string {
	if err == nil {
		return "accepted"
	}
	text := err.Error()
	return text[:min(len(text), 300)]
}

// TestWhatIsStretchedTogetherIsAccepted: both must accept the objects of Together, or
// these objects prove nothing.
func TestWhatIsStretchedTogetherIsAccepted(t *testing.T) {
	apps := load(t)
	largest := 0
	for app := range apps.Together() {
		template := app.Template()
		largest = max(largest, len(template))
		if excess, err := bounds.Check("spec.template", template, bounds.Template); excess != nil || err != nil {
			t.Errorf("the operator refuses %s: %v, %v", app.Name, excess, err)
		}
		if refusals := apps.Refusals(app); len(refusals) > 0 {
			t.Errorf("the schema refuses %s: %v", app.Name, cut(refusals.ToAggregate()))
		}
	}
	if largest < bounds.Template.Bytes*9/10 {
		t.Errorf("the largest template is %d bytes; none comes near to the bound of %d", largest, bounds.Template.Bytes)
	}
}
