// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queuecommand

import (
	"fmt"
	"strings"
	"testing"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/passlog"
	"queueworker.dev/queueworker/test/logs"
)

// TestACommandLogsWhatItWaitsFor: a pass that changes nothing has one line, of level
// V(1). No text of the user is in it.
func TestACommandLogsWhatItWaitsFor(t *testing.T) {
	const secret = "canary-bob@example.com"
	retry := v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionRetryFailed, All: true}
	tests := map[string]struct {
		spec    v1alpha1.QueueCommandSpec
		objects []client.Object
		reason  string
	}{
		"a command without a QueueApp":    {spec: retry, reason: v1alpha1.ReasonAppNotFound},
		"a command that is gone":          {reason: passlog.Gone},
		"a command that no app can serve": {spec: v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionListFailed, Search: secret}, objects: []client.Object{withoutDriver()}, reason: v1alpha1.ReasonNoDriver},
		"a list that no probe serves":     {spec: v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionListFailed, Search: secret}, objects: []client.Object{shopApp()}, reason: passlog.AwaitingReports},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if tc.spec.Action != "" {
				tc.objects = append(tc.objects, newCommand("retry", tc.spec))
			}
			r, _ := fakeCommands(t, interceptor.Funcs{}, tc.objects...)
			recorder, log := logs.New(t)
			for range 3 {
				recorder.Take()
				request := ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "shop", Name: "retry"}}
				if _, err := r.Reconcile(ctrl.LoggerInto(t.Context(), log), request); err != nil {
					t.Fatal(err)
				}
			}
			lines := recorder.Take()
			if len(lines) != 1 || lines[0].Level != 1 || lines[0].Message != "Pass ended" || lines[0].Text("reason") != tc.reason {
				t.Errorf("the lines are %v, want one with the reason %s", lines, tc.reason)
			}
			if strings.Contains(fmt.Sprint(lines), secret) {
				t.Errorf("text of a user is in the log: %v", lines)
			}
		})
	}
}

func withoutDriver() client.Object {
	app := shopApp()
	app.Spec.Connection = nil
	return app
}
