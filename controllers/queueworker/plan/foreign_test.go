// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"
	"time"

	"queueworker.dev/queueworker/test/builders"
)

func TestAForeignScalerIsToldOfForAWhile(t *testing.T) {
	var f ForeignScaler
	at := func(after time.Duration, entries ...string) *World {
		return &World{Now: noon.Add(after), Deployment: builders.DeploymentWith(t, entries...)}
	}
	steps := []struct {
		o       *World
		manager string
		left    time.Duration
	}{
		{at(0, builders.OperatorsFields), "", 0},
		{at(time.Second, builders.OperatorsFields, builders.KubectlScale), "kubectl", foreignFor},
		{at(time.Minute, builders.OperatorsFields), "kubectl", foreignFor - time.Minute + time.Second},
		{at(2*time.Minute, builders.Autoscalers), "kube-controller-manager", foreignFor},
		{at(2*time.Minute+foreignFor-1, builders.OperatorsFields), "kube-controller-manager", 1},
		{at(2*time.Minute+foreignFor, builders.OperatorsFields), "", 0},
		{at(10*time.Minute, builders.KubectlScale), "kubectl", foreignFor},
		{at(20*time.Minute, builders.OperatorsFields, builders.KubectlScale), "", 0}, // still an owner, because of that one write
	}
	for i, step := range steps {
		f = f.next(step.o)
		if f.told(step.o.Now) != step.manager || f.Left(step.o.Now) != step.left {
			t.Errorf("step %d: %q for another %s, want %q for %s", i, f.told(step.o.Now), f.Left(step.o.Now), step.manager, step.left)
		}
	}
}
