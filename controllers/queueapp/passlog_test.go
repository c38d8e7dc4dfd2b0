// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueapp

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/findings"
	"queueworker.dev/queueworker/controllers/passlog"
	"queueworker.dev/queueworker/controllers/preflight"
	"queueworker.dev/queueworker/test/logs"
)

// TestAnUnchangedAppLogsOneLine: the line has level V(1) and says what the app waits for.
// No text of the user is in it.
func TestAnUnchangedAppLogsOneLine(t *testing.T) {
	const secret = "canary-bob@example.com"
	pools := []preflight.Pool{{Name: "emails"}}
	tests := map[string]struct {
		worker bool
		pools  []preflight.Pool
		reason string
	}{
		"an app without pools":              {reason: "NotUsed"},
		"an app whose pool is silent":       {worker: true, reason: passlog.AwaitingReports},
		"an app whose pool found nothing":   {worker: true, pools: pools, reason: v1alpha1.ReasonNotChecked},
		"an app that is gone before a look": {reason: passlog.Gone},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			scheme := runtime.NewScheme()
			for _, add := range []func(*runtime.Scheme) error{cached.AddToScheme, corev1.AddToScheme, appsv1.AddToScheme, networkingv1.AddToScheme} {
				if err := add(scheme); err != nil {
					t.Fatal(err)
				}
			}
			app := appNamed("web")
			app.Annotations = map[string]string{"example.com/note": secret}
			app.Spec.Template = cached.NewTemplate([]byte(`{"spec":{"containers":[{"name":"worker","image":"` + secret + `"}]}}`))
			var objects []client.Object
			if tc.reason != passlog.Gone {
				objects = append(objects, app)
			}
			if tc.worker {
				objects = append(objects, poolOf("emails", "web"))
			}
			cluster := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(&cached.QueueApp{}).Build()
			now := clocktesting.NewFakePassiveClock(noon)
			r := &Reconciler{
				Client: client.WithFieldOwner(cluster, v1alpha1.FieldManager), Live: cluster, Clock: now, Findings: &findings.Exchange{},
				Backlogs: collector.NewBacklogs(collector.BacklogOptions{Clock: now}),
			}
			key := client.ObjectKeyFromObject(app)
			for _, pool := range tc.pools {
				r.Findings.Tell(client.ObjectKey{Namespace: "shop", Name: pool.Name}, key, pool)
			}
			recorder, log := logs.New(t)
			for range 2 {
				recorder.Take()
				if _, err := r.Reconcile(ctrl.LoggerInto(t.Context(), log), ctrl.Request{NamespacedName: key}); err != nil {
					t.Fatal(err)
				}
			}
			lines := recorder.Take()
			if len(lines) != 1 || lines[0].Level != 1 || lines[0].Message != "Pass ended" || lines[0].Text("reason") != tc.reason || lines[0].Text("next") == "" {
				t.Errorf("the lines are %v, want one with the reason %s", lines, tc.reason)
			}
			if strings.Contains(fmt.Sprint(lines), secret) {
				t.Errorf("text of a user is in the log: %v", lines)
			}
		})
	}
}
