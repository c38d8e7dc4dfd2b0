// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/findings"
	"queueworker.dev/queueworker/controllers/queueapp"
	"queueworker.dev/queueworker/controllers/queuecommand"
	"queueworker.dev/queueworker/controllers/queueworker"
	"queueworker.dev/queueworker/controllers/workqueue"
	"queueworker.dev/queueworker/trust"
)

// Options are the operator's start options.
type Options struct {
	// AgentImage is the image from which worker pods copy the agent.
	AgentImage string
	// ProbeImage is the image of backlog probes.
	ProbeImage string
	// Namespace is the namespace of the operator; empty if it is not known.
	Namespace string
	// Concurrency is how many QueueWorkers are reconciled at once.
	Concurrency int
	// NamespaceCPU is how much of one CPU the work for one namespace may take in the long
	// run: its reconciles, and the answers of its agents and probes. 0 means no bound.
	NamespaceCPU float64
	// Identity is the identity that the operator proves to agents and probes; nil means
	// a new one. A given Collector and given Backlogs must have the same identity.
	Identity *trust.Identity
	// Collector and Backlogs are created if nil.
	Collector *collector.Collector
	Backlogs  *collector.Backlogs
	// Clock is the clock; nil means the real clock.
	Clock clock.PassiveClock
	// SkipNameValidation lets a process run several managers, as tests do.
	SkipNameValidation bool
}

// Setup adds the operator to a manager whose cache has the options of
// package cachefilter.
func Setup(mgr ctrl.Manager, o Options) error {
	if o.Identity == nil {
		identity, err := trust.NewIdentity()
		if err != nil {
			return err
		}
		o.Identity = identity
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	budget := workqueue.NewBudget(o.NamespaceCPU, o.Clock.Now)
	if o.Collector == nil {
		o.Collector = collector.New(collector.Options{Log: mgr.GetLogger().WithName("collector"), Identity: o.Identity, Budget: budget})
	}
	if o.Backlogs == nil {
		o.Backlogs = collector.NewBacklogs(collector.BacklogOptions{Clock: o.Clock, Identity: o.Identity, Budget: budget})
	}
	if err := errors.Join(mgr.Add(o.Collector), mgr.Add(o.Backlogs)); err != nil {
		return fmt.Errorf("add the collector: %w", err)
	}
	exchange := &findings.Exchange{}
	reconciler := &queueworker.Reconciler{
		Client:     mgr.GetClient(),
		Live:       mgr.GetAPIReader(),
		Collector:  o.Collector,
		Backlogs:   o.Backlogs,
		Findings:   exchange,
		Recorder:   mgr.GetEventRecorder(v1alpha1.FieldManager),
		Clock:      o.Clock,
		Budget:     budget,
		AgentImage: o.AgentImage,
		Pin:        o.Identity.Pin(),
	}
	options := controller.Options{
		MaxConcurrentReconciles: o.Concurrency, SkipNameValidation: &o.SkipNameValidation,
		NewQueue: func(name string, limiter workqueue.Limiter) workqueue.Requests {
			return workqueue.New(workqueue.Options{Name: name, Workers: max(o.Concurrency, 1), Limiter: limiter, Budget: budget})
		},
	}
	if err := reconciler.SetupWithManager(mgr, options); err != nil {
		return fmt.Errorf("add the QueueWorker controller: %w", err)
	}
	apps := &queueapp.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Backlogs: o.Backlogs, Findings: exchange, Clock: o.Clock, Budget: budget,
		ProbeImage: o.ProbeImage, Namespace: o.Namespace,
		Pin: o.Identity.Pin(),
	}
	if err := apps.SetupWithManager(mgr, options); err != nil {
		return fmt.Errorf("add the QueueApp controller: %w", err)
	}
	commands := &queuecommand.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: o.Clock, Budget: budget, Backlogs: o.Backlogs,
		AgentImage: o.AgentImage,
	}
	if err := commands.SetupWithManager(mgr, options); err != nil {
		return fmt.Errorf("add the QueueCommand controller: %w", err)
	}
	return nil
}

// AddToScheme adds the operator's kinds to the scheme of its manager.
var AddToScheme = cached.AddToScheme
