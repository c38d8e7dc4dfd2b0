// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers"
	"queueworker.dev/queueworker/controllers/cachefilter"
	"queueworker.dev/queueworker/trust"
)

// leaseName is the Lease with which the operator's replicas elect their leader.
const leaseName = "queueworker-operator"

const (
	// memoryRatio is the share of the container's memory limit that Go stays below. The rest
	// is for memory that Go does not count: the program itself and the kernel's buffers.
	memoryRatio = 0.8
	// memoryRefresh is how often the limit is read again, because a kubelet can change it in
	// place.
	memoryRefresh = time.Minute
)

// run runs the operator until ctx ends.
func run(ctx context.Context, o options) error {
	if _, err := memlimit.Set(memlimit.WithRatio(memoryRatio), memlimit.WithRefreshInterval(ctx, memoryRefresh)); err != nil {
		// Without a limit, Go collects garbage later. Nothing else changes.
		ctrl.Log.WithName("setup").Error(err, "Could not read the container's memory limit")
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	mgr, err := newManager(config, o)
	if err != nil {
		return err
	}
	identity, kept, err := trust.IdentityFrom(o.identityFile)
	if err != nil {
		return err
	}
	mgr.GetLogger().Info("Agents and backlog probes know this operator by its key", "pin", identity.Pin(), "fromFile", kept)
	if err := controllers.Setup(mgr, controllers.Options{
		AgentImage: o.agentImage, ProbeImage: o.backlogImage, Namespace: o.namespace, Identity: identity,
		Concurrency: o.concurrency, NamespaceCPU: o.namespaceCPU,
	}); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func newManager(config *rest.Config, o options) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, controllers.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("register kinds: %w", err)
		}
	}
	cachefilter.LimitLists(config)
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme,
		Cache:  cachefilter.Options(o.namespaces),
		Client: client.Options{FieldOwner: v1alpha1.FieldManager},
		// The manager's own servers bound neither connections nor memory; see serve.
		Metrics:                       metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress:        "0",
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              leaseName,
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	return mgr, serve(mgr, o)
}
