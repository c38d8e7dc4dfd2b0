// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fakecluster has clusters for the tests of the plugin: a fake client with objects,
// and an API server that answers with a log.
package fakecluster

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/cli"
)

// New returns a cluster whose client is a fake that has these objects.
func New(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) *cli.Cluster {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return &cli.Cluster{
		Client:    fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(funcs).Build(),
		Namespace: "shop",
	}
}
