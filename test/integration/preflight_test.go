// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakes"
)

// waitApp waits until a condition of a QueueApp has a status, and returns the QueueApp.
func waitApp(t *testing.T, namespace, name, conditionType string, want metav1.ConditionStatus) *v1alpha1.QueueApp {
	t.Helper()
	app := &v1alpha1.QueueApp{}
	eventually(t, fmt.Sprintf("%s of QueueApp %s is %s", conditionType, name, want), func(ctx context.Context) error {
		if err := api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, app); err != nil {
			return err
		}
		condition := meta.FindStatusCondition(app.Status.Conditions, conditionType)
		if condition == nil || condition.Status != want {
			return fmt.Errorf("the conditions are %+v", app.Status.Conditions)
		}
		return nil
	})
	return app
}

func TestAQueueAppTellsWhatItsWorkersFound(t *testing.T) {
	namespace := newNamespace(t)
	options := operatorOptions{namespaces: []string{namespace}}
	first := startOperator(t, options)
	create(t, builders.QueueApp(namespace, "shop").Obj(),
		builders.QueueWorker(namespace, "emails").Processes(2).Obj(), builders.QueueWorker(namespace, "reports").Obj())
	waitApp(t, namespace, "shop", v1alpha1.ConditionPreflightPassed, metav1.ConditionUnknown)
	find := func(agent *fakes.Agent, findings ...protocol.Finding) {
		agent.Update(func(s *protocol.Status) {
			facts := *s.Runtime
			facts.Findings = findings
			s.Runtime = &facts
		})
	}
	emails, reports := agentsOf(t, namespace, "emails", 2), agentsOf(t, namespace, "reports", 1)
	pcntl := protocol.Finding{Kind: protocol.FindingPcntl, OK: true, Message: "PHP has pcntl."}
	logs := protocol.Finding{Kind: protocol.FindingLogs, Message: "The log goes to a file. Set LOG_CHANNEL=stderr."}
	for _, agent := range append(emails, reports...) {
		find(agent, pcntl, protocol.Finding{Kind: "Invented", Message: "A lie."})
	}
	app := waitApp(t, namespace, "shop", v1alpha1.ConditionPreflightPassed, metav1.ConditionTrue)
	if meta.FindStatusCondition(app.Status.Conditions, "Invented") != nil {
		t.Error("a pod has made a condition of its own")
	}
	if len(app.Status.Images) != 1 || app.Status.Images[0].Version != "8.83.27" || app.Status.Images[0].Image != builders.Image {
		t.Errorf("the images are %+v", app.Status.Images)
	}

	find(reports[0], pcntl, logs)
	app = waitApp(t, namespace, "shop", v1alpha1.ConditionPreflightPassed, metav1.ConditionFalse)
	if message := meta.FindStatusCondition(app.Status.Conditions, protocol.FindingLogs).Message; message != logs.Message+" Found in QueueWorker reports." {
		t.Errorf("it says %q", message)
	}
	if app.Generation != 1 {
		t.Error("the operator has written the spec")
	}

	// Neither another reconcile nor another operator writes it again.
	from := mark(t)
	reconcileAll(t, namespace)
	first.stop()
	second := startOperator(t, options)
	waitReconciled(t, second, 2)
	for _, o := range []*operator{first, second} {
		for _, request := range writesBetween(t, o, from, mark(t)) {
			if strings.HasPrefix(request.Resource(), "queueapps") {
				t.Errorf("written at rest: %s %s", request, request.RequestObject)
			}
		}
	}
}
