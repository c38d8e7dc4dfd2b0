// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/defaultapp"
	"queueworker.dev/queueworker/controllers/findings"
	"queueworker.dev/queueworker/controllers/workqueue"
)

// Reconciler brings the cluster to the state that QueueWorkers ask for.
type Reconciler struct {
	// Client reads from the cache and writes as v1alpha1.FieldManager.
	Client client.Client
	// Live reads past the cache. It is used before an object is created, because the cache
	// holds only the operator's objects, and an object of another owner may have the name.
	Live client.Reader
	// Collector holds the reports of agents.
	Collector *collector.Collector
	// Backlogs holds the reports of backlog probes.
	Backlogs *collector.Backlogs
	// Findings receives the findings of workers about their QueueApp.
	Findings *findings.Exchange
	// Recorder records events.
	Recorder events.EventRecorder
	// Clock is the clock.
	Clock clock.PassiveClock
	// Budget bounds the CPU that reconciles of one namespace may take.
	Budget *workqueue.Budget
	// AgentImage is the image from which new pods copy the agent.
	AgentImage string
	// Pin is the pin by which agents know the operator.
	Pin string

	memory memory
	caps   caps
	// defaults knows which QueueApp is used by pools that name none.
	defaults defaultapp.Index
	pins     pins
	// queue takes pools to reconcile.
	queue workqueue.Requests
}
