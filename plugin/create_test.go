// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakecluster"
)

// TestWhatCreateWouldUndoIsRefused: the refusal is a mistake in the command line, and
// nothing changes.
func TestWhatCreateWouldUndoIsRefused(t *testing.T) {
	conflict := interceptor.Funcs{
		Apply: func(context.Context, client.WithWatch, runtime.ApplyConfiguration, ...client.ApplyOption) error {
			return apierrors.NewConflict(schema.GroupResource{Resource: "queueworkers"}, "emails", errors.New("conflict with kubectl-edit: .spec.processes"))
		},
	}
	tests := map[string]struct {
		cluster *cli.Cluster
		want    string
	}{
		"made in another way": {fakecluster.New(t, interceptor.Funcs{}, builders.QueueWorker("shop", "emails").Obj()), "exists already in the namespace shop"},
		"changed since":       {fakecluster.New(t, conflict), "was changed since it was created"},
	}
	for name, tc := range tests {
		manifest, err := intent.Manifest("emails", map[string]any{"queue": new("emails")})
		if err != nil {
			t.Fatal(err)
		}
		_, err = (&createCommand{}).createIn(t.Context(), tc.cluster, &unstructured.Unstructured{Object: manifest})
		if code, sentence := cli.Explain(err); code != cli.CodeUsage || !strings.Contains(sentence, tc.want) {
			t.Errorf("%s: code %d: %s", name, code, sentence)
		}
	}
}
