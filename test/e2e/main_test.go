// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e runs the installed product on a real cluster, with a real kubelet, real
// Redis and real Laravel workers.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"queueworker.dev/queueworker/test/lab"
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard()) // a client without a cache logs nothing useful
	if err := operatorRuns(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: "+err.Error())
		os.Exit(1)
	}
	from, err := auditLog().End()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e: "+err.Error())
		os.Exit(1)
	}
	code := m.Run()
	if code == 0 && flag.Lookup("test.run").Value.String() == "" {
		if err := checkRights(from); err != nil {
			fmt.Fprintf(os.Stderr, "FAIL: rights of the operator: %v\n", err)
			code = 1
		}
	}
	if err := lab.RemovePlugin(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: "+err.Error())
	}
	os.Exit(code)
}

// operatorRuns waits until the installed operator is available.
func operatorRuns() error {
	_, c, err := lab.Connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for {
		operators := &appsv1.DeploymentList{}
		if err := c.List(ctx, operators, client.MatchingLabels{"app.kubernetes.io/name": "queueworker"}); err != nil {
			return fmt.Errorf("look for the operator: %w", err)
		}
		for i := range operators.Items {
			if operators.Items[i].Status.AvailableReplicas > 0 {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no operator is available among %d Deployments; make test-e2e installs it", len(operators.Items))
		case <-time.After(time.Second):
		}
	}
}
